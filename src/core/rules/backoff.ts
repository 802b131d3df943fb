import type { EventBody } from '../events/event.ts';
import { instanceNames } from '../model/instance.ts';
import { isHeld, type Failure, type Desired } from '../model/desired.ts';
import {
  ageOf,
  type Observation,
  type ObservedInstance,
  type Presence,
} from '../model/observation.ts';
import { wasReady } from './readiness.ts';
import { formatDeath, type Death } from '../model/record.ts';
import {
  durationOf,
  elapsed,
  formatDuration,
  momentOf,
  type Duration,
  type Moment,
} from '../basics/time.ts';
import type { BackoffPolicy, Config, Worker } from '../model/config.ts';

type Dead = Extract<Presence, { kind: 'dead' }>;

/** Doubling stops here: 2 to the power of this many is beyond every `max`. */
const mostDoublings = 30;

/** How long an instance that has failed stays down. */
export function delayAfter(
  { count, isSpared }: Pick<Failure, 'count' | 'isSpared'>,
  { initial, max }: BackoffPolicy,
): Duration {
  const pauses = isSpared === true ? count - 1 : count;
  if (pauses < 1) return durationOf(0);
  return durationOf(Math.min(max, initial * 2 ** Math.min(pauses - 1, mostDoublings)));
}

/** When an instance that has failed may be started again. */
export const dueAt = (failure: Failure, policy: BackoffPolicy): Moment =>
  momentOf(failure.at + delayAfter(failure, policy));

/**
 * Until when the instance stays down because its processes died young; undefined when it may be started now. A failure
 * that lies in the future comes from a clock that was set back, and holds nobody up.
 */
export function backsOffUntil(
  desired: Desired,
  { name, presence }: ObservedInstance,
  worker: Worker,
  now: Moment,
): Moment | undefined {
  const failure = desired.failures[name];
  if (failure === undefined || presence.kind !== 'dead') return undefined;
  if (failure.runId !== presence.record.runId || failure.at > now) return undefined;
  const due = dueAt(failure, worker.backoff);
  return now < due ? due : undefined;
}

/**
 * What is remembered of an instance's failures after this look at it; undefined: nothing. A death before it was ready
 * counts, and so does one of a ready process that has not run for `reset` yet, if it was abnormal. Deaths that somebody
 * wanted never count: of the asked, of those that were killed by us, in a boot of the host.
 */
export function failureAfter(
  before: Failure | undefined,
  { presence }: ObservedInstance,
  worker: Worker,
  observation: Observation,
  isReady: boolean,
): Failure | undefined {
  if (presence.kind === 'alive')
    return isReady && ageOf(presence.process, observation) >= worker.backoff.reset
      ? undefined
      : before;
  if (presence.kind !== 'dead') return before;
  const { record, death, stop, killing } = presence;
  if (stop?.sent === true) return undefined;
  if (before?.runId === record.runId || killing !== undefined) return before;
  if (death.kind === 'rebooted') return before;
  return afterOwnDeath(before, presence, worker, observation.now);
}

function afterOwnDeath(
  before: Failure | undefined,
  presence: Dead,
  { ready, backoff }: Worker,
  now: Moment,
): Failure | undefined {
  const { record, death } = presence;
  const at = presence.diedAt ?? now;
  const wasUp = wasReady(presence, ready, now);
  if (wasUp && elapsed(record.startedAt, at) >= backoff.reset) return undefined;
  if (wasUp && !isAbnormal(death)) return before;
  const count = (before?.count ?? 0) + 1;
  const isSpared = before === undefined ? wasUp : before.isSpared === true;
  return { runId: record.runId, count, at, ...(isSpared && { isSpared }) };
}

/** Some workers leave by themselves after so many jobs. How one died whose shim was killed nobody knows: that may go on for ever, too. */
const isAbnormal = (death: Death): boolean => death.kind !== 'exited' || death.status !== 0;

/** How often its processes died young, in words: `3 times in a row before it was ready`. */
export function failureWords(
  { count }: Failure,
  presence: Dead,
  { ready, backoff }: Worker,
  now: Moment,
): string {
  const when = wasReady(presence, ready, now)
    ? `within ${formatDuration(backoff.reset)} of its start`
    : 'before it was ready';
  return `${count === 1 ? 'once' : `${count} times in a row`} ${when}`;
}

/** The instances that stay down for a while since this look, or for longer than before it: each is told once. */
export function newPauses(
  config: Config,
  before: Desired,
  after: Desired,
  { instances, now }: Observation,
): { readonly instance: string; readonly body: EventBody }[] {
  return config.workers.flatMap((worker) =>
    instanceNames(worker).flatMap((name) => {
      const failure = after.failures[name];
      const observed = instances.get(name);
      if (failure === undefined || observed?.presence.kind !== 'dead') return [];
      if (failure.runId === before.failures[name]?.runId || isHeld(after, name, now)) return [];
      const until = backsOffUntil(after, observed, worker, now);
      if (until === undefined) return [];
      const { record, death } = observed.presence;
      const words = failureWords(failure, observed.presence, worker, now);
      const body = {
        kind: 'backoff' as const,
        count: failure.count,
        delay: delayAfter(failure, worker.backoff),
        until,
        why: `pid ${record.pid} died: ${formatDeath(death)}, ${words}`,
      };
      return [{ instance: name, body }];
    }),
  );
}
