import type { Options as YargsOption } from 'yargs';
import { WorkerctlError } from '../core/basics/error.ts';
import type { Command, CommandTable, GlobalOptions } from './command.ts';
import { optionName } from './options.ts';
import { terminalSize } from './print.ts';

/** The environment and the directory that a command line is read in. */
export interface Caller {
  readonly env: NodeJS.ProcessEnv;
  readonly directory: string | undefined;
}

/** What a command line asks for: a text to print, or a command to run. */
export type Invocation =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'run'; readonly run: () => Promise<number> };

/** Replaced by the bundler with the version in package.json. */
declare global {
  const VERSION: string;
}

/**
 * What the command line asks for. Of the commands only the one that is named is loaded.
 * @throws WorkerctlError `usage`
 */
export async function parseInvocation(
  words: readonly string[],
  table: CommandTable,
  caller: Caller,
): Promise<Invocation> {
  const argv = withDetachedConfig(words);
  const [name, rest] = splitCommand(argv);
  if (name === undefined || name === 'help')
    return withoutCommand(name === 'help' ? [...rest, '--help'] : argv, table, caller);
  const load = Object.hasOwn(table, name) ? table[name] : undefined;
  if (load === undefined) throw await unknownCommand(name, table);
  return parseCommand(name, await load(), rest, caller);
}

/** Whether the caller reads JSON. Errors are JSON too, also if the command line cannot be parsed. */
export const isJsonWanted = (argv: readonly string[], env: NodeJS.ProcessEnv): boolean =>
  optionsIn(argv).some((word) => word === '--json' || word === '--json=true') ||
  isSet(env['WORKERCTL_JSON']);

/** Words after `--` are targets, even if they look like options. */
function optionsIn(argv: readonly string[]): readonly string[] {
  const end = argv.indexOf('--');
  return end === -1 ? argv : argv.slice(0, end);
}

const isSet = (value: string | undefined): boolean =>
  value !== undefined && !['', '0', 'false', 'no'].includes(value);

/** `-cFILE` as `-c FILE`: yargs takes joined letters for separate options. */
function withDetachedConfig(argv: readonly string[]): readonly string[] {
  const options = optionsIn(argv);
  return [
    ...options.flatMap((word) => (/^-c[^=]/.test(word) ? ['-c', word.slice(2)] : [word])),
    ...argv.slice(options.length),
  ];
}

const configOptions = new Set(['--config', '-c']);

/** The first word that is neither an option nor the config's path, and all other words. */
function splitCommand(argv: readonly string[]): [string | undefined, string[]] {
  const index = argv.findIndex(
    (word, at) => !word.startsWith('-') && !configOptions.has(argv[at - 1] ?? ''),
  );
  if (index === -1) return [undefined, [...argv]];
  return [argv[index], argv.filter((_, at) => at !== index)];
}

async function withoutCommand(
  argv: readonly string[],
  table: CommandTable,
  caller: Caller,
): Promise<Invocation> {
  const [about] = splitCommand(argv);
  if (about !== undefined) return parseInvocation([about, '--help'], table, caller);
  if (argv.includes('--version')) return { kind: 'text', text: `${VERSION}\n` };
  if (argv.length === 0 || argv.includes('--help') || argv.includes('-h')) {
    const { overview } = await import('./help.ts');
    return { kind: 'text', text: await overview(table, terminalSize()?.columns) };
  }
  throw new WorkerctlError('usage', `expected a command, found only ${argv.join(' ')}`, {
    hint: 'workerctl --help lists the commands',
  });
}

async function unknownCommand(name: string, table: CommandTable): Promise<WorkerctlError> {
  const { closest, distance } = await import('fastest-levenshtein');
  const nearest = closest(name, Object.keys(table));
  const advice = distance(name, nearest) <= name.length / 2 ? `; did you mean ${nearest}?` : '';
  return new WorkerctlError('usage', `expected a command, found ${JSON.stringify(name)}${advice}`, {
    hint: 'workerctl --help lists the commands',
  });
}

async function parseCommand(
  name: string,
  command: Command,
  words: readonly string[],
  { env, directory }: Caller,
): Promise<Invocation> {
  const parsed = plainWords(words) ?? (await parseWithYargs(name, command, words));
  if (parsed.help === true) {
    const { commandHelp } = await import('./help.ts');
    return { kind: 'text', text: commandHelp(name, command, terminalSize()?.columns) };
  }
  const { targets, config, raw } = parsed;
  if (command.operands === '' && targets.length > 0)
    throw usageError(name, `${name}: expected no operands, found ${targets.join(' ')}`);
  const json = parsed.json ?? isSet(env['WORKERCTL_JSON']);
  if (json && command.refusesJson === true)
    throw usageError(name, `${name}: has no JSON output; expected no --json or WORKERCTL_JSON`);
  const global: GlobalOptions = { config, json, directory };
  return { kind: 'run', run: () => command.run(raw, targets, global) };
}

const usageError = (name: string, message: string): WorkerctlError =>
  new WorkerctlError('usage', message, { hint: `see workerctl ${name} --help` });

interface ParsedWords {
  readonly targets: readonly string[];
  readonly config: string | undefined;
  /** Undefined: the environment decides. */
  readonly json: boolean | undefined;
  readonly help?: boolean | undefined;
  /** The options of the command, as yargs has read them. */
  readonly raw: Readonly<Record<string, unknown>>;
}

/**
 * Words that are targets, `--config FILE` or `--json`, as cron and most people write them: read without yargs, which takes
 * longer to load than all the rest. Undefined if there is anything else, so that yargs decides.
 */
function plainWords(words: readonly string[]): ParsedWords | undefined {
  const targets: string[] = [];
  let config: string | undefined;
  let json: true | undefined;
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '';
    const value = words[at + 1];
    if (word === '--json') json = true;
    else if (!word.startsWith('-')) targets.push(word);
    else if (
      configOptions.has(word) &&
      config === undefined &&
      value !== undefined &&
      !value.startsWith('-')
    ) {
      config = value;
      at += 1;
    } else return undefined;
  }
  return { targets, config, json, raw: {} };
}

const globalOptions = {
  config: { alias: 'c', type: 'string', requiresArg: true },
  json: { type: 'boolean' },
  help: { alias: 'h', type: 'boolean' },
} as const satisfies Record<string, YargsOption>;

async function parseWithYargs(
  name: string,
  command: Command,
  words: readonly string[],
): Promise<ParsedWords> {
  const own = Object.fromEntries(
    Object.entries(command.options).map(([key, { yargs }]) => [optionName(key), yargs]),
  );
  const { default: yargs } = await import('yargs');
  const parsed = await yargs([], '/')
    .help(false)
    .version(false)
    .options(own)
    .options(globalOptions)
    .detectLocale(false)
    .parserConfiguration({
      'camel-case-expansion': false,
      'duplicate-arguments-array': false,
      'parse-positional-numbers': false,
    })
    .strictOptions()
    .exitProcess(false)
    .fail((message: string | null, error: Error | undefined) => {
      throw usageError(name, explain(message ?? error?.message ?? 'wrong usage', name, own));
    })
    .parse([...words]);
  const { _: targets, config, json, help, ...raw } = parsed;
  return { targets: targets.map(String), config, json, help, raw };
}

/** What yargs says about a wrong command line, in the words of our other errors. */
function explain(message: string, name: string, own: Readonly<Record<string, unknown>>): string {
  const written = (option: string): string => (option.length === 1 ? `-${option}` : `--${option}`);
  const unknown = /^Unknown arguments?: (.*)$/.exec(message)?.[1]?.split(', ');
  if (unknown !== undefined) {
    const offered = Object.keys(own).map(written).join(', ');
    const found = unknown.map(written).join(', ');
    return `${name}: unknown option ${found}${offered === '' ? '' : `; options: ${offered}`}`;
  }
  const withoutValue = /^Not enough arguments following: (.*)$/.exec(message)?.[1];
  if (withoutValue === undefined) return message;
  return `${written(withoutValue)}: expected a value, found none`;
}
