import type { Place, Value, WorkerKeys } from './found.ts';

/** A worker as it is about to be written. */
export interface DraftWorker {
  readonly name: string;
  readonly at: Place;
  /** Why it was taken for a worker. */
  readonly why: string;
  /** With its command. */
  readonly keys: WorkerKeys;
  /** Sentences above its keys. */
  readonly comments: readonly string[];
}

/** A config as it is about to be written. */
export interface Draft {
  readonly stateDir: string;
  readonly logDir: string;
  /** Sentences above state_dir. */
  readonly comments: readonly string[];
  readonly defaults: WorkerKeys;
  /** None: an example is written. */
  readonly workers: readonly DraftWorker[];
}

/** The same draft without the value at this path; itself if there is none. */
export function withoutKey(draft: Draft, path: readonly string[]): Draft {
  const [top, ...rest] = path;
  if (top === 'defaults') {
    const defaults = without(draft.defaults, rest);
    return defaults === draft.defaults ? draft : { ...draft, defaults };
  }
  if (top !== 'workers') return draft;
  const [name, ...keys] = rest;
  const isDropped = keys.length === 0 || keys[0] === 'command';
  const workers = draft.workers.flatMap((worker) => {
    if (worker.name !== name) return [worker];
    if (isDropped) return [];
    const left = without(worker.keys, keys);
    return left === worker.keys ? [worker] : [{ ...worker, keys: left }];
  });
  const isSame =
    workers.length === draft.workers.length &&
    workers.every((worker, index) => worker === draft.workers[index]);
  return isSame ? draft : { ...draft, workers };
}

/** A map without what a path leads to; if it leads nowhere, without what its first key has. */
function without(keys: WorkerKeys, [key = '', ...rest]: readonly string[]): WorkerKeys {
  if (!Object.hasOwn(keys, key)) return keys;
  const value = keys[key];
  const others = Object.entries(keys).filter(([name]) => name !== key);
  if (rest.length > 0 && isMap(value)) {
    const inner =
      rest[0] !== undefined && Object.hasOwn(value, rest[0]) ? without(value, rest) : {};
    if (Object.keys(inner).length > 0)
      return Object.fromEntries(
        Object.entries(keys).map(([name, one]) => [name, name === key ? inner : one]),
      );
  }
  return Object.fromEntries(others);
}

export const isMap = (value: Value | undefined): value is { readonly [key: string]: Value } =>
  typeof value === 'object' && !Array.isArray(value);
