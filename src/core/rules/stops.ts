import { durationOf, formatTimeOfDay, type Duration } from '../basics/time.ts';
import type { Action } from '../model/action.ts';
import type { Activity } from '../model/activity.ts';
import type { QuietMeans, StopSignal, Worker } from '../model/config.ts';
import {
  isStopped,
  isToBeReplaced,
  rolloutOf,
  type Desired,
  type Rollout,
  type Stopped,
} from '../model/desired.ts';
import { keyOf } from '../model/instance.ts';
import {
  keyOfObserved,
  liveProcess,
  preludeOf,
  refOf,
  sentStop,
  unclearStop,
  type ObservedInstance,
} from '../model/observation.ts';
import { isSameProcess } from '../model/process.ts';
import { quietStateOf, type Asking } from '../model/record.ts';
import { endsSessionBy, limitable } from './deadlines.ts';
import { sessionStop } from './awaited.ts';
import { nextToRecycle } from './recycling.ts';
import { deadlineOf, type Snapshot, type Subject } from './snapshot.ts';
import { turnsOf } from './turns.ts';

export function deliberatelyStopped(snapshot: Snapshot): Action[] {
  const { desired, observation } = snapshot;
  return snapshot.notable().flatMap((subject) => {
    const stopped = desired.stopped[subject.observed.name];
    if (stopped === undefined) return [];
    const deadline = deadlineOf(subject.observed, snapshot);
    const cause = stoppedBy(stopped);
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
  return snapshot.notable().flatMap((subject) => {
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
      action.kind === 'stop' || action.kind === 'quiet'
        ? [{ ...action, isRecycle: true, ...(memory !== undefined && { memory }) }]
        : [],
    );
  });
}

/** Old processes beside their replacements of which nothing says any more that they were asked. */
export function unaskedRetiring(snapshot: Snapshot): Action[] {
  const cause = 'its replacement runs, and nothing notes that it was asked';
  return snapshot
    .retiring()
    .filter(({ observed }) => preludeOf(observed) === undefined)
    .flatMap((subject) => stopIfRunning(subject, cause));
}

/** Processes that were made quiet in order to be stopped, and still have to exit. */
export function stopWhenIdle(snapshot: Snapshot, stops: readonly Action[]): Action[] {
  const known = new Set(stops.map(keyOf));
  return snapshot.everyNotable().flatMap((subject) => {
    const cause = known.has(keyOfObserved(subject.observed))
      ? undefined
      : reasonToExit(subject, snapshot);
    return cause === undefined ? [] : stopIfRunning(subject, cause);
  });
}

/** Why a process that was made quiet in order to be stopped still has to exit; undefined: by now it need not. */
export function reasonToExit(
  { observed, isWanted }: Subject,
  { desired }: Pick<Snapshot, 'desired'>,
): string | undefined {
  const { name, retiring, presence } = observed;
  const prelude = preludeOf(observed);
  if (prelude === undefined || presence.kind !== 'alive') return undefined;
  const stopped = desired.stopped[name];
  if (stopped !== undefined) return stoppedBy(stopped);
  if (retiring !== undefined || !isWanted || prelude.isRecycle === true) return prelude.cause;
  const { process, record } = presence;
  const rollout = rolloutOf(desired, name);
  return rollout !== undefined && isToBeReplaced(desired, name, process, record)
    ? causeOf(rollout)
    : undefined;
}

const stoppedBy = ({ at, by }: Stopped): string => `stopped at ${formatTimeOfDay(at)} by ${by}`;

/** A limit that a command has set holds for the whole session. */
const endingSession = (action: Action): Action =>
  action.kind === 'stop' || action.kind === 'quiet' ? { ...action, endsSession: true } : action;

/**
 * A command has set a limit for processes that had been asked to exit before: their sessions end with it, too. An earlier limit
 * of their own, which they may extend, stays as it is.
 */
export function limited(snapshot: Snapshot): Action[] {
  const { deadlines } = snapshot.desired;
  return snapshot.everyNotable().flatMap(({ observed }): Action[] => {
    const request = deadlines[keyOfObserved(observed)];
    const process = limitable(observed);
    if (request === undefined || process === undefined) return [];
    const { presence } = observed;
    const isDead = presence.kind === 'dead';
    const stop = isDead ? presence.stop : sentStop(observed);
    const { at: deadline } = request;
    if (stop === undefined || endsSessionBy(stop, deadline)) return [];
    if (!isSameProcess(request.process, process)) return [];
    const isSooner = stop.deadline === undefined || deadline < stop.deadline;
    if (!isDead && (!isSooner || snapshot.sinceBoot >= deadline)) return [];
    const cause = 'a command has limited it';
    return [{ kind: 'limit', ...refOf(observed), process, deadline, cause }];
  });
}

/** The members of a session that were noted to be asked, and whose turn did not come before its leader was dead. */
export function unaskedMembers(snapshot: Snapshot): Action[] {
  return snapshot.everyNotable().flatMap(({ observed, worker }): Action[] => {
    const ending = sessionStop(observed);
    if (ending === undefined) return [];
    const { members = [], asked = '', process, cause } = ending;
    const living = new Set(observed.leftovers?.processes.map(({ pid }) => pid));
    const isLeftOut = members.some(({ pid }, index) => asked[index] !== 'x' && living.has(pid));
    if (!isLeftOut) return [];
    return [
      { kind: 'stop', ...refOf(observed), process, signal: signalOf({ observed, worker }), cause },
    ];
  });
}

export const causeOf = ({ at, by }: Rollout): string =>
  `restart of ${formatTimeOfDay(at)} by ${by}`;

/** One step on the way of a process to its exit. */
type Step =
  | { readonly kind: 'wait' }
  /** Without `means` it takes no new job already. */
  | { readonly kind: 'quiet'; readonly means?: QuietMeans }
  /** `problem`: why it could not be made quiet before. */
  | { readonly kind: 'stop'; readonly problem?: string };

const wait: Step = { kind: 'wait' };
const toExit: Step = { kind: 'stop' };

/** Of a worker that the config does not have any more, only the record of each process knows its own. */
const signalOf = ({
  observed: { presence },
  worker,
}: Pick<Subject, 'observed' | 'worker'>): StopSignal =>
  worker.isForgotten === true && (presence.kind === 'alive' || presence.kind === 'dead')
    ? presence.record.stopSignal
    : worker.stop.signal;

/**
 * One signal for one process: what was asked is not asked again. A process that is known to be busy is made quiet first, if
 * it knows a signal for that, and asked when it is idle. A command makes it quiet in any case: one that seems idle may be
 * fetching a job.
 */
export function stopIfRunning(
  { observed, worker }: Subject,
  cause: string,
  limit: Duration | undefined = worker.stop.timeout,
): Action[] {
  const process = liveProcess(observed);
  if (process === undefined || sentStop(observed) !== undefined) return [];
  const common = { ...refOf(observed), process, ...(limit !== undefined && { limit }) };
  const isAtOnce = limit === 0 && preludeOf(observed) === undefined;
  // It may have been asked, and is killed now in any case.
  if (isAtOnce && unclearStop(observed) !== undefined) return [];
  const step = isAtOnce ? toExit : nextStep(observed, worker.stop.quiet);
  switch (step.kind) {
    case 'wait':
      return [];
    case 'quiet':
      return [{ ...step, ...common, stopsWhenIdle: true, cause }];
    case 'stop': {
      const why =
        step.problem === undefined ? cause : `${cause}; stop.quiet failed: ${step.problem}`;
      return [{ kind: 'stop', signal: signalOf({ observed, worker }), ...common, cause: why }];
    }
  }
}

function nextStep(observed: ObservedInstance, means: QuietMeans | undefined): Step {
  const { presence, activity } = observed;
  const isBusy = activity?.kind === 'busy';
  const prelude = preludeOf(observed);
  const state = quietStateOf(presence.kind === 'alive' ? presence.quiet : undefined);
  switch (state.kind) {
    case 'none':
      return means === undefined || (typeof means === 'string' && !isBusy)
        ? toExit
        : { kind: 'quiet', means };
    case 'asked':
      return prelude === undefined ? { kind: 'quiet' } : wait;
    case 'resuming':
      return wait;
    case 'quiet':
    case 'stuck':
      if (!isBusy) return toExit;
      return prelude === undefined ? { kind: 'quiet' } : wait;
    case 'failed':
      if (prelude === undefined) return means === undefined ? toExit : { kind: 'quiet', means };
      return hasEndedJob(activity, prelude) ? { kind: 'stop', problem: state.problem } : wait;
  }
}

/** Whether a process that may take further jobs has ended the one that it had when it was asked, as far as that is known. */
function hasEndedJob(activity: Activity | undefined, { at }: Asking): boolean {
  if (activity?.kind !== 'busy') return true;
  const [{ since }] = activity.jobs; // the oldest
  return since === undefined || since > at;
}
