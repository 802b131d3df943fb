import type { JobCounts } from '../core/views/job-counts.ts';

/** The lines of `jobs`, in the format of MogileFS. */
export const formatJobs = (jobs: readonly JobCounts[]): string =>
  jobs
    .flatMap(({ worker, count, desired, pids }) => [
      `${worker} count ${count}`,
      `${worker} desired ${desired}`,
      `${worker} pids ${pids.join(' ')}`.trimEnd(),
    ])
    .map((line) => `${line}\n`)
    .join('');
