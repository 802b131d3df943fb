import { formatTimeOfDay } from '../basics/time.ts';
import type { Action } from '../model/action.ts';
import { isQuiet } from '../model/desired.ts';
import { drainingSince, liveProcess, sentQuiet, sentStop } from '../model/observation.ts';
import type { Snapshot, Subject } from './snapshot.ts';
import { signalOf, stopIfRunning } from './stops.ts';

/** A process that is about to be asked to exit is asked nothing else. */
const withoutAsked = (snapshot: Snapshot, stops: readonly Action[]): Subject[] => {
  const asked = new Set(stops.map(({ instance }) => instance));
  return snapshot.subjects().filter(({ observed }) => !asked.has(observed.name));
};

export function toBeQuiet(snapshot: Snapshot, stops: readonly Action[]): Action[] {
  const { desired, now } = snapshot;
  return withoutAsked(snapshot, stops).flatMap(({ observed, worker, isWanted }) => {
    const { name } = observed;
    const process = liveProcess(observed);
    const signal = signalOf(worker.stop.quiet);
    const request = desired.quiet[name];
    if (!isWanted || process === undefined || signal === undefined || request === undefined)
      return [];
    if (!isQuiet(desired, name, now)) return [];
    if (sentQuiet(observed) !== undefined || drainingSince(observed) !== undefined) return [];
    const cause = `quiet since ${formatTimeOfDay(request.at)} by ${request.by}`;
    return [
      { kind: 'quiet' as const, instance: name, process, signal, stopsWhenIdle: false, cause },
    ];
  });
}

/** Processes that may take jobs again. Without a signal for that, the process is replaced. */
export function toBeResumed(snapshot: Snapshot, stops: readonly Action[]): Action[] {
  const { desired, now } = snapshot;
  return withoutAsked(snapshot, stops).flatMap((subject): Action[] => {
    const { observed, worker, isWanted } = subject;
    const { name } = observed;
    const process = liveProcess(observed);
    const quiet = sentQuiet(observed);
    if (!isWanted || process === undefined || quiet === undefined || quiet.stopsWhenIdle) return [];
    if (isQuiet(desired, name, now) || sentStop(observed) !== undefined) return [];
    const cause = `its quiet time is over (${quiet.cause})`;
    const signal = signalOf(worker.stop.resume);
    return signal === undefined
      ? stopIfRunning(
          subject,
          `replaced so that it takes jobs again, because it has no stop.resume (${quiet.cause})`,
        )
      : [{ kind: 'resume', instance: name, process, signal, cause }];
  });
}
