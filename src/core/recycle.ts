import { instanceName } from './instance.ts';
import { isHeld, isQuiet, isStopped, type Intent } from './intent.ts';
import {
  ageOf,
  leavingSince,
  sentQuiet,
  type Observation,
  type ObservedInstance,
  type Presence,
} from './observation.ts';
import { readyingOf } from './readiness.ts';
import { formatSize } from './size.ts';
import { durationOf, formatDuration } from './time.ts';
import type { RecyclePolicy, Worker } from './worker.ts';

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
export function nextWorn(
  worker: Worker,
  intent: Intent,
  observation: Observation,
): Worn | undefined {
  const { recycle } = worker;
  if (recycle === undefined || isInRollout(worker, intent)) return undefined;
  const ready = readyOnes(worker, intent, observation);
  if (ready === undefined) return undefined;
  const worn = ready.flatMap(({ observed, presence }) => {
    if (isHeld(intent, observed.name, observation.now)) return [];
    if (observed.activity?.kind === 'busy') return [];
    const why = wearOf(observed, presence, recycle, observation);
    if (why === undefined) return [];
    const rank = observed.activity?.kind === 'idle' ? 0 : 1;
    const age = ageOf(presence.process, observation);
    return [{ name: observed.name, cause: `recycled: ${why}`, rank, age }];
  });
  const [first] = worn.sort((a, b) => a.rank - b.rank || b.age - a.age);
  return first && { name: first.name, cause: first.cause };
}

const isInRollout = ({ name, identifiers }: Worker, { rollouts }: Intent): boolean =>
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
  intent: Intent,
  observation: Observation,
): Living[] | undefined {
  const names = worker.identifiers
    .map((identifier) => instanceName(worker.name, identifier))
    .filter((name) => !isStopped(intent, name));
  const living = names.flatMap((name) => {
    const observed = observation.instances.get(name);
    if (observed?.presence.kind !== 'alive' || leavingSince(observed) !== undefined) return [];
    return [{ observed, presence: observed.presence }];
  });
  return living.length === names.length ? living : undefined;
}

/** The same, if all of them are ready and at work. */
function readyOnes(worker: Worker, intent: Intent, observation: Observation): Living[] | undefined {
  const living = livingOnes(worker, intent, observation);
  const isReady = ({ observed, presence }: Living): boolean =>
    readyingOf(presence, worker.ready, observation).kind === 'ready' &&
    presence.process.activity === 'runs' &&
    sentQuiet(observed) === undefined &&
    !isQuiet(intent, observed.name, observation.now);
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
export function recycleMoments(worker: Worker, intent: Intent, observation: Observation): number[] {
  const { recycle } = worker;
  if (recycle === undefined || isInRollout(worker, intent)) return [];
  const living = livingOnes(worker, intent, observation) ?? [];
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
