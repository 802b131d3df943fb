import { durationOf, elapsed, formatTimeOfDay } from '../basics/time.ts';
import type { Action } from '../model/action.ts';
import { isQuiet, isToBeReplaced } from '../model/desired.ts';
import { liveProcess, preludeOf, sentQuiet, sentStop } from '../model/observation.ts';
import { lookAfter } from './awaited.ts';
import { quietStateOf, type QuietState } from '../model/record.ts';
import { lifeOf } from './lifecycle.ts';
import type { Snapshot, Subject } from './snapshot.ts';
import { reasonToExit } from './stops.ts';

/** A process that is about to be asked to exit is asked nothing else; its replacement is. */
const withoutAsked = (subjects: readonly Subject[], stops: readonly Action[]): Subject[] => {
  const asked = new Set(
    stops.flatMap(({ instance, retiring }) => (retiring === undefined ? [instance] : [])),
  );
  return subjects.filter(({ observed }) => !asked.has(observed.name));
};

const stateOf = ({ observed: { presence } }: Subject): QuietState =>
  quietStateOf(presence.kind === 'alive' ? presence.quiet : undefined);

export function toBeQuiet(snapshot: Snapshot, stops: readonly Action[]): Action[] {
  const { desired, now } = snapshot;
  if (Object.keys(desired.quiet).length === 0) return [];
  return withoutAsked(snapshot.subjects(), stops).flatMap((subject): Action[] => {
    const { observed, worker, isWanted } = subject;
    const { name } = observed;
    const process = liveProcess(observed);
    const request = desired.quiet[name];
    if (!isWanted || process === undefined || request === undefined) return [];
    if (!isQuiet(desired, name, now) || sentStop(observed) !== undefined) return [];
    const cause = `quiet since ${formatTimeOfDay(request.at)} by ${request.by}`;
    const { at } = request;
    const about = { instance: name, process, at, cause };
    const action = { kind: 'quiet' as const, ...about, stopsWhenIdle: false };
    // It was made quiet to be stopped, and is wanted again: quiet.
    if (preludeOf(observed) !== undefined)
      return reasonToExit(subject, snapshot) === undefined ? [action] : [];
    const { quiet: means } = worker.stop;
    const state = stateOf(subject).kind;
    const isNewRequest = state === 'failed' && request.at !== sentQuiet(observed)?.at;
    return means !== undefined && (state === 'none' || isNewRequest) ? [{ ...action, means }] : [];
  });
}

/** Processes that may take jobs again. Without a means for that they are replaced, one of a worker after the other. */
export function toBeResumed(snapshot: Snapshot, stops: readonly Action[]): Action[] {
  const replaced = new Set<string>();
  return withoutAsked(snapshot.notable(), stops).flatMap((subject): Action[] => {
    const { observed, worker } = subject;
    const { name } = observed;
    const process = liveProcess(observed);
    const why = whyResumed(subject, snapshot);
    const state = stateOf(subject);
    if (process === undefined || why === undefined) return [];
    const { resume: means } = worker.stop;
    const canResume = means !== undefined && !isAwaited[state.kind] && state.kind !== 'stuck';
    // It need not exit any more: no limit holds until it can take jobs again, or is replaced.
    if (preludeOf(observed) !== undefined && !canResume)
      return [{ kind: 'quiet', instance: name, process, stopsWhenIdle: false, cause: why }];
    if (isAwaited[state.kind]) return [];
    if (canResume) return [{ kind: 'resume', instance: name, process, means, cause: why }];
    if (replaced.has(worker.name) || isReplacing(subject, snapshot)) return [];
    const reason =
      state.kind === 'stuck' ? `stop.resume failed: ${state.problem}` : 'it has no stop.resume';
    if (observed.activity?.kind === 'busy') return [];
    replaced.add(worker.name);
    const cause = `replaced so that it takes jobs again, because ${reason} (${sentQuiet(observed)?.cause ?? why})`;
    const { signal, timeout: limit } = worker.stop;
    const about = { instance: name, process, signal, ...(limit !== undefined && { limit }) };
    return [{ kind: 'stop', ...about, cause }];
  });
}

/** Whether a command runs, whose end is waited for. */
const isAwaited: Readonly<Record<QuietState['kind'], boolean>> = {
  none: true,
  asked: true,
  resuming: true,
  quiet: false,
  failed: false,
  stuck: false,
};

/**
 * Why a quiet process is to take jobs again; undefined: it is not, or a restart replaces it. One that was aborted asks no
 * further process, so that these stay quiet until it is over.
 */
function whyResumed(subject: Subject, snapshot: Snapshot): string | undefined {
  const { desired, now } = snapshot;
  const { observed, isWanted } = subject;
  const { name, presence } = observed;
  const quiet = sentQuiet(observed);
  if (!isWanted || quiet === undefined || presence.kind !== 'alive') return undefined;
  if (isQuiet(desired, name, now) || sentStop(observed) !== undefined) return undefined;
  const { process, record } = presence;
  if (preludeOf(observed) !== undefined)
    return reasonToExit(subject, snapshot) === undefined
      ? `it is wanted again (${quiet.cause})`
      : undefined;
  if (subject.worker.stop.resume === undefined && isToBeReplaced(desired, name, process, record))
    return undefined;
  return `its quiet time is over (${quiet.cause})`;
}

/** Whether another wanted instance of the worker is being replaced. */
const isReplacing = ({ observed: { name }, worker }: Subject, snapshot: Snapshot): boolean =>
  snapshot.subjects().some(({ observed, isWanted, ...other }) => {
    if (observed.name === name || other.worker !== worker || !isWanted) return false;
    if (sentStop(observed) !== undefined) return true;
    const { presence } = observed;
    if (presence.kind === 'dead') return presence.stop?.sent === true;
    return lifeOf(observed, worker, snapshot).state === 'starting';
  });

/** A quiet process that is busy is looked at again this soon: nothing reports that it is idle. */
const idleLook = durationOf(1_000);

/** How soon it may turn out that a command has ended or a quiet process is idle, or that its turn has come. */
export function quietMoments(subject: Subject, snapshot: Snapshot): number[] {
  const { observed } = subject;
  const quiet = sentQuiet(observed);
  if (quiet === undefined || sentStop(observed) !== undefined) return [];
  const { kind } = quietStateOf(quiet);
  if (kind === 'asked' || kind === 'resuming') return [lookAfter(elapsed(quiet.at, snapshot.now))];
  if (whyResumed(subject, snapshot) !== undefined)
    return [idleLook, ...startingOthers(subject, snapshot)];
  return preludeOf(observed) === undefined ? [] : [idleLook];
}

/** In how many ms the other instances of its worker become ready that are starting. */
const startingOthers = ({ worker }: Subject, snapshot: Snapshot): number[] =>
  snapshot.subjects().flatMap((other) => {
    if (other.worker !== worker) return [];
    const life = lifeOf(other.observed, worker, snapshot);
    return life.state === 'starting' ? [life.changesIn] : [];
  });
