import { durationOf, type Duration, type Moment } from '../basics/time.ts';
import type { Config, Worker } from '../model/config.ts';
import { isDone, isHeld, isStopped, isStoppedUntilBoot, type Desired } from '../model/desired.ts';
import { instanceNames } from '../model/instance.ts';
import { noLedger, type Ledger } from '../model/ledger.ts';
import {
  drainingSince,
  keyOfObserved,
  liveProcess,
  type Observation,
  type ObservedInstance,
} from '../model/observation.ts';
import { isSameProcess } from '../model/process.ts';
import { workerNameOf } from '../model/targets.ts';
import { sessionStop } from './awaited.ts';
import { extended } from './extension.ts';
import { withCounts } from './scaling.ts';

/** An observed process of a configured worker, with what is wanted of it. */
export interface Subject {
  readonly observed: ObservedInstance;
  readonly worker: Worker;
  /** The config, with the counts in force, has this instance. */
  readonly isConfigured: boolean;
  /** The config has it, it was not stopped on purpose, and it is not done. */
  readonly isWanted: boolean;
}

/** All that rules and views work on: built once per look. */
export interface Snapshot {
  /** With the counts in force. */
  readonly config: Config;
  readonly desired: Desired;
  readonly ledger: Ledger;
  readonly observation: Observation;
  readonly now: Moment;
  /** How long the host has been up. */
  readonly sinceBoot: Duration;
  readonly instance: (name: string) => ObservedInstance | undefined;
  /** The worker of an instance. */
  readonly workerOf: (instance: string) => Worker | undefined;
  /** The instances that passes may touch: those that were observed, of configured workers, and not held unless all end or the host does. */
  readonly subjects: () => readonly Subject[];
  /** Old processes that drain beside their replacements. */
  readonly retiring: () => readonly Subject[];
  /** The subjects, then the old processes. */
  readonly everyone: () => readonly Subject[];
  /**
   * The subjects but those that run as they are wanted, with nothing noted or found about them. There may be a thousand of those,
   * and each rule that looks at what is noted or found would go through them in vain.
   */
  readonly notable: () => readonly Subject[];
  /** The same, then the old processes. */
  readonly everyNotable: () => readonly Subject[];
  /** The wanted instances of a worker that have no process. */
  readonly missing: (worker: Worker) => readonly string[];
  /** The processes that are draining, old ones included. */
  readonly draining: () => readonly ObservedInstance[];
}

/** @param file the config, as it is in its file or with any counts */
export function snapshotOf(
  file: Config,
  { desired, ledger = noLedger }: { readonly desired: Desired; readonly ledger?: Ledger },
  observation: Observation,
): Snapshot {
  const config = withCounts(file, desired);
  const { instances, now, sinceBoot } = observation;
  const workers = new Map(config.workers.map((worker) => [worker.name, worker]));
  const workerOf = (instance: string): Worker | undefined => workers.get(workerNameOf(instance));
  const subjects = once(() => subjectsIn(config, desired, observation, workerOf));
  const retiring = once(() => retiringIn(config, observation));
  const notable = once(() => subjects().filter(isNotable));
  return {
    config,
    desired,
    ledger,
    observation,
    now,
    sinceBoot,
    workerOf,
    instance: (name) => instances.get(name),
    subjects,
    retiring,
    everyone: once(() => [...subjects(), ...retiring()]),
    notable,
    everyNotable: once(() => [...notable(), ...retiring()]),
    missing: (worker) =>
      instanceNames(worker).filter((name) => {
        const observed = instances.get(name);
        return (
          !isStopped(desired, name) &&
          !isDone(desired, name) &&
          (observed === undefined || liveProcess(observed) === undefined)
        );
      }),
    draining: () =>
      [...instances.values(), ...observation.retiring].filter(
        (one) => drainingSince(one) !== undefined,
      ),
  };
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

/** Those of each worker that the config has, in its order, then those that it no longer has. */
function subjectsIn(
  { workers }: Config,
  desired: Desired,
  { instances, now }: Observation,
  workerOf: Snapshot['workerOf'],
): Subject[] {
  const known = new Set(workers.flatMap(instanceNames));
  const others = new Map<Worker, string[]>();
  for (const name of instances.keys()) {
    const worker = known.has(name) ? undefined : workerOf(name);
    if (worker !== undefined) others.set(worker, [...(others.get(worker) ?? []), name]);
  }
  // Mostly nothing is asked of any: of a thousand instances it takes a millisecond to find that out one by one.
  const [areHeld, areStopped, areDone] = [desired.held, desired.stopped, desired.done].map(
    (asked) => Object.keys(asked).length > 0,
  );
  const isUntouched = (name: string): boolean =>
    isHeld(desired, name, now) &&
    desired.isEnding === undefined &&
    !isStoppedUntilBoot(desired, name);
  return workers.flatMap((worker) =>
    [...instanceNames(worker), ...(others.get(worker) ?? [])].flatMap((name) => {
      const observed = instances.get(name);
      if (observed === undefined || (areHeld && isUntouched(name))) return [];
      const isConfigured = known.has(name);
      const isWanted =
        isConfigured &&
        !(areStopped && isStopped(desired, name)) &&
        !(areDone && isDone(desired, name));
      return [{ observed, worker, isConfigured, isWanted }];
    }),
  );
}

/** Whether an instance does not run, or is not wanted, or anything is noted or found about its process. */
function isNotable({ observed, isWanted }: Subject): boolean {
  const { presence, pidfile, problems, silence, leftovers, unclaimed, continuing } = observed;
  if (presence.kind !== 'alive') return true;
  const { process, stop, quiet, successor, extension } = presence;
  const isNoted = stop ?? quiet ?? successor ?? extension;
  const isFound = silence ?? leftovers ?? unclaimed ?? continuing;
  const isPidfileRight = pidfile.kind === 'holds' && pidfile.pid === process.pid;
  const isAsWanted = isWanted && isPidfileRight && problems.length === 0;
  return !isAsWanted || isNoted !== undefined || isFound !== undefined;
}

const retiringIn = ({ workers }: Config, { retiring }: Observation): Subject[] =>
  workers.flatMap((worker) =>
    retiring
      .filter(({ name }) => workerNameOf(name) === worker.name)
      .map((observed) => ({ observed, worker, isConfigured: false, isWanted: false })),
  );

/**
 * When a process is to be killed, counted from the boot of the host: the earliest of all that say so. It may extend the
 * limit of its worker, but not that of a command.
 */
export function deadlineOf(
  observed: ObservedInstance,
  { desired }: Pick<Snapshot, 'desired'>,
): Duration | undefined {
  const request = desired.deadlines[keyOfObserved(observed)];
  const process = request && liveProcess(observed);
  const isMeant =
    request !== undefined && process !== undefined && isSameProcess(process, request.process);
  const stop = drainingSince(observed) ?? sessionStop(observed);
  const { presence } = observed;
  const extension =
    presence.kind === 'alive' && stop?.endsSession !== true ? presence.extension : undefined;
  const all = [
    ...(isMeant ? [request.at] : []),
    ...(stop?.deadline === undefined ? [] : [extended(stop.deadline, extension)]),
  ];
  return all.length === 0 ? undefined : durationOf(Math.min(...all));
}
