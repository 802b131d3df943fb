import { instanceName } from './instance.ts';
import { isOutdated, isStopped, type Intent } from './intent.ts';
import { liveProcess, sentStop, type Observation, type ObservedInstance } from './observation.ts';
import type { Action, Plan } from './plan.ts';
import { formatDeath } from './record.ts';
import { formatTimeOfDay } from './time.ts';
import type { Config, Worker } from './worker.ts';

/**
 * What is to be done so that the world becomes what the config and the intent want. Pure: `observation.now` is the only
 * clock. Instances that were not observed are left alone, and so are those of workers that the config does not have.
 */
export function reconcile(config: Config, intent: Intent, observation: Observation): Plan {
  const world = worldOf(config, intent, observation);
  return [
    ...strays(world),
    ...wrongPidfiles(world),
    ...stalePidfiles(world),
    ...deliberatelyStopped(world),
    ...surplus(world),
    ...outdated(world),
    ...missing(world),
  ];
}

/** An observed instance of a configured worker, with what is wanted of it. */
interface Subject {
  readonly observed: ObservedInstance;
  readonly worker: Worker;
  /** The config has this identifier. */
  readonly isConfigured: boolean;
  /** The config has it, and nobody has stopped it. */
  readonly isWanted: boolean;
}

interface World {
  readonly intent: Intent;
  readonly subjects: readonly Subject[];
}

function worldOf(config: Config, intent: Intent, observation: Observation): World {
  const subjects = config.workers.flatMap((worker) => {
    const configured = worker.identifiers.map((identifier) =>
      instanceName(worker.name, identifier),
    );
    const others = extraNames(worker, configured, observation);
    return [...configured, ...others].flatMap((name, index) => {
      const observed = observation.instances.get(name);
      if (observed === undefined) return [];
      const isConfigured = index < configured.length;
      return [
        { observed, worker, isConfigured, isWanted: isConfigured && !isStopped(intent, name) },
      ];
    });
  });
  return { intent, subjects };
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

function strays({ subjects }: World): Action[] {
  return subjects.flatMap(({ observed: { name, presence } }) =>
    presence.kind !== 'stray'
      ? []
      : [
          {
            kind: 'adopt' as const,
            instance: name,
            process: presence.process,
            ...(presence.shim && { shim: presence.shim }),
            cause: 'it runs, but no record claims it',
          },
        ],
  );
}

function wrongPidfiles({ subjects }: World): Action[] {
  return subjects.flatMap(({ observed }) => {
    const { name, presence, pidfile } = observed;
    if (presence.kind !== 'alive') return [];
    const { pid } = presence.process;
    if (pidfile.kind === 'holds' && pidfile.pid === pid) return [];
    return [{ kind: 'repair' as const, instance: name, pid, cause: describePidfile(observed) }];
  });
}

/** A pidfile that is about to be written anew, by a start, needs no removal. */
function stalePidfiles({ subjects }: World): Action[] {
  return subjects.flatMap(({ observed, isWanted }) => {
    const { name, presence, pidfile } = observed;
    if (
      isWanted ||
      (presence.kind !== 'dead' && presence.kind !== 'absent') ||
      pidfile.kind === 'absent'
    )
      return [];
    return [{ kind: 'forget' as const, instance: name, cause: describePidfile(observed) }];
  });
}

function deliberatelyStopped({ intent, subjects }: World): Action[] {
  return subjects.flatMap((subject) => {
    const stopped = intent.stopped[subject.observed.name];
    if (stopped === undefined) return [];
    return stopIfRunning(subject, `stopped at ${formatTimeOfDay(stopped.at)} by ${stopped.by}`);
  });
}

function surplus({ intent, subjects }: World): Action[] {
  return subjects.flatMap((subject) => {
    if (subject.isConfigured || isStopped(intent, subject.observed.name)) return [];
    return stopIfRunning(
      subject,
      `the config wants ${subject.worker.identifiers.length} of ${subject.worker.name}, and not this one`,
    );
  });
}

function outdated({ intent, subjects }: World): Action[] {
  const { rollout } = intent;
  if (rollout === undefined) return [];
  return subjects.flatMap((subject) => {
    const process = liveProcess(subject.observed);
    if (!subject.isWanted || process === undefined) return [];
    if (!isOutdated(intent, subject.observed.name, process)) return [];
    return stopIfRunning(subject, `restart of ${formatTimeOfDay(rollout.at)} by ${rollout.by}`);
  });
}

function missing({ subjects }: World): Action[] {
  return subjects.flatMap(({ observed, isWanted }) => {
    if (!isWanted || liveProcess(observed) !== undefined) return [];
    return [{ kind: 'start' as const, instance: observed.name, cause: whyDown(observed) }];
  });
}

/** One signal for one process: whoever was asked is not asked again. */
function stopIfRunning({ observed, worker }: Subject, cause: string): Action[] {
  const process = liveProcess(observed);
  if (process === undefined || sentStop(observed) !== undefined) return [];
  return [{ kind: 'stop', instance: observed.name, process, signal: worker.stop.signal, cause }];
}

function whyDown({ presence }: ObservedInstance): string {
  if (presence.kind !== 'dead') return 'it is not running';
  const verb = presence.stop?.sent === true ? 'has left' : 'died';
  return `pid ${presence.record.pid} ${verb}: ${formatDeath(presence.death)}`;
}

function describePidfile({ pidfile }: ObservedInstance): string {
  switch (pidfile.kind) {
    case 'absent':
      return 'it was missing';
    case 'holds':
      return `it held ${pidfile.pid}, which is not this instance`;
    case 'broken':
      return `expected a pid, found ${pidfile.found}`;
  }
}
