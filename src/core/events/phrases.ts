import type { HeldJobs } from '../model/activity.ts';
import { formatDayAndTime, formatDuration, type Duration, type Moment } from '../basics/time.ts';

// Parts of sentences that several kinds share.

/** The jobs that a sentence names; the JSON has them all. */
const mostNamed = 5;

/** `job 212`, `job 212 and job 213`, `job 1, job 2, job 3, job 4, job 5 and 7 more`; undefined if no job is known. */
export function jobWords({ job, jobs, jobCount }: HeldJobs): string | undefined {
  const names = jobs ?? (job === undefined ? [] : [job]);
  const named = names.slice(0, mostNamed);
  const unnamed = (jobCount ?? names.length) - named.length;
  const all = unnamed > 0 ? [...named, `${unnamed} more`] : named;
  const last = all.at(-1);
  return all.length > 1 ? `${all.slice(0, -1).join(', ')} and ${last}` : last;
}

/** ` during job 212`, or nothing. */
export function during(held: HeldJobs): string {
  const words = jobWords(held);
  return words === undefined ? '' : ` during ${words}`;
}

/** `; its log says: no such host`, or nothing. */
export const ofError = (logError: string | undefined): string =>
  logError === undefined ? '' : `; its log says: ${logError}`;

/** ` (was not running)`, or nothing: it was said already. */
export const inBrackets = (why: string): string => (why === '' ? '' : ` (${why})`);

/** ` on release a1b2c3d`, or nothing. */
export const onRelease = (release: string | undefined): string =>
  release === undefined ? '' : ` on release ${release}`;

/** ` until 12:38:00`, or nothing. */
export const until = (end: Moment | undefined, now: Moment): string =>
  end === undefined ? '' : ` until ${formatDayAndTime(end, now)}`;

/** `killed after 15m`, or `no limit`. */
export const limitOf = (limit: Duration | undefined): string =>
  limit === undefined ? 'no limit' : `killed after ${formatDuration(limit)}`;

/** `1 process`, `3 processes`. */
export const counted = (count: number, one: string, many = `${one}s`): string =>
  `${count} ${count === 1 ? one : many}`;

/** A drain of less than this, in ms, would read as `0s`. */
export const shortestDrain = 50;

/** ` after 2m 10s`, ` at once`, or nothing. */
export const afterDrain = (length: Duration | undefined): string =>
  length === undefined
    ? ''
    : length < shortestDrain
      ? ' at once'
      : ` after ${formatDuration(length)}`;
