import type { FoundWorker } from './found.ts';

/** A worker with its name in the config, and what that says about it. */
export interface Named {
  readonly worker: FoundWorker;
  readonly name: string;
  /** Why it is called otherwise than in its source; undefined if it is not. */
  readonly renamed?: string;
}

/** Longer names are cut, so that a number fits behind. */
const longest = 90;

/** Names of ours for these workers, each once. */
export function namedOnce(workers: readonly FoundWorker[]): readonly Named[] {
  const taken = new Set<string>();
  return workers.map((worker) => {
    const name = freeName(plainName(worker.name), taken);
    taken.add(name);
    const why =
      plainName(worker.name) === name
        ? 'a name has letters, digits, _ and - only'
        : 'another one has this name';
    return name === worker.name
      ? { worker, name }
      : { worker, name, renamed: `${worker.name} is called ${name} here: ${why}` };
  });
}

function plainName(name: string): string {
  const plain = name
    .replace(/[^A-Za-z0-9_-]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, longest);
  return plain === '' ? 'worker' : plain;
}

function freeName(name: string, taken: ReadonlySet<string>): string {
  if (!taken.has(name)) return name;
  for (let count = 2; ; count += 1) if (!taken.has(`${name}-${count}`)) return `${name}-${count}`;
}
