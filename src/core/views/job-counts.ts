import type { Status } from './status.ts';

/** A worker as `jobs` shows it. */
export interface JobCounts {
  readonly worker: string;
  /** How many processes run, including those that are draining. */
  readonly count: number;
  readonly desired: number;
  readonly pids: readonly number[];
}

/** The workers of the config, by name. */
export function jobCounts({ instances, desired }: Status): JobCounts[] {
  return Object.entries(desired)
    .map(([worker, wanted]) => {
      const pids = instances
        .flatMap((one) => (one.worker === worker && one.pid !== undefined ? [one.pid] : []))
        .sort((a, b) => a - b);
      return { worker, count: pids.length, desired: wanted, pids };
    })
    .sort((a, b) => (a.worker < b.worker ? -1 : 1));
}
