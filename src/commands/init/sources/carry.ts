import type { Note, Value, WorkerKeys } from '../found.ts';

/** What a key of another program becomes. */
export interface Carried {
  /** Keys of ours. */
  readonly keys?: WorkerKeys;
  /** Why it, or a part of it, was left out. */
  readonly leftOut?: string;
  /** A sentence for the reader of the config. */
  readonly note?: string;
}

/** A function; a sentence if the key is left out whatever its value; null if nothing is lost without it. */
export type Rule<Source, Context> = ((value: Source, context: Context) => Carried) | string | null;

export type Rules<Source, Context> = Readonly<Record<string, Rule<Source, Context>>>;

/** A key as its source has it. */
export interface Given<Source> {
  readonly key: string;
  readonly value: Source;
  readonly line: number;
}

export interface CarriedKeys {
  readonly keys: WorkerKeys;
  readonly leftOut: readonly Note[];
  readonly notes: readonly string[];
}

/** The keys of a process of another program, in our terms. */
export function carry<Source, Context>(
  rules: Rules<Source, Context>,
  given: readonly Given<Source>[],
  context: Context & { readonly file: string; readonly name: string },
): CarriedKeys {
  let keys: WorkerKeys = {};
  const leftOut: Note[] = [];
  const notes: string[] = [];
  for (const { key, value, line } of given) {
    const rule = Object.hasOwn(rules, key) ? rules[key] : 'workerctl has nothing like it';
    const carried =
      typeof rule === 'function' ? rule(value, context) : rule ? { leftOut: rule } : {};
    keys = merged(keys, carried.keys ?? {});
    if (carried.note !== undefined) notes.push(carried.note);
    if (carried.leftOut !== undefined)
      leftOut.push({
        file: context.file,
        line,
        words: `${context.name}: ${key} was left out: ${carried.leftOut}`,
      });
  }
  return { keys, leftOut, notes };
}

/** Two sets of keys; maps are merged, lists joined, of all else the later one counts. */
export function merged(first: WorkerKeys, second: WorkerKeys): WorkerKeys {
  const all: Record<string, Value> = { ...first };
  for (const [key, value] of Object.entries(second)) {
    const before = all[key];
    if (isMap(before) && isMap(value)) all[key] = merged(before, value);
    else if (isList(before) && isList(value)) all[key] = [...new Set([...before, ...value])];
    else all[key] = value;
  }
  return all;
}

const isList = (value: Value | undefined): value is readonly Value[] => Array.isArray(value);

const isMap = (value: Value | undefined): value is { readonly [key: string]: Value } =>
  typeof value === 'object' && !Array.isArray(value);

/** Why a time limit after which a worker is killed is not carried over. */
export const notKilled = (limit: string): string =>
  `workerctl lets a job end; stop.timeout: ${limit} would kill it after that`;

/** The user and the group, if they are not given as `user:group`. */
export function owner(text: string): Carried {
  const [user = '', group = ''] = text.trim().split(':');
  return { keys: { ...(user !== '' && { user }), ...(group !== '' && { group }) } };
}

export const ownBackoff = 'workerctl never gives up, see backoff';

export const oneLog = 'standard error goes to the same log as standard output';
