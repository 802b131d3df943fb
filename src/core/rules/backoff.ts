import { fractionOf } from '../basics/fraction.ts';
import type { EventBody } from '../events/event.ts';
import { instanceNames } from '../model/instance.ts';
import { isHeld } from '../model/desired.ts';
import type { Failure, Ledger, State } from '../model/ledger.ts';
import {
  ageOf,
  latestDeath,
  ranFor,
  type Observation,
  type ObservedInstance,
  type Presence,
} from '../model/observation.ts';
import { readyingOf, wasReady } from './readiness.ts';
import { formatDeath, type Death } from '../model/record.ts';
import {
  durationOf,
  formatDuration,
  momentOf,
  type Duration,
  type Moment,
} from '../basics/time.ts';
import type { BackoffPolicy, Config, Worker } from '../model/config.ts';

type Dead = Extract<Presence, { kind: 'dead' }>;

/** More doublings than this are beyond every `max`. */
const mostDoublings = 30;

/** A pause is longer by up to this share of it, so that instances which failed together are not started together. */
const mostJitter = 1 / 4;

/** How long an instance stays down after this failure: never longer than `max`. */
export function delayAfter(
  name: string,
  { runId, count, isSpared }: Pick<Failure, 'runId' | 'count' | 'isSpared'>,
  { initial, max }: BackoffPolicy,
): Duration {
  const pauses = isSpared === true ? count - 1 : count;
  if (pauses < 1) return durationOf(0);
  const doubled = initial * 2 ** Math.min(pauses - 1, mostDoublings);
  const least = Math.min(doubled, max / (1 + mostJitter));
  return durationOf(Math.round(least * (1 + mostJitter * fractionOf(`${name} ${runId}`))));
}

/** When an instance may be started again after this failure. */
export const dueAt = (name: string, failure: Failure, policy: BackoffPolicy): Moment =>
  momentOf(failure.at + delayAfter(name, failure, policy));

/**
 * Until when the instance stays down because its processes died soon after their start; undefined if it may be started
 * now. A failure in the future comes from a clock that was set back since, and delays nothing.
 */
export function backsOffUntil(
  { failures }: Ledger,
  { name, presence }: ObservedInstance,
  worker: Worker,
  now: Moment,
): Moment | undefined {
  const failure = failures[name];
  if (failure === undefined || presence.kind !== 'dead') return undefined;
  if (failure.runId !== presence.record.runId || failure.at > now) return undefined;
  const due = dueAt(name, failure, worker.backoff);
  return now < due ? due : undefined;
}

/**
 * An instance's failure after this look at it; undefined: it has none. A new death counts if the process was not ready
 * yet, if it had run for less than `min_run`, or if it died abnormally within `reset` of its start. A death that was
 * asked for never counts, nor does a kill by us or a reboot of the host.
 */
export function failureAfter(
  before: Failure | undefined,
  { presence }: ObservedInstance,
  worker: Worker,
  observation: Observation,
  isNewDeath: boolean,
): Failure | undefined {
  switch (presence.kind) {
    case 'absent':
    case 'stray':
      return before;
    case 'alive': {
      const isReady = readyingOf(presence, worker.ready, observation).kind === 'ready';
      const isForgiven =
        isReady && ageOf(presence.process, observation) >= longEnough(worker.backoff);
      return isForgiven ? undefined : before;
    }
    case 'dead': {
      if (presence.stop?.sent === true) return undefined;
      const isOurs = presence.killing !== undefined || presence.death.kind === 'rebooted';
      return isNewDeath && !isOurs
        ? afterOwnDeath(before, presence, worker, observation.now)
        : before;
    }
  }
}

function afterOwnDeath(
  known: Failure | undefined,
  presence: Dead,
  { ready, backoff }: Worker,
  now: Moment,
): Failure | undefined {
  const { record, death } = presence;
  const { runId, release } = record;
  const before = known !== undefined && isOfRelease(known, release) ? known : undefined;
  const at = latestDeath(presence, now);
  const wasUp = wasReady(presence, ready, now);
  const lived = ranFor(presence, now);
  if (wasUp && lived >= longEnough(backoff)) return undefined;
  if (wasUp && lived >= backoff.minRun && !isAbnormal(death)) return before;
  const count = (before?.count ?? 0) + 1;
  const isSpared = before === undefined ? wasUp : before.isSpared === true;
  const marked = release !== undefined && { release };
  return { runId, count, at, ...(isSpared && { isSpared }), ...marked };
}

/** Whether a failure says something about this release. */
export const isOfRelease = (
  { release }: Pick<Failure, 'release'>,
  other: string | undefined,
): boolean => release === undefined || other === undefined || release === other;

/** The age at which a ready process ends a row of failures. */
const longEnough = ({ reset, minRun }: BackoffPolicy): Duration =>
  durationOf(Math.max(reset, minRun));

/**
 * Some workers exit with status 0 after a number of jobs, but one that does so at once has done none. An unknown status
 * counts: that, too, could go on for ever.
 */
const isAbnormal = (death: Death): boolean => death.kind !== 'exited' || death.status !== 0;

/** How often its processes failed, in words: `3 times in a row before it was ready`. */
export function failureWords(
  { count }: Failure,
  presence: Dead,
  { ready, backoff }: Worker,
  now: Moment,
): string {
  const isShort = ranFor(presence, now) < backoff.minRun;
  const when = wasReady(presence, ready, now)
    ? `within ${formatDuration(isShort ? backoff.minRun : backoff.reset)} of its start`
    : 'before it was ready';
  return `${count === 1 ? 'once' : `${count} times in a row`} ${when}`;
}

/** The instances whose start is delayed since this look, or for longer than before it: each is reported once. */
export function newPauses(
  config: Config,
  before: State,
  after: State,
  { instances, now }: Observation,
): { readonly instance: string; readonly body: EventBody }[] {
  return config.workers.flatMap((worker) =>
    instanceNames(worker).flatMap((name) => {
      const failure = after.ledger.failures[name];
      const observed = instances.get(name);
      if (failure === undefined || observed?.presence.kind !== 'dead') return [];
      if (failure.runId === before.ledger.failures[name]?.runId) return [];
      const until = backsOffUntil(after.ledger, observed, worker, now);
      if (until === undefined || isHeld(after.desired, name, now)) return [];
      const { death } = observed.presence;
      const words = failureWords(failure, observed.presence, worker, now);
      const body = {
        kind: 'backoff' as const,
        failures: failure.count,
        delay: delayAfter(name, failure, worker.backoff),
        startsAt: until,
        problem: `failed ${words}: ${formatDeath(death)}`,
      };
      return [{ instance: name, body }];
    }),
  );
}
