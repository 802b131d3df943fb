import { durationOf, formatTimeOfDay, type Duration } from '../basics/time.ts';
import type { Action } from '../model/action.ts';
import type { QuietMeans, QuietSignal, Worker } from '../model/config.ts';
import { isStopped, type Desired, type Rollout } from '../model/desired.ts';
import { liveProcess, refOf, sentQuiet, sentStop } from '../model/observation.ts';
import { sessionStop } from './awaited.ts';
import { nextToRecycle } from './recycling.ts';
import { deadlineOf, type Snapshot, type Subject } from './snapshot.ts';
import { turnsOf } from './turns.ts';

export function deliberatelyStopped(snapshot: Snapshot): Action[] {
  const { desired, observation } = snapshot;
  return snapshot.subjects().flatMap((subject) => {
    const stopped = desired.stopped[subject.observed.name];
    if (stopped === undefined) return [];
    const deadline = deadlineOf(subject.observed, snapshot);
    const cause = `stopped at ${formatTimeOfDay(stopped.at)} by ${stopped.by}`;
    if (deadline === undefined) return stopIfRunning(subject, cause);
    const limit = durationOf(Math.max(0, deadline - observation.sinceBoot));
    return stopIfRunning(subject, cause, limit).map(endingSession);
  });
}

const wantedOf = ({ name, identifiers: { length } }: Worker): string =>
  `${length} of ${name} ${length === 1 ? 'is' : 'are'} wanted`;

const hasCount = ({ counts, isEnding }: Desired, { name }: Worker): boolean =>
  isEnding !== undefined || Object.hasOwn(counts, name);

export function surplus(snapshot: Snapshot): Action[] {
  const { desired } = snapshot;
  return snapshot.subjects().flatMap((subject) => {
    if (subject.isConfigured || isStopped(desired, subject.observed.name)) return [];
    // A copy of a config with a lower count would drain what the other one wants; a count that was set is meant.
    if (subject.observed.otherConfig !== undefined && !hasCount(desired, subject.worker)) return [];
    return stopIfRunning(subject, `${wantedOf(subject.worker)}; this one is surplus`);
  });
}

export function outdated(snapshot: Snapshot): Action[] {
  const { desired } = snapshot;
  return desired.rollouts.flatMap((rollout) => {
    const { ask } = turnsOf(rollout, snapshot);
    const turn = new Set(ask);
    return snapshot.subjects().flatMap((subject) => {
      if (!turn.has(subject.observed.name)) return [];
      const { killAfter } = rollout.options;
      const asked = stopIfRunning(subject, causeOf(rollout), killAfter);
      return killAfter === undefined ? asked : asked.map(endingSession);
    });
  });
}

export function dueForRecycling(snapshot: Snapshot): Action[] {
  const { config, observation } = snapshot;
  if (observation.mayRecycle !== true) return [];
  return config.workers.flatMap((worker) => {
    const next = nextToRecycle(worker, snapshot);
    const subject = snapshot.subjects().find(({ observed }) => observed.name === next?.name);
    if (next === undefined || subject === undefined) return [];
    const { memory } = next;
    return stopIfRunning(subject, next.cause).flatMap((action) =>
      action.kind === 'stop'
        ? [{ ...action, isRecycle: true, ...(memory !== undefined && { memory }) }]
        : [],
    );
  });
}

/** Instances that were made quiet in order to be stopped: that continues, even if they are wanted by now. */
export function stopWhenIdle(snapshot: Snapshot, stops: readonly Action[]): Action[] {
  const known = new Set(stops.map(({ instance }) => instance));
  return snapshot.subjects().flatMap((subject) => {
    const quiet = sentQuiet(subject.observed);
    if (quiet?.stopsWhenIdle !== true || known.has(subject.observed.name)) return [];
    return stopIfRunning(subject, quiet.cause);
  });
}

/** A limit that a command has set holds for the whole session. */
const endingSession = (action: Action): Action =>
  action.kind === 'stop' ? { ...action, endsSession: true } : action;

/** The members of a session that were noted to be asked, and whose turn did not come before its leader was dead. */
export function unaskedMembers(snapshot: Snapshot): Action[] {
  return snapshot.everyone().flatMap(({ observed, worker }): Action[] => {
    const { members = [], asked = '', process, cause } = sessionStop(observed) ?? {};
    const living = new Set(observed.leftovers?.processes.map(({ pid }) => pid));
    const isLeftOut = members.some(({ pid }, index) => asked[index] !== 'x' && living.has(pid));
    if (!isLeftOut || process === undefined || cause === undefined) return [];
    return [{ kind: 'stop', ...refOf(observed), process, signal: worker.stop.signal, cause }];
  });
}

export const causeOf = ({ at, by }: Rollout): string =>
  `restart of ${formatTimeOfDay(at)} by ${by}`;

/**
 * One signal for one process: what was asked is not asked again. A process that is known to be busy is made quiet first, if
 * it knows a signal for that, and asked when it is idle.
 */
export function stopIfRunning(
  { observed, worker }: Subject,
  cause: string,
  limit: Duration | undefined = worker.stop.timeout,
): Action[] {
  const process = liveProcess(observed);
  if (process === undefined || sentStop(observed) !== undefined) return [];
  const { signal } = worker.stop;
  const quiet = signalOf(worker.stop.quiet);
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

export const signalOf = (means: QuietMeans | undefined): QuietSignal | undefined =>
  typeof means === 'string' ? means : undefined;
