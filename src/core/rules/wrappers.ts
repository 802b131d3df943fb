import type { Worker } from '../model/config.ts';

const shells = /^(?:ba|da|a|k|z)?sh$/;
/** Programs that become the one that they are given. */
const prefixes = /^(?:env|nice|ionice|nohup)$/;
const runners = /^(?:npm|npx|yarn|pnpm|pnpx)$/;

/** Programs whose parent tells its children when to finish: these must not get the signal themselves. */
const parents = /^(?:celery|rq|rqworker|sidekiq|gunicorn|puma)$/;

const nameOf = (word: string): string => word.slice(word.lastIndexOf('/') + 1);

/** What is wrong with whom a stop of this worker asks, and the better line; undefined: nothing that its command shows. */
export function wrapperWarning({
  command,
  stop,
}: Pick<Worker, 'command' | 'stop'>): string | undefined {
  if (stop.to !== 'session') {
    const found = wrapperIn(command);
    return found && `${found}, or set stop.to: session`;
  }
  const words = command.flatMap((word) => word.split(/\s+/)).map(nameOf);
  const parent = words.find((word) => parents.test(word));
  return parent === undefined
    ? undefined
    : `${parent} itself tells its children when to finish: with session they get the signal too, and may drop their jobs; leave stop.to out`;
}

function wrapperIn(command: readonly string[]): string | undefined {
  const at = programAt(command);
  const [program = '', option = '', script = ''] = command.slice(at);
  const name = nameOf(program);
  if (runners.test(name))
    return `${name} does not pass the signal on to what it runs; write the command that the script stands for, such as [node, worker.js]`;
  return shells.test(name) && /^-[a-z]*c$/.test(option)
    ? shellWrapper(name, script, command.slice(0, at + 2))
    : undefined;
}

/** Where the program is, behind such as `env NAME=value` and `nice -n 5`. */
function programAt(command: readonly string[]): number {
  let at = 0;
  while (prefixes.test(nameOf(command[at] ?? ''))) {
    at += 1;
    while (/^(?:-.*|\d+|[A-Za-z_]\w*=.*)$/s.test(command[at] ?? '')) at += 1;
  }
  return at;
}

/** The same text with its quoted parts and escaped characters blanked out, so that only real operators are left. */
const unquoted = (script: string): string =>
  script.replace(/'[^']*'|"(?:[^"\\]|\\[^])*"|\\[^]/g, (part) => '_'.repeat(part.length));

/** @param before the words before the script, which the better line keeps */
function shellWrapper(
  shell: string,
  script: string,
  before: readonly string[],
): string | undefined {
  const bare = unquoted(script);
  if (/(?<![|>])\|(?!\|)/.test(bare)) {
    const first = script.slice(0, bare.search(/(?<![|>])\|(?!\|)/)).trim();
    return `${shell} runs a pipe, and a stop ends the shell alone; write ${asLine(before, withExec(first))}, and let log.file or log.command take its output`;
  }
  const background = bare.search(/(?<![&><])&(?![&>])/);
  if (background !== -1) {
    const job = script.slice(0, background).trim();
    return `${shell} runs its job in the background, and a stop ends the shell alone; write ${asLine(before, withExec(job))}`;
  }
  const last = lastCommandIn(bare);
  if (/^(?:exec\s|exit\b|wait\b|fi\b|done\b|esac\b|\}|\)|$)/.test(bare.slice(last)))
    return undefined;
  return `${shell} may stay the parent of its last command, and a stop ends the shell alone; write ${asLine(before, withExec(script))}`;
}

/** Where the last command of a script begins. */
function lastCommandIn(bare: string): number {
  const end = bare.replace(/[;\s]+$/, '').length;
  const before = bare.slice(0, end);
  const operators = [...before.matchAll(/&&|\|\||[;\n]/g)];
  const operator = operators.at(-1);
  const from = operator === undefined ? 0 : operator.index + operator[0].length;
  return from + before.slice(from).search(/\S|$/);
}

/** The same script, with exec before its last command; variables that are set for that need env. */
export function withExec(script: string): string {
  const at = lastCommandIn(unquoted(script));
  const last = script.slice(at);
  const env = /^[A-Za-z_]\w*=/.test(last) ? 'env ' : '';
  return /^exec\s/.test(last) ? script : `${script.slice(0, at)}exec ${env}${last}`;
}

const asLine = (before: readonly string[], script: string): string =>
  `[${[...before.map(asWord), JSON.stringify(script.replace(/[;\s]+$/, ''))].join(', ')}]`;

/** A word of a YAML list, quoted only if it must be. */
const asWord = (word: string): string =>
  /^[\w./-]+$/.test(word) && !/^[\d.]+$/.test(word) ? word : JSON.stringify(word);
