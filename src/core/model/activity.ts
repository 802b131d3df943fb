import { elapsed, formatDuration, type Moment } from '../basics/time.ts';

/** What a process says about its work. */
export type Activity =
  /** `what` in its own words (`job 212`), empty when it only says that it is busy; `since` as far as it is known. */
  | { readonly kind: 'busy'; readonly what: string; readonly since?: Moment }
  | { readonly kind: 'idle'; readonly since?: Moment };

/** What a process does, in words: `job 212 for 2m 10s`, `busy`, `idle`. */
export function formatActivity(activity: Activity, at: Moment): string {
  if (activity.kind === 'idle') return 'idle';
  const what = activity.what === '' ? 'busy' : activity.what;
  return activity.since === undefined
    ? what
    : `${what} for ${formatDuration(elapsed(activity.since, at))}`;
}

/** What a process is busy with, in its own words; undefined when it is not known to be busy. */
export const jobOf = (activity: Activity | undefined): string | undefined =>
  activity?.kind === 'busy' ? activity.what || 'a job' : undefined;
