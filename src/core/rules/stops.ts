import { durationOf, formatTimeOfDay, type Duration } from '../basics/time.ts';
import type { Action } from '../model/action.ts';
import type { Worker } from '../model/config.ts';
import { isStopped, type Rollout } from '../model/desired.ts';
import { liveProcess, sentQuiet, sentStop } from '../model/observation.ts';
import { nextToRecycle } from './recycling.ts';
import { deadlineOf, type Snapshot, type Subject } from './snapshot.ts';
import { turnsOf } from './turns.ts';

export function deliberatelyStopped(snapshot: Snapshot): Action[] {
  const { desired, observation } = snapshot;
  return snapshot.subjects().flatMap((subject) => {
    const stopped = desired.stopped[subject.observed.name];
    if (stopped === undefined) return [];
    const deadline = deadlineOf(subject.observed, snapshot);
    return stopIfRunning(
      subject,
      `stopped at ${formatTimeOfDay(stopped.at)} by ${stopped.by}`,
      deadline && durationOf(Math.max(0, deadline - observation.sinceBoot)),
    );
  });
}

const wantedOf = ({ name, identifiers: { length } }: Worker): string =>
  `${length} of ${name} ${length === 1 ? 'is' : 'are'} wanted`;

export function surplus(snapshot: Snapshot): Action[] {
  const { desired } = snapshot;
  return snapshot.subjects().flatMap((subject) => {
    if (subject.isConfigured || isStopped(desired, subject.observed.name)) return [];
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
      return stopIfRunning(subject, causeOf(rollout), rollout.options.killAfter);
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
