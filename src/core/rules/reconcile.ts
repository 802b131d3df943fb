import { jobOf } from '../model/activity.ts';
import { formatSize } from '../basics/bytes.ts';
import { backsOffUntil } from './backoff.ts';
import { keyOf } from '../model/instance.ts';
import { isQuiet, isStopped, type Desired, type Rollout } from '../model/desired.ts';
import { noLedger, type Ledger } from '../model/ledger.ts';
import {
  drainingSince,
  liveProcess,
  sentQuiet,
  sentStop,
  runIdOfStray,
  refOf,
  type Observation,
  type ObservedInstance,
  type Presence,
} from '../model/observation.ts';
import type { Action } from '../model/action.ts';
import { planOf, type Plan } from '../model/plan.ts';
import { readyingOf } from './readiness.ts';
import { isSameProcess, type ProcessIdentity } from '../model/process.ts';
import { formatDeath, type Stop } from '../model/record.ts';
import { nextToRecycle } from './recycling.ts';
import { extrasOf, membersOf, policyOf, turnsOf } from './rollout.ts';
import {
  durationOf,
  elapsed,
  formatDuration,
  formatTimeOfDay,
  type Duration,
} from '../basics/time.ts';
import { withCounts } from './scaling.ts';
import type { Config, Worker } from '../model/config.ts';
import { deadlineOf, worldOf, type Subject, type World } from './world.ts';

/**
 * What is to be done so that the world becomes what the config and the intent want. Pure: `observation.now` is the only
 * clock. Instances that were not observed are left alone, and so are those of workers that the config does not have.
 */
export function reconcile(
  config: Config,
  desired: Desired,
  observation: Observation,
  ledger: Ledger = noLedger,
): Plan {
  const world = worldOf(withCounts(config, desired), desired, observation);
  const { isEnding } = desired;
  if (isEnding !== undefined) {
    const ends = world.subjects.flatMap((subject) => stopIfRunning(subject, isEnding));
    return planOf([...strays(world), ...killed(world), ...ends]);
  }
  const asked = [
    ...deliberatelyStopped(world),
    ...surplus(world),
    ...outdated(world),
    ...dueForRecycling(world),
  ];
  const stops = [...asked, ...stopWhenIdle(world, asked)];
  const moves = overlapping(world, stops);
  return planOf([
    ...strays(world),
    ...wrongPidfiles(world),
    ...stalePidfiles(world),
    ...leftBehind(world),
    ...exitedRetiring(world),
    ...killed(world),
    ...stops,
    ...moves,
    ...toBeQuiet(world, stops),
    ...toBeResumed(world, stops),
    ...missing(world, ledger, moves),
    ...oversizedLogs(world),
  ]);
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
            ...(presence.successorOf && { successorOf: presence.successorOf }),
            runId: runIdOfStray(presence),
            cause: causeOfAdoption(presence),
          },
        ],
  );
}

const causeOfAdoption = ({
  successorOf,
  evidence,
}: Extract<Presence, { kind: 'stray' }>): string =>
  successorOf === undefined
    ? (evidence ?? 'it runs, but no record claims it')
    : `pid ${successorOf.pid} has named it as its successor (MAINPID), and is gone`;

/** Who forks away owns his pidfile: it is never ours to write. */
function wrongPidfiles({ subjects }: World): Action[] {
  return subjects.flatMap(({ observed, worker }) => {
    const { name, presence, pidfile } = observed;
    if (presence.kind !== 'alive' || worker.daemonizes !== undefined) return [];
    const { pid } = presence.process;
    if (pidfile.kind === 'holds' && pidfile.pid === pid) return [];
    return [
      { kind: 'write_pidfile' as const, instance: name, pid, cause: describePidfile(observed) },
    ];
  });
}

/** A pidfile that is about to be written anew, by a start, needs no removal. */
function stalePidfiles({ subjects }: World): Action[] {
  return subjects.flatMap(({ observed, worker, isWanted }) => {
    const { name, presence, pidfile } = observed;
    if (
      isWanted ||
      worker.daemonizes !== undefined ||
      (presence.kind !== 'dead' && presence.kind !== 'absent') ||
      pidfile.kind === 'absent'
    )
      return [];
    return [{ kind: 'remove_pidfile' as const, instance: name, cause: describePidfile(observed) }];
  });
}

/** What dead processes have left in their sessions, where the config wants more than to be told of it. */
function leftBehind({ subjects, retiring }: World): Action[] {
  return [...subjects, ...retiring].flatMap(({ observed, worker }) => {
    const { leftovers: left } = observed;
    const { leftovers: rule } = worker.stop;
    if (left === undefined || rule === undefined || observed.presence.kind !== 'dead') return [];
    // Whose replacement runs already holds nobody up. What lives on though it was killed is killed once.
    if (left.isTold || (rule === 'wait' && observed.retiring !== undefined)) return [];
    return [
      {
        kind: 'leftovers' as const,
        ...refOf(observed),
        left,
        rule,
        cause: `stop.leftovers is ${rule}`,
      },
    ];
  });
}

/** Old processes that have left beside their replacements. */
function exitedRetiring({ retiring }: World): Action[] {
  return retiring.flatMap(({ observed }) => {
    const { presence, problems } = observed;
    const isTorn = presence.kind === 'absent' && problems.length > 0;
    if (presence.kind !== 'dead' && !isTorn) return [];
    const cause =
      presence.kind === 'dead'
        ? `pid ${presence.record.pid} has left: ${formatDeath(presence.death)}`
        : 'its record cannot be read, and no process of it is to be found';
    return [{ kind: 'clean_up' as const, ...refOf(observed), cause }];
  });
}

/** Whoever is both silent and overdue is killed once. */
function killed(world: World): Action[] {
  const late = overdue(world);
  const killed = new Set(late.map(keyOf));
  return [...late, ...unresponsive(world).filter((action) => !killed.has(keyOf(action)))];
}

/** Nobody has to leave in time unless somebody has set a limit. */
function overdue({ desired, observation, subjects, retiring }: World): Action[] {
  return [...subjects, ...retiring].flatMap(({ observed }) => {
    const process = liveProcess(observed);
    const asked = drainingSince(observed);
    const deadline = deadlineOf(observed, desired);
    if (process === undefined || asked === undefined || deadline === undefined) return [];
    if (observation.sinceBoot < deadline) return [];
    const cause = `it has not left for ${formatDuration(elapsed(asked.at, observation.now))} (${asked.cause})`;
    const job = jobOf(observed.activity);
    return [
      {
        kind: 'kill' as const,
        ...refOf(observed),
        process,
        ...successorOf(observed),
        ...(job && { job }),
        cause,
      },
    ];
  });
}

const successorOf = ({ presence }: ObservedInstance): { readonly successor?: ProcessIdentity } =>
  presence.kind === 'alive' && presence.successor !== undefined
    ? { successor: presence.successor }
    : {};

/** Who gives no sign of life: first it may write down what it is doing, where it knows a signal for that. */
function unresponsive({ observation, subjects, retiring }: World): Action[] {
  return [...subjects, ...retiring].flatMap(({ observed, worker }): Action[] => {
    const { silence, dumpedAt, activity } = observed;
    const process = liveProcess(observed);
    const { heartbeat } = worker;
    if (process === undefined || heartbeat === undefined || silence === undefined) return [];
    if (silence < heartbeat.timeout) return [];
    const cause = `no sign of life for ${formatDuration(silence)} (limit ${formatDuration(heartbeat.timeout)})`;
    if (heartbeat.dump !== undefined && dumpedAt === undefined)
      return [{ kind: 'dump', ...refOf(observed), process, signal: heartbeat.dump, cause }];
    const isGrace = dumpedAt !== undefined && observation.sinceBoot < dumpedAt + heartbeat.grace;
    if (isGrace) return [];
    const job = jobOf(activity);
    const notes = { ...successorOf(observed), isWatchdog: true, ...(job && { job }) };
    return [{ kind: 'kill', ...refOf(observed), process, ...notes, cause }];
  });
}

function deliberatelyStopped({ desired, observation, subjects }: World): Action[] {
  return subjects.flatMap((subject) => {
    const stopped = desired.stopped[subject.observed.name];
    if (stopped === undefined) return [];
    const deadline = deadlineOf(subject.observed, desired);
    return stopIfRunning(
      subject,
      `stopped at ${formatTimeOfDay(stopped.at)} by ${stopped.by}`,
      deadline && durationOf(Math.max(0, deadline - observation.sinceBoot)),
    );
  });
}

function surplus({ desired, subjects }: World): Action[] {
  return subjects.flatMap((subject) => {
    if (subject.isConfigured || isStopped(desired, subject.observed.name)) return [];
    return stopIfRunning(
      subject,
      `the config wants ${subject.worker.identifiers.length} of ${subject.worker.name}, and not this one`,
    );
  });
}

function outdated({ config, desired, observation, subjects }: World): Action[] {
  return desired.rollouts.flatMap((rollout) => {
    const { ask } = turnsOf(rollout, config, desired, observation);
    const turn = new Set(ask);
    return subjects.flatMap((subject) => {
      if (!turn.has(subject.observed.name)) return [];
      return stopIfRunning(subject, causeOf(rollout), rollout.options.killAfter);
    });
  });
}

function dueForRecycling({ config, desired, observation, subjects }: World): Action[] {
  if (observation.mayRecycle !== true) return [];
  return config.workers.flatMap((worker) => {
    const next = nextToRecycle(worker, desired, observation);
    const subject = subjects.find(({ observed }) => observed.name === next?.name);
    if (next === undefined || subject === undefined) return [];
    return stopIfRunning(subject, next.cause).flatMap((action) =>
      action.kind === 'stop' ? [{ ...action, isRecycle: true }] : [],
    );
  });
}

/** Those that were made quiet in order to be stopped: that goes on, whoever wants them to run by now. */
function stopWhenIdle({ subjects }: World, stops: readonly Action[]): Action[] {
  const known = new Set(stops.map(({ instance }) => instance));
  return subjects.flatMap((subject) => {
    const quiet = sentQuiet(subject.observed);
    if (quiet?.stopsWhenIdle !== true || known.has(subject.observed.name)) return [];
    return stopIfRunning(subject, quiet.cause);
  });
}

const causeOf = ({ at, by }: Rollout): string => `restart of ${formatTimeOfDay(at)} by ${by}`;

/** Places that are made free by letting the old process leave beside its replacement: as many as there is room for. */
function overlapping(world: World, stops: readonly Action[]): Action[] {
  const { desired, observation, subjects } = world;
  const room = new Map(
    world.config.workers.map((worker) => [
      worker.name,
      worker.restart.maxExtra - extrasOf(worker, observation),
    ]),
  );
  const aboutToBeAsked = new Set(
    stops.filter(({ kind }) => kind === 'stop').map(({ instance }) => instance),
  );
  return desired.rollouts.flatMap((rollout) =>
    subjects.flatMap(({ observed, worker, isWanted }) => {
      const { name, presence } = observed;
      const replaced = rollout.replaces[name];
      if (!isWanted || !replaced || presence.kind !== 'alive') return [];
      // It hands its place over already: its successor must not be forgotten beside a third process.
      if (presence.successor !== undefined) return [];
      if (!isSameProcess(replaced, presence.process) || !policyOf(rollout, worker).overlap)
        return [];
      if (sentStop(observed) === undefined && !aboutToBeAsked.has(name)) return [];
      const left = room.get(worker.name) ?? 0;
      if (left <= 0) return [];
      room.set(worker.name, left - 1);
      const { process, record } = presence;
      return [
        {
          kind: 'retire' as const,
          instance: name,
          process,
          runId: record.runId,
          cause: causeOf(rollout),
        },
      ];
    }),
  );
}

/** Who is about to be asked to leave is told nothing else. */
const withoutAsked = (subjects: readonly Subject[], stops: readonly Action[]): Subject[] => {
  const asked = new Set(stops.map(({ instance }) => instance));
  return subjects.filter(({ observed }) => !asked.has(observed.name));
};

function toBeQuiet({ desired, observation, subjects }: World, stops: readonly Action[]): Action[] {
  return withoutAsked(subjects, stops).flatMap(({ observed, worker, isWanted }) => {
    const { name } = observed;
    const process = liveProcess(observed);
    const { quiet: signal } = worker.stop;
    const request = desired.quiet[name];
    if (!isWanted || process === undefined || signal === undefined || request === undefined)
      return [];
    if (!isQuiet(desired, name, observation.now)) return [];
    if (sentQuiet(observed) !== undefined || drainingSince(observed) !== undefined) return [];
    const cause = `quiet since ${formatTimeOfDay(request.at)} by ${request.by}`;
    return [
      { kind: 'quiet' as const, instance: name, process, signal, stopsWhenIdle: false, cause },
    ];
  });
}

/** Without a signal that takes the quiet back, the process is replaced. */
function toBeResumed(
  { desired, observation, subjects }: World,
  stops: readonly Action[],
): Action[] {
  return withoutAsked(subjects, stops).flatMap((subject): Action[] => {
    const { observed, worker, isWanted } = subject;
    const { name } = observed;
    const process = liveProcess(observed);
    const quiet = sentQuiet(observed);
    if (!isWanted || process === undefined || quiet === undefined || quiet.stopsWhenIdle) return [];
    if (isQuiet(desired, name, observation.now) || sentStop(observed) !== undefined) return [];
    const cause = `its quiet time is over (${quiet.cause})`;
    const { resume: signal } = worker.stop;
    return signal === undefined
      ? stopIfRunning(subject, cause)
      : [{ kind: 'resume', instance: name, process, signal, cause }];
  });
}

function missing(world: World, ledger: Ledger, moves: readonly Action[]): Action[] {
  const { config, desired, observation, subjects } = world;
  const moved = new Set(moves.map(({ instance }) => instance));
  const failed = failedIn(config, desired, observation);
  return subjects.flatMap(({ observed, worker, isWanted }) => {
    const { name } = observed;
    if (!isWanted) return [];
    if (moved.has(name))
      return [
        { kind: 'start' as const, instance: name, cause: 'its old process leaves beside it' },
      ];
    if (liveProcess(observed) !== undefined) return [];
    if (backsOffUntil(ledger, observed, worker, observation.now) !== undefined) return [];
    if (isAwaited(observed, worker)) return [];
    return [{ kind: 'start' as const, instance: name, cause: whyDown(observed, failed.has(name)) }];
  });
}

/**
 * Logs that are longer than the config allows, each once: an old process that leaves beside its replacement has the same
 * one. While a process is starting, somebody still looks for its lines, and its log stays as it is.
 */
function oversizedLogs({ observation, subjects, retiring }: World): Action[] {
  const all = [...subjects, ...retiring];
  const done = new Set(all.flatMap((subject) => logOfStarting(subject, observation)));
  return all.flatMap(({ observed, worker }) => {
    const { presence, log } = observed;
    if (worker.log?.kind !== 'rotated' || log === undefined || presence.kind !== 'alive') return [];
    const { maxSize, keep } = worker.log;
    const { path, size } = log;
    if (size <= maxSize || done.has(path)) return [];
    done.add(path);
    const { runId } = presence.record;
    const cause = `it has ${formatSize(size)} (limit ${formatSize(maxSize)})`;
    return [{ kind: 'rotate' as const, ...refOf(observed), runId, path, keep, cause }];
  });
}

function logOfStarting({ observed, worker }: Subject, observation: Observation): string[] {
  const { presence, log } = observed;
  if (log === undefined || presence.kind !== 'alive') return [];
  return readyingOf(presence, worker.ready, observation).kind === 'starting' ? [log.path] : [];
}

/** The instances whose replacements have failed in a rollout. */
function failedIn(config: Config, desired: Desired, observation: Observation): Set<string> {
  return new Set(
    desired.rollouts.flatMap((rollout) =>
      [...membersOf(rollout, config, desired, observation)]
        .filter(([, { kind }]) => kind === 'failed')
        .map(([name]) => name),
    ),
  );
}

/**
 * One signal for one process: whoever was asked is not asked again. One that is known to be busy is made quiet first,
 * where it knows a signal for that, and asked when it is idle.
 */
function stopIfRunning(
  { observed, worker }: Subject,
  cause: string,
  limit: Duration | undefined = worker.stop.timeout,
): Action[] {
  const process = liveProcess(observed);
  if (process === undefined || sentStop(observed) !== undefined) return [];
  const { signal, quiet } = worker.stop;
  const common = {
    instance: observed.name,
    process,
    ...(limit !== undefined && { limit }),
    cause,
  };
  if (quiet === undefined || observed.activity?.kind !== 'busy')
    return [{ kind: 'stop', signal, ...common }];
  if (sentQuiet(observed)?.stopsWhenIdle === true) return [];
  return [{ kind: 'quiet', signal: quiet, stopsWhenIdle: true, ...common }];
}

/** Whether nothing is started in its place while what its dead process has left lives. */
export const isAwaited = (
  { presence, leftovers }: ObservedInstance,
  { stop }: Pick<Worker, 'stop'>,
): boolean => stop.leftovers === 'wait' && presence.kind === 'dead' && leftovers !== undefined;

/** How soon what is waited for is looked at again: nothing tells us when it is gone. */
export const awaitedLook = durationOf(1_000);

function whyDown({ presence }: ObservedInstance, isFailed: boolean): string {
  if (presence.kind !== 'dead') return 'it is not running';
  const verb = verbOf(presence.stop);
  const when = isFailed ? ' before it was ready' : '';
  return `pid ${presence.record.pid} ${verb}${when}: ${formatDeath(presence.death)}`;
}

const verbOf = (stop: Stop | undefined): string => {
  if (stop?.sent !== true) return 'died';
  return stop.isRecycle === true ? 'was recycled' : 'has left';
};

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
