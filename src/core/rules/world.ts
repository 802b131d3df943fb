import { type Duration, durationOf } from '../basics/time.ts';
import type { Worker, Config } from '../model/config.ts';
import { type Desired, isStopped, isHeld } from '../model/desired.ts';
import { instanceName } from '../model/instance.ts';
import {
  type ObservedInstance,
  type Observation,
  drainingSince,
  refOf,
  liveProcess,
} from '../model/observation.ts';
import { isSameProcess } from '../model/process.ts';
import { workerNameOf } from '../model/targets.ts';
import { keyOf } from '../model/instance.ts';

/** An observed instance of a configured worker, with what is wanted of it. */
export interface Subject {
  readonly observed: ObservedInstance;
  readonly worker: Worker;
  /** The config has this identifier. */
  readonly isConfigured: boolean;
  /** The config has it, and nobody has stopped it. */
  readonly isWanted: boolean;
}

export interface World {
  readonly config: Config;
  readonly desired: Desired;
  readonly observation: Observation;
  /** Those that somebody holds are none. */
  readonly subjects: readonly Subject[];
  /** Old processes that leave beside their replacements. */
  readonly retiring: readonly Subject[];
}

export function worldOf(config: Config, desired: Desired, observation: Observation): World {
  const all = config.workers.flatMap((worker) => {
    const configured = worker.identifiers.map((identifier) =>
      instanceName(worker.name, identifier),
    );
    const others = extraNames(worker, configured, observation);
    return [...configured, ...others].flatMap((name, index) => {
      const observed = observation.instances.get(name);
      if (observed === undefined) return [];
      const isConfigured = index < configured.length;
      return [
        { observed, worker, isConfigured, isWanted: isConfigured && !isStopped(desired, name) },
      ];
    });
  });
  return {
    config,
    desired,
    observation,
    subjects: all.filter(({ observed: { name } }) => !isHeld(desired, name, observation.now)),
    retiring: config.workers.flatMap((worker) =>
      observation.retiring
        .filter(({ name }) => workerNameOf(name) === worker.name)
        .map((observed) => ({ observed, worker, isConfigured: false, isWanted: false })),
    ),
  };
}

/** Observed instances of a worker whose identifiers the config no longer has. */
function extraNames(
  worker: Worker,
  configured: readonly string[],
  observation: Observation,
): string[] {
  const known = new Set(configured);
  return [...observation.instances.keys()].filter(
    (name) => name.startsWith(`${worker.name}.`) && !known.has(name),
  );
}

/** When an instance's process is to be killed, since the boot of the host; the earliest of all that say so. */
export function deadlineOf(observed: ObservedInstance, desired: Desired): Duration | undefined {
  const process = liveProcess(observed);
  const request = desired.deadlines[keyOf(refOf(observed))];
  const isMeant =
    request !== undefined && process !== undefined && isSameProcess(process, request.process);
  const all = [
    ...(isMeant ? [request.at] : []),
    ...[drainingSince(observed)?.deadline].filter((deadline) => deadline !== undefined),
  ];
  return all.length === 0 ? undefined : durationOf(Math.min(...all));
}
