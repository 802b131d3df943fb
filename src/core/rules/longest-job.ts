import type { ObservedInstance } from '../model/observation.ts';
import { workerNameOf } from '../model/targets.ts';
import { elapsed, type Duration, type Moment } from '../basics/time.ts';

/** The running job of a worker that has taken the longest so far; undefined: none says when it began. */
export function longestJob(
  all: readonly ObservedInstance[],
  worker: string,
  now: Moment,
): { readonly instance: string; readonly length: Duration } | undefined {
  return all
    .filter(({ name }) => workerNameOf(name) === worker)
    .flatMap(({ name, activity }) => {
      const since = activity?.kind === 'busy' ? activity.jobs[0].since : undefined;
      return since === undefined ? [] : [{ instance: name, length: elapsed(since, now) }];
    })
    .sort((a, b) => b.length - a.length)[0];
}
