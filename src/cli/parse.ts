import type { Options as YargsOption } from 'yargs';
import { WorkerctlError } from '../core/basics/error.ts';
import { exitCodes } from '../core/basics/exit-codes.ts';
import { chosenTargets, targetOptions } from './chosen-targets.ts';
import {
  operandsBeforeTargets,
  takesTargets,
  type Call,
  type Command,
  type CommandTable,
  type GlobalOptions,
  type InState,
} from './command.ts';
import { formOf, optionName, usageError, valuesOf, type OptionForm } from './options.ts';
import { configOptions, splitCommand } from './split-command.ts';
import { print, printJson, printRecorder, terminalSize } from './print.ts';

/** The environment and the directory that a command line is read in. */
export interface Caller {
  readonly env: NodeJS.ProcessEnv;
  readonly directory: string | undefined;
  /** Looks which instances are in a state (`--state`). */
  readonly inState: InState;
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
  argv: readonly string[],
  table: CommandTable,
  caller: Caller,
): Promise<Invocation> {
  const [name, rest] = splitCommand(argv);
  if (name === 'complete') return completing(rest, table, caller);
  if (name === undefined || name === 'help')
    return withoutCommand(name === 'help' ? [...rest, '--help'] : argv, table, caller);
  const load = Object.hasOwn(table, name) ? table[name] : undefined;
  if (load === undefined) throw await unknownCommand(name, table);
  return parseCommand(name, await load(), rest, caller);
}

/** What the scripts of `completion` run: not one of the commands, because it needs all of them. */
async function completing(
  [, ...words]: readonly string[],
  table: CommandTable,
  { directory }: Caller,
): Promise<Invocation> {
  const { completions } = await import('./completion/complete.ts');
  return { kind: 'text', text: await completions(words, table, directory) };
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

async function withoutCommand(
  argv: readonly string[],
  table: CommandTable,
  caller: Caller,
): Promise<Invocation> {
  const [about] = splitCommand(argv);
  if (about !== undefined) return parseInvocation([about, '--help'], table, caller);
  if (argv.includes('--version')) return { kind: 'text', text: `${VERSION}\n` };
  if (argv.length === 0) {
    const { firstContact } = await import('./first-contact.ts');
    const text = firstContact(caller);
    if (text !== undefined) return { kind: 'text', text };
  }
  if (argv.length === 0 || argv.includes('--help') || argv.includes('-h')) {
    const { overview } = await import('./help.ts');
    return { kind: 'text', text: await overview(table, terminalSize()?.columns) };
  }
  throw new WorkerctlError('usage', `expected a command, found only ${argv.join(' ')}`, {
    hint: 'workerctl --help lists the commands',
  });
}

async function unknownCommand(name: string, table: CommandTable): Promise<WorkerctlError> {
  const { meantCommand } = await import('./meant-command.ts');
  const meant = meantCommand(name, Object.keys(table));
  const advice = meant === undefined ? '' : `; did you mean ${meant}?`;
  return new WorkerctlError('usage', `expected a command, found ${JSON.stringify(name)}${advice}`, {
    hint: 'workerctl --help lists the commands',
  });
}

async function parseCommand(
  name: string,
  command: Command,
  words: readonly string[],
  { env, directory, inState }: Caller,
): Promise<Invocation> {
  const parsed = plainWords(words) ?? (await parseWithYargs(name, command, words));
  if (parsed.help === true) {
    const { commandHelp } = await import('./help.ts');
    return { kind: 'text', text: commandHelp(name, command, terminalSize()?.columns) };
  }
  const { targets, raw } = parsed;
  if (command.takesCommand === true) refuseBefore(name, words, targets);
  if (command.operands === '' && targets.length > 0)
    throw usageError(name, `${name}: expected no operands, found ${targets.join(' ')}`);
  const json = parsed.json ?? isSet(env['WORKERCTL_JSON']);
  if (json && command.refusesJson === true)
    throw usageError(name, `${name}: has no JSON output; expected no --json or WORKERCTL_JSON`);
  const global: GlobalOptions = { ...configIn(name, parsed), json, directory };
  if (command.isOperation !== undefined && (raw['op'] !== undefined || raw['detach'] === true))
    return { kind: 'run', run: () => asOperation({ name, command, raw, targets, global }) };
  const run = () =>
    takesTargets(command)
      ? runOnChosen({ name, command, inState }, parsed, global)
      : command.run(raw, targets, global);
  return { kind: 'run', run };
}

interface Named extends Pick<Caller, 'inState'> {
  readonly name: string;
  readonly command: Command;
}

/** No instance in the state that is asked for is never taken for no target, which would mean all. */
async function runOnChosen(
  { name, command, inState }: Named,
  { targets, raw }: ParsedWords,
  global: GlobalOptions,
): Promise<number> {
  const { except, state } = valuesOf(targetOptions, raw);
  const chosen = await chosenTargets(targets, except);
  if (state === undefined || command.options['state'] !== targetOptions.state)
    return command.run(raw, chosen, global);
  const own = operandsBeforeTargets(command);
  const names = await inState(global, chosen.slice(own), state);
  if (names.length > 0) return command.run(raw, [...chosen.slice(0, own), ...names], global);
  const { noneInState } = await import('./none-in-state.ts');
  const { text, result } = noneInState(name, state);
  if (global.json) printJson(result);
  if (!global.json || printRecorder() !== undefined) print(text);
  return exitCodes.done.code;
}

async function asOperation(call: Call): Promise<number> {
  const { runAsOperation } = await import('./operation.ts');
  return runAsOperation(call);
}

/** `exec mail -- ls` would run mail(1). */
function refuseBefore(command: string, words: readonly string[], targets: readonly string[]): void {
  const end = words.indexOf('--');
  const before = end === -1 ? targets : targets.slice(0, targets.length - (words.length - end - 1));
  if (before.length === 0) return;
  throw usageError(
    command,
    `${command}: expected -- before its command, found ${before.join(' ')}`,
  );
}

/** Both options name the config. */
function configIn(
  command: string,
  { config, trustConfig }: ParsedWords,
): Pick<GlobalOptions, 'config' | 'trustsConfig'> {
  if (trustConfig === undefined) return { config };
  if (config === undefined) return { config: trustConfig, trustsConfig: true };
  throw usageError(command, `${command}: expected --config or --trust-config, found both`);
}

interface ParsedWords {
  readonly targets: readonly string[];
  readonly config: string | undefined;
  readonly trustConfig?: string | undefined;
  /** Undefined: the environment decides. */
  readonly json: boolean | undefined;
  readonly help?: boolean | undefined;
  /** The options of the command, as yargs has read them. */
  readonly raw: Readonly<Record<string, unknown>>;
}

/**
 * Words that are targets, `--config FILE`, `--trust-config FILE` or `--json`, as cron and most people write them: read without yargs, which takes
 * longer to load than all the rest. Undefined if there is anything else, so that yargs decides.
 */
function plainWords(words: readonly string[]): ParsedWords | undefined {
  const targets: string[] = [];
  const named = new Map<string, string>();
  let json: true | undefined;
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '';
    const value = words[at + 1];
    if (word === '--json') json = true;
    else if (!word.startsWith('-')) targets.push(word);
    else if (
      configOptions.has(word) &&
      named.size === 0 &&
      value !== undefined &&
      !value.startsWith('-')
    ) {
      named.set(word, value);
      at += 1;
    } else return undefined;
  }
  const config = named.get('--config') ?? named.get('-c');
  return { targets, config, trustConfig: named.get('--trust-config'), json, raw: {} };
}

const globalOptions = {
  config: { alias: 'c', type: 'string' },
  'trust-config': { type: 'string' },
  json: { type: 'boolean' },
  help: { alias: 'h', type: 'boolean' },
} as const satisfies Record<string, YargsOption>;

const globalForms: readonly OptionForm[] = [
  { name: 'config', short: 'c', takesValue: true, hasNo: false },
  { name: 'trust-config', short: undefined, takesValue: true, hasNo: false },
  { name: 'json', takesValue: false, hasNo: true },
  { name: 'help', short: 'h', takesValue: false, hasNo: false },
];

async function parseWithYargs(
  name: string,
  command: Command,
  words: readonly string[],
): Promise<ParsedWords> {
  const { unambiguous } = await import('./words.ts');
  const own = Object.entries(command.options);
  const forms = [...own.map(([key, option]) => formOf(key, option)), ...globalForms];
  const { default: yargs } = await import('yargs');
  const parsed = await yargs([], '/')
    .help(false)
    .version(false)
    .options(Object.fromEntries(own.map(([key, option]) => [optionName(key), option.yargs])))
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
      throw usageError(name, message ?? error?.message ?? 'wrong usage');
    })
    .parse(unambiguous(words, { command: name, forms }));
  const { _: targets, config, 'trust-config': trustConfig, json, help, ...raw } = parsed;
  return { targets: targets.map(String), config, trustConfig, json, help, raw };
}
