import type { Status } from './status.ts';

/** A worker as `jobs` shows it. */
export interface JobCounts {
  readonly worker: string;
  readonly desired: number;
  /** Of its processes, including those that are draining. */
  readonly pids: readonly number[];
}

/** The workers of the config, by name. */
export function jobCounts({ instances, desired }: Status): JobCounts[] {
  return Object.entries(desired)
    .map(([worker, wanted]) => {
      const pids = instances
        .flatMap((one) => (one.worker === worker && one.pid !== undefined ? [one.pid] : []))
        .sort((a, b) => a - b);
      return { worker, desired: wanted, pids };
    })
    .sort((a, b) => (a.worker < b.worker ? -1 : 1));
}

/** The lines of `jobs` and of `!jobs`, in the format of MogileFS. */
export const jobLines = (jobs: readonly JobCounts[]): string[] =>
  jobs.flatMap(({ worker, desired, pids }) => [
    `${worker} count ${pids.length}`,
    `${worker} desired ${desired}`,
    `${worker} pids ${pids.join(' ')}`.trimEnd(),
  ]);
