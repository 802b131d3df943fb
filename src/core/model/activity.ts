import { elapsed, formatDuration, type Moment } from '../basics/time.ts';

export interface Job {
  /** In the worker's own words (`job 212`); empty if it only says that it is busy. */
  readonly what: string;
  /** When it began, as far as that is known. */
  readonly since?: Moment;
}

/** What a process says about its work. */
export type Activity =
  | {
      readonly kind: 'busy';
      /** The oldest first; those with an unknown start come last. */
      readonly jobs: readonly [Job, ...Job[]];
      /** How many jobs it has: more than in `jobs` if some could not be read. */
      readonly count: number;
    }
  | {
      readonly kind: 'idle';
      readonly since?: Moment;
      /** It counts its jobs, so it is idle only after the last one. */
      readonly isCounted?: true;
    };

/** Of more jobs only the number is kept. */
const mostJobs = 100;

/** A process that is busy with these jobs; with some job if none of them is known. */
export function busyWith(
  jobs: readonly Job[],
  count: number = jobs.length,
): Extract<Activity, { kind: 'busy' }> {
  const [oldest = { what: '' }, ...others] = jobs
    .toSorted((one, other) => (one.since ?? Infinity) - (other.since ?? Infinity))
    .slice(0, mostJobs);
  return { kind: 'busy', jobs: [oldest, ...others], count: Math.max(count, 1) };
}

/** What a process does, in words: `job 212 for 2m 10s`, `job 212 for 2m 10s +2` (two more), `busy`, `idle`. */
export function formatActivity(activity: Activity, at: Moment): string {
  if (activity.kind === 'idle') return 'idle';
  const { jobs, count } = activity;
  const [{ what, since }] = jobs;
  const more = count > 1 ? ` +${count - 1}` : '';
  const length = since === undefined ? '' : ` for ${formatDuration(elapsed(since, at))}`;
  return `${what === '' ? 'busy' : what}${length}${more}`;
}

/** What a process is or was busy with; empty if it is not known to be busy. */
export interface HeldJobs {
  /** The oldest. */
  readonly job?: string;
  /** All that are known, the oldest first. */
  readonly jobs?: readonly string[];
  readonly jobCount?: number;
}

/** What a process is busy with, in its own words. */
export function heldJobs(activity: Activity | undefined): HeldJobs {
  if (activity?.kind !== 'busy') return {};
  const { jobs, count } = activity;
  const names = jobs.map(({ what }) => what || 'a job');
  return { job: names[0] ?? 'a job', jobs: names, jobCount: count };
}
