import { shellWord } from '../../core/basics/shell-word.ts';
import { withExec, wrapperWarning } from '../../core/rules/wrappers.ts';
import { programProblem } from '../../config/shell-only.ts';
import { splitWords } from '../../config/shell-words.ts';
import { escapedSpecifiers } from '../../config/specifiers.ts';
import type { FoundCommand, Value } from './found.ts';

/** What a line of a project may refer to. */
export interface Surroundings {
  /** The scripts of package.json. */
  readonly scripts: ReadonlyMap<string, string>;
  /** Whether the project has an environment of Python in its own directory. */
  readonly hasVenv: boolean;
}

/** A command as our config has it, and what else its source said. */
export interface Resolved {
  readonly command: string | readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly directory?: string;
  readonly notes: readonly string[];
}

/** A line on its way: what was taken out of it so far. */
interface Line {
  readonly text: string;
  readonly env: Readonly<Record<string, string>>;
  readonly directory?: string;
  readonly notes: readonly string[];
}

/** One way to write a line better; undefined if it has nothing of that kind. */
type Rewrite = (line: Line, surroundings: Surroundings) => Line | undefined;

const plainWords = (text: string): readonly string[] | undefined => {
  const split = splitWords(text);
  return split.kind === 'words' ? split.words : undefined;
};

const withoutExec: Rewrite = (line) => {
  const rest = /^exec\s+(?!-)(.*)$/s.exec(line.text)?.[1];
  return rest === undefined ? undefined : { ...line, text: rest };
};

const inForeground: Rewrite = (line) => {
  const rest = /^([^&|;]*[^&|;\s>])\s*&$/s.exec(line.text)?.[1];
  const notes = ['It was started in the background (&); here it stays in the foreground.'];
  return rest === undefined ? undefined : { ...line, text: rest, notes: [...line.notes, ...notes] };
};

/** `NAME=value` before the program. */
const assignment: Rewrite = (line) => {
  const [, name = '', raw = '', rest = ''] =
    /^([A-Za-z_]\w*)=('[^']*'|"[^"$`\\]*"|[\w./:@%+,=-]*)\s+(\S.*)$/s.exec(line.text) ?? [];
  if (name === '' || /^[|&;]/.test(rest)) return undefined;
  const value = raw.replace(/^(["'])(.*)\1$/s, '$2');
  return { ...line, text: rest, env: { ...line.env, [name]: value } };
};

const directory: Rewrite = (line) => {
  const [, path, rest = ''] = /^cd\s+([\w./@+-]+)\s*&&\s*(\S.*)$/s.exec(line.text) ?? [];
  if (path === undefined || path.startsWith('-') || line.directory !== undefined) return undefined;
  return { ...line, text: rest, directory: path };
};

/** What its output is piped to, if that only keeps or formats it. */
const pipe: Rewrite = (line) => {
  const [, first, second] =
    /^((?:[^|'"]|'[^']*'|"[^"]*")+?)\s*(?:2>&1\s*)?\|\s*((?:tee|logger|cronolog|rotatelogs|multilog|svlogd|cat|ts|pino-pretty|bunyan|jq)\b[^|]*)$/s.exec(
      line.text,
    ) ?? [];
  if (first === undefined || first.endsWith('|')) return undefined;
  const note = `Its output goes to its log; it was piped to ${second ?? ''}, which log.command can do.`;
  return { ...line, text: first, notes: [...line.notes, note] };
};

/** The name of a script that a line runs, and the arguments for it. */
function scriptCall(
  words: readonly string[],
): { name: string; args: readonly string[] } | undefined {
  const [runner = '', ...all] = words;
  if (!/^(?:npm|yarn|pnpm|bun)$/.test(runner)) return undefined;
  const rest = all.filter((word, at) => at > 2 || !/^(?:-s|--silent|--quiet|-q)$/.test(word));
  const [verb = '', ...after] = rest;
  const isRun = /^(?:run|run-script)$/.test(verb);
  const [name = '', ...args] = isRun ? after : rest;
  if (name === '' || name.startsWith('-')) return undefined;
  if (runner === 'npm' && !isRun && !/^(?:start|restart|test)$/.test(name)) return undefined;
  return { name, args: args[0] === '--' ? args.slice(1) : runner === 'npm' ? [] : args };
}

const script: Rewrite = (line, { scripts }) => {
  const words = plainWords(line.text);
  const call = words === undefined ? undefined : scriptCall(words);
  const text = call === undefined ? undefined : scripts.get(call.name);
  if (call === undefined || text === undefined || text.trim() === '') return undefined;
  const around = [`pre${call.name}`, `post${call.name}`].filter((name) => scripts.has(name));
  return {
    ...line,
    text: [escapedSpecifiers(text.trim()), ...call.args.map(shellWord)].join(' '),
    notes: [
      ...line.notes,
      `${line.text} stands for this in package.json; npm would not pass the signal on.`,
      ...around.map((name) => `The script ${name} is not run.`),
    ],
  };
};

/** Programs that only look for another one, which is found by PATH here. */
const launcher: Rewrite = (line, { hasVenv }) => {
  const node =
    /^(?:npx(?:\s+--?(?:yes|no-install|y))*|(?:npm|pnpm|yarn|bun)\s+exec(?:\s+--)?|bunx)\s+(?!-)(\S.*)$/s;
  const python = /^(?:poetry|pipenv|uv|pdm)\s+run\s+(?:--\s+)?(?!-)(\S.*)$/s;
  const rest = node.exec(line.text)?.[1] ?? (hasVenv ? python.exec(line.text)?.[1] : undefined);
  if (rest === undefined) return undefined;
  const note = `It was started by ${line.text.split(/\s/, 1)[0] ?? ''}; PATH finds it here.`;
  return { ...line, text: rest, notes: [...line.notes, note] };
};

const rewrites: readonly Rewrite[] = [
  withoutExec,
  inForeground,
  assignment,
  directory,
  pipe,
  script,
  launcher,
];

/** A script may name itself. */
const mostRewrites = 20;

/** A command of a source in our terms: plain words if possible, or else a shell that its program replaces. */
export function resolveCommand(found: FoundCommand, surroundings: Surroundings): Resolved {
  const start: Line = { text: textOf(found), env: {}, notes: [] };
  const last = rewritten(start, surroundings);
  const { env, directory: folder, notes } = last;
  const { command, note } = commandOf(last.text);
  return {
    command,
    env,
    ...(folder !== undefined && { directory: folder }),
    notes: [...notes, ...(note === undefined ? [] : [note])],
  };
}

/** Words as a line; a shell's own script is that line. */
function textOf(found: FoundCommand): string {
  if (found.kind === 'line') return found.line.trim();
  const [shell = '', option = '', text, ...more] = found.words;
  const isShell = /^(?:\/(?:usr\/)?bin\/)?(?:sh|dash)$/.test(shell) && option === '-c';
  return isShell && text !== undefined && more.length === 0
    ? text.trim()
    : found.words.map(shellWord).join(' ');
}

function rewritten(start: Line, surroundings: Surroundings): Line {
  let line = start;
  for (let count = 0; count < mostRewrites; count += 1) {
    const current = line;
    const next = rewrites
      .map((rewrite) => rewrite(current, surroundings))
      .find((one) => one !== undefined);
    if (next === undefined) return line;
    line = next;
  }
  return line;
}

function commandOf(text: string): { command: string | readonly string[]; note?: string } {
  const words = plainWords(text);
  if (words !== undefined) return fromWords(text, words);
  const better = withProgram(text);
  const note = wrapperWarning({
    command: ['sh', '-c', better],
    stop: { signal: 'TERM' },
  });
  return {
    command: ['sh', '-c', better],
    ...(note !== undefined && {
      note: `${note.split(/, and a stop/, 1)[0] ?? ''}: a stop may not reach the worker.`,
    }),
  };
}

/** A shell that other words name, such as bash -lc, keeps them; its script gets exec. */
function fromWords(
  text: string,
  words: readonly string[],
): { command: string | readonly string[]; note?: string } {
  const at = words.findIndex((word) => /^-[a-z]*c$/.test(word));
  const inner = words[at + 1];
  const isShell = at > 0 && /(?:^|\/)(?:ba|da|a|k|z)?sh$/.test(words[at - 1] ?? '');
  if (!isShell || inner === undefined) return { command: text };
  return { command: [...words.slice(0, at + 1), withProgram(inner), ...words.slice(at + 2)] };
}

/** The program replaces the shell, so that it gets the stop signal itself. */
function withProgram(text: string): string {
  const warned = (line: string): boolean =>
    wrapperWarning({ command: ['sh', '-c', line], stop: { signal: 'TERM' } }) !== undefined;
  if (!warned(text)) return text;
  const better = withExec(text);
  const program = /exec (?:env )?([^\s;&|]+)[^\n]*$/.exec(better)?.[1] ?? '';
  return warned(better) || programProblem(program) !== undefined ? text : better;
}

/** The first word of each simple command, as far as it can be seen without a shell: what PATH must find. */
export function programsOf(command: string | readonly Value[]): readonly string[] {
  const words = typeof command === 'string' ? (plainWords(command) ?? []) : command.map(String);
  const [shell = '', option = '', text = ''] = words;
  const isShell = /(?:^|\/)(?:ba|da)?sh$/.test(shell) && /^-[a-z]*c$/.test(option);
  if (!isShell) return words.slice(0, 1);
  return text
    .split(/[|;&\n]+/)
    .map(
      (part) =>
        /^\s*(?:exec\s+)?(?:env\s+)?(?:[A-Za-z_]\w*=\S*\s+)*([^\s"'$(){}<>]+)/.exec(part)?.[1],
    )
    .filter((word) => word !== undefined && programProblem(word) === undefined) as string[];
}
