import { hookNames } from '../core/worker.ts';
import type { HookKeys, LogKeys, ReadyKeys } from './build-policies.ts';
import type { KeyPath } from './problem.ts';
import type { SharedSection, WorkerSection } from './schema.ts';
import { splitWords } from './words.ts';

/** How a value is written in the file. */
export type SourceOf = (path: KeyPath) => string | undefined;

/** The keys of a worker, commands as words and everything in them and in `env` as texts. */
export type Section = Omit<
  WorkerSection,
  'env' | 'identifiers' | 'command' | 'ready' | 'log' | 'hooks'
> & {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly identifiers: readonly string[] | undefined;
  readonly ready: ReadyKeys | undefined;
  readonly hooks: HookKeys | undefined;
  readonly log: LogKeys | undefined;
};
export type Defaults = Omit<Section, 'command'>;

export function textsOf(section: SharedSection, at: KeyPath, sourceOf: SourceOf): Defaults {
  const { env = {}, identifiers, ready, log, hooks, ...rest } = section;
  const variables = Object.entries(env).map(([key, value]) => [
    key,
    textOf(value, [...at, 'env', key], sourceOf),
  ]);
  return {
    ...rest,
    env: Object.fromEntries(variables) as Record<string, string>,
    identifiers: identifiers?.map((value, i) => textOf(value, [...at, 'identifiers', i], sourceOf)),
    ready: ready && withWords(ready, [...at, 'ready'], sourceOf),
    log: log && withWords(log, [...at, 'log'], sourceOf),
    hooks: hooks && hookKeys(hooks, [...at, 'hooks'], sourceOf),
  };
}

/** A number keeps the way in which it is written: 1.0 stays "1.0". */
const textOf = (value: string | number, at: KeyPath, sourceOf: SourceOf): string =>
  typeof value === 'string' ? value : (sourceOf(at) ?? String(value));

export function wordsOf(
  command: WorkerSection['command'],
  at: KeyPath,
  sourceOf: SourceOf,
): readonly string[] {
  if (typeof command !== 'string')
    return command.map((value, i) => textOf(value, [...at, i], sourceOf));
  const split = splitWords(command);
  return split.kind === 'words' ? split.words : [];
}

function hookKeys(
  { timeout, ...commands }: NonNullable<SharedSection['hooks']>,
  at: KeyPath,
  sourceOf: SourceOf,
): HookKeys {
  const words = hookNames.flatMap((name) => {
    const { [name]: command } = commands;
    return command === undefined ? [] : [[name, wordsOf(command, [...at, name], sourceOf)]];
  });
  return { ...(Object.fromEntries(words) as HookKeys), timeout };
}

/** The same keys, the command as words. */
function withWords<Keys extends { command?: WorkerSection['command'] | undefined }>(
  { command, ...rest }: Keys,
  at: KeyPath,
  sourceOf: SourceOf,
): Omit<Keys, 'command'> & { command?: readonly string[] } {
  if (command === undefined) return rest;
  return { ...rest, command: wordsOf(command, [...at, 'command'], sourceOf) };
}
