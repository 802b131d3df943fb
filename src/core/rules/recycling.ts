import { instanceName } from '../model/instance.ts';
import { isHeld, isQuiet, isStopped, type Desired } from '../model/desired.ts';
import {
  ageOf,
  drainingSince,
  sentQuiet,
  type Observation,
  type ObservedInstance,
  type Presence,
} from '../model/observation.ts';
import { readyingOf } from './readiness.ts';
import { formatSize } from '../basics/bytes.ts';
import { durationOf, formatDuration } from '../basics/time.ts';
import type { RecyclePolicy, Worker } from '../model/config.ts';

/** A process that is to be replaced because it is worn, and why, in words. */
export interface Worn {
  readonly name: string;
  readonly cause: string;
}

/** How soon a worn process that is at a job is looked at again: nothing tells us when it is idle. */
const busyLook = durationOf(1_000);

/**
 * Whose turn it is to be recycled: one process of a worker at a time, while each other wanted instance of it is ready, so
 * that never more than one is down for this, the oldest first; never in a restart, not even an aborted one, whose new code has failed. One
 * that is known to be at a job waits until it is idle.
 */
export function nextToRecycle(
  worker: Worker,
  desired: Desired,
  observation: Observation,
): Worn | undefined {
  const { recycle } = worker;
  if (recycle === undefined || isInRollout(worker, desired)) return undefined;
  const ready = readyOnes(worker, desired, observation);
  if (ready === undefined) return undefined;
  const dueForRecycling = ready.flatMap(({ observed, presence }) => {
    if (isHeld(desired, observed.name, observation.now)) return [];
    if (observed.activity?.kind === 'busy') return [];
    const why = wearOf(observed, presence, recycle, observation);
    if (why === undefined) return [];
    const rank = observed.activity?.kind === 'idle' ? 0 : 1;
    const age = ageOf(presence.process, observation);
    return [{ name: observed.name, cause: `recycled: ${why}`, rank, age }];
  });
  const [first] = dueForRecycling.sort((a, b) => a.rank - b.rank || b.age - a.age);
  return first && { name: first.name, cause: first.cause };
}

const isInRollout = ({ name, identifiers }: Worker, { rollouts }: Desired): boolean =>
  rollouts.some(({ replaces }) =>
    identifiers.some((identifier) => Object.hasOwn(replaces, instanceName(name, identifier))),
  );

interface Living {
  readonly observed: ObservedInstance;
  readonly presence: Extract<Presence, { kind: 'alive' }>;
}

/** The wanted instances of a worker that live and were not asked to leave; undefined where one of the wanted does not, or was not looked at. */
function livingOnes(
  worker: Worker,
  desired: Desired,
  observation: Observation,
): Living[] | undefined {
  const names = worker.identifiers
    .map((identifier) => instanceName(worker.name, identifier))
    .filter((name) => !isStopped(desired, name));
  const living = names.flatMap((name) => {
    const observed = observation.instances.get(name);
    if (observed?.presence.kind !== 'alive' || drainingSince(observed) !== undefined) return [];
    return [{ observed, presence: observed.presence }];
  });
  return living.length === names.length ? living : undefined;
}

/** The same, if all of them are ready and at work. */
function readyOnes(
  worker: Worker,
  desired: Desired,
  observation: Observation,
): Living[] | undefined {
  const living = livingOnes(worker, desired, observation);
  const isReady = ({ observed, presence }: Living): boolean =>
    readyingOf(presence, worker.ready, observation).kind === 'ready' &&
    presence.process.activity === 'runs' &&
    sentQuiet(observed) === undefined &&
    !isQuiet(desired, observed.name, observation.now);
  return living?.every(isReady) === true ? living : undefined;
}

/** Why a process is worn, in words. */
function wearOf(
  { memory, nextRelease }: ObservedInstance,
  { process, record }: Living['presence'],
  policy: RecyclePolicy,
  observation: Observation,
): string | undefined {
  const age = ageOf(process, observation);
  if (age < policy.minAge) return undefined;
  if (policy.memory !== undefined && memory !== undefined && memory > policy.memory)
    return `memory ${formatSize(memory)} (limit ${formatSize(policy.memory)})`;
  if (policy.age !== undefined && age >= policy.age)
    return `age ${formatDuration(age)} (limit ${formatDuration(policy.age)})`;
  const { release } = record;
  if (policy.outdated && release !== undefined && nextRelease !== undefined)
    return release === nextRelease ? undefined : `release ${release}, now ${nextRelease}`;
  return undefined;
}

/** When, from now, somebody may be recycled without anything happening in the world. */
export function recycleMoments(
  worker: Worker,
  desired: Desired,
  observation: Observation,
): number[] {
  const { recycle } = worker;
  if (recycle === undefined || isInRollout(worker, desired)) return [];
  const living = livingOnes(worker, desired, observation) ?? [];
  return living.flatMap(({ observed, presence }) => {
    const age = ageOf(presence.process, observation);
    const readying = readyingOf(presence, worker.ready, observation);
    const isWorn = wearOf(observed, presence, recycle, observation) !== undefined;
    return [
      recycle.minAge - age,
      ...(recycle.age === undefined ? [] : [recycle.age - age]),
      ...(readying.kind === 'starting' ? [readying.changesIn] : []),
    ]
      .filter((moment) => moment > 0)
      .concat(isWorn && observed.activity?.kind === 'busy' ? [busyLook] : []);
  });
}
