import type { Failure, Intent } from './intent.ts';
import type { Observation, ObservedInstance } from './observation.ts';
import { wasReady } from './readiness.ts';
import { momentOf, type Moment } from './time.ts';
import type { BackoffPolicy, Worker } from './worker.ts';

/** Doubling stops here: 2 to the power of this many is beyond every `max`. */
const mostDoublings = 30;

/** When an instance that has failed may be started again. */
export function dueAt({ count, at }: Failure, { initial, max }: BackoffPolicy): Moment {
  return momentOf(at + Math.min(max, initial * 2 ** Math.min(count - 1, mostDoublings)));
}

/**
 * Until when the instance stays down because its processes died before they were ready; undefined when it may be started
 * now. A failure that lies in the future comes from a clock that was set back, and holds nobody up.
 */
export function backsOffUntil(
  intent: Intent,
  { name, presence }: ObservedInstance,
  worker: Worker,
  now: Moment,
): Moment | undefined {
  const failure = intent.failures[name];
  if (failure === undefined || presence.kind !== 'dead') return undefined;
  if (failure.start !== presence.record.start || failure.at > now) return undefined;
  const due = dueAt(failure, worker.backoff);
  return now < due ? due : undefined;
}

/** What is remembered of an instance's failures after this look at it; undefined: nothing. */
export function failureAfter(
  before: Failure | undefined,
  { presence }: ObservedInstance,
  worker: Worker,
  observation: Observation,
  isReady: boolean,
): Failure | undefined {
  if (presence.kind !== 'dead') return isReady ? undefined : before;
  const { record, death, diedAt, stop } = presence;
  if (stop?.sent === true) return undefined;
  if (before?.start === record.start || death.kind === 'rebooted') return before;
  if (wasReady(presence, worker.ready, observation.now)) return undefined;
  return { start: record.start, count: (before?.count ?? 0) + 1, at: diedAt ?? observation.now };
}
