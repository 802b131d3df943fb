import { instanceName, instanceNames } from '../model/instance.ts';
import { isDone, isHeld, isQuiet, isStopped, type Desired } from '../model/desired.ts';
import {
  ageOf,
  drainingSince,
  sentQuiet,
  unclearStop,
  type Observation,
  type ObservedInstance,
  type Presence,
} from '../model/observation.ts';
import type { Snapshot } from './snapshot.ts';
import { memoryDueAge } from './memory-limits.ts';
import { readyingOf } from './readiness.ts';
import { formatSize } from '../basics/bytes.ts';
import { durationOf, formatDuration, type Duration } from '../basics/time.ts';
import type { RecyclePolicy, Worker } from '../model/config.ts';

/** The instance whose process is recycled next. `cause` says why. */
export interface DueForRecycling {
  readonly name: string;
  readonly cause: string;
  /** How many bytes it has, if that is the cause. */
  readonly memory?: number;
}

/** A busy process that is due for recycling is looked at again this soon: nothing reports that it is idle. */
const busyLook = durationOf(1_000);

/**
 * The instance to recycle next: one of a worker at a time, the oldest process first, and only while every other wanted
 * instance of the worker is ready. So never more than one is down for recycling. None is recycled during a restart, nor
 * after an aborted one, whose new code has failed. A busy process waits until it is idle.
 */
export function nextToRecycle(
  worker: Worker,
  { desired, ledger, observation }: Snapshot,
): DueForRecycling | undefined {
  const { recycle } = worker;
  if (recycle === undefined || isInRollout(worker, desired)) return undefined;
  if (isBlocked(worker, observation)) return undefined;
  const ready = readyOnes(worker, desired, observation);
  if (ready === undefined) return undefined;
  const dueForRecycling = ready.flatMap(({ observed, presence }) => {
    if (isHeld(desired, observed.name, observation.now)) return [];
    if (observed.activity?.kind === 'busy') return [];
    const dueAge = memoryDueAge(observed.name, ledger, worker);
    const due = dueFor(observed, presence, { ...recycle, dueAge }, observation);
    if (due === undefined) return [];
    const rank = observed.activity?.kind === 'idle' ? 0 : 1;
    const age = ageOf(presence.process, observation);
    return [{ due: { name: observed.name, ...due }, rank, age }];
  });
  const [first] = dueForRecycling.sort((a, b) => a.rank - b.rank || b.age - a.age);
  return first?.due;
}

const isInRollout = ({ name, identifiers }: Worker, { rollouts }: Desired): boolean =>
  rollouts.some(({ replaces }) =>
    identifiers.some((identifier) => Object.hasOwn(replaces, instanceName(name, identifier))),
  );

/** Whether one of its instances could not be started again: nor could the others, most likely. */
const isBlocked = (worker: Worker, { obstacles }: Observation): boolean =>
  obstacles !== undefined && instanceNames(worker).some((name) => obstacles.has(name));

interface Living {
  readonly observed: ObservedInstance;
  readonly presence: Extract<Presence, { kind: 'alive' }>;
}

/** The wanted instances of a worker, if all of them run and none drains; undefined also if one was not looked at. */
function livingOnes(
  worker: Worker,
  desired: Desired,
  observation: Observation,
): Living[] | undefined {
  const names = worker.identifiers
    .map((identifier) => instanceName(worker.name, identifier))
    .filter((name) => !isStopped(desired, name) && !isDone(desired, name));
  const living = names.flatMap((name) => {
    const observed = observation.instances.get(name);
    if (observed?.presence.kind !== 'alive') return [];
    if ((drainingSince(observed) ?? unclearStop(observed)) !== undefined) return [];
    return [{ observed, presence: observed.presence }];
  });
  return living.length === names.length ? living : undefined;
}

/** The same, if all of them are ready and take jobs. */
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

/** Why a process is due for recycling; undefined if it is not. For its memory it is due only from `dueAge` on. */
function dueFor(
  { memory, nextRelease }: ObservedInstance,
  { process, record }: Living['presence'],
  policy: RecyclePolicy & { readonly dueAge: Duration },
  observation: Observation,
): Omit<DueForRecycling, 'name'> | undefined {
  const age = ageOf(process, observation);
  const because = (reason: string) => ({ cause: `recycled: ${reason}` });
  if (age < policy.minAge) return undefined;
  const isTooLarge = policy.memory !== undefined && memory !== undefined && memory > policy.memory;
  if (isTooLarge && age >= policy.dueAge) {
    const sizes = `memory ${formatSize(memory)} (limit ${formatSize(policy.memory)})`;
    return { ...because(sizes), memory };
  }
  if (policy.age !== undefined && age >= policy.age)
    return because(`age ${formatDuration(age)} (limit ${formatDuration(policy.age)})`);
  const { release } = record;
  if (policy.outdated && release !== undefined && nextRelease !== undefined)
    return release === nextRelease ? undefined : because(`release ${release}, now ${nextRelease}`);
  return undefined;
}

/** In how many ms an instance may become due for recycling without anything else happening. */
export function recycleMoments(
  worker: Worker,
  { desired, ledger, observation }: Snapshot,
): number[] {
  const { recycle } = worker;
  if (recycle === undefined || isInRollout(worker, desired)) return [];
  const living = livingOnes(worker, desired, observation) ?? [];
  return living.flatMap(({ observed, presence }) => {
    const age = ageOf(presence.process, observation);
    const readying = readyingOf(presence, worker.ready, observation);
    const dueAge = memoryDueAge(observed.name, ledger, worker);
    const isDue = dueFor(observed, presence, { ...recycle, dueAge }, observation) !== undefined;
    return [
      recycle.minAge - age,
      ...(recycle.memory === undefined ? [] : [dueAge - age]),
      ...(recycle.age === undefined ? [] : [recycle.age - age]),
      ...(readying.kind === 'starting' ? [readying.changesIn] : []),
    ]
      .filter((moment) => moment > 0)
      .concat(isDue && observed.activity?.kind === 'busy' ? [busyLook] : []);
  });
}
