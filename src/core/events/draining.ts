import { formatDuration, type Duration, type Moment } from '../basics/time.ts';
import type { ProcessRef } from '../model/instance.ts';
import { formatActivity, type Activity } from '../model/activity.ts';

/** A process that was asked to finish and has not exited yet. */
export interface Draining extends ProcessRef {
  readonly pid: number;
  /** How long ago it was asked. */
  readonly since: Duration;
  /** After how long from now it is killed; undefined: never. */
  readonly limit?: Duration;
  readonly activity?: Activity;
  /** Why it was asked. */
  readonly cause: string;
}

/** What a draining process does, in words: `job 212 for 2m 10s, no limit`. */
export function formatDrain({ activity, limit }: Draining, at: Moment): string {
  const job = activity === undefined ? [] : [formatActivity(activity, at)];
  const end = limit === undefined ? 'no limit' : `killed in ${formatDuration(limit)}`;
  return [...job, end].join(', ');
}
