import type { Action } from '../model/action.ts';
import { drainingSince, type ObservedInstance } from '../model/observation.ts';
import { isSameProcess } from '../model/process.ts';
import { formatEnd, type Stop, type Verdict } from '../model/record.ts';
import { inTurn } from './places.ts';
import { heldBack } from './rollout.ts';
import { membersOf } from './rollout-members.ts';
import type { Snapshot } from './snapshot.ts';
import { startable } from './startable.ts';
import { causeOf } from './stops.ts';
import { extrasOf, policyOf } from './turns.ts';

/** Draining processes that make room for their replacements: as many as there may be beside them. */
export function overlapping(snapshot: Snapshot, stops: readonly Action[]): Action[] {
  const { desired, observation } = snapshot;
  const room = new Map(
    snapshot.config.workers.map((worker) => [
      worker.name,
      worker.restart.maxExtra - extrasOf(worker, observation),
    ]),
  );
  const aboutToBeAsked = new Set(
    stops.flatMap(({ kind, instance, retiring }) =>
      (kind === 'stop' || kind === 'quiet') && retiring === undefined ? [instance] : [],
    ),
  );
  return desired.rollouts.flatMap((rollout) =>
    snapshot.subjects().flatMap(({ observed, worker, isWanted }) => {
      const { name, presence } = observed;
      const replaced = rollout.replaces[name];
      if (!isWanted || !replaced || presence.kind !== 'alive') return [];
      // It has a successor already, which must not be forgotten beside a third process.
      if (presence.successor !== undefined) return [];
      if (!isSameProcess(replaced, presence.process) || !policyOf(rollout, worker).overlap)
        return [];
      if (drainingSince(observed) === undefined && !aboutToBeAsked.has(name)) return [];
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

export function missing(snapshot: Snapshot, moves: readonly Action[]): Action[] {
  const moved = new Set(moves.map(({ instance }) => instance));
  const failed = failedIn(snapshot);
  const held = heldBack(snapshot);
  const down = new Set(inTurn(snapshot, startable(snapshot)).map(({ observed }) => observed.name));
  // What is about to be moved aside may have nothing noted about it yet.
  const candidates = moved.size === 0 ? snapshot.notable() : snapshot.subjects();
  return candidates.flatMap(({ observed, isWanted }) => {
    const { name } = observed;
    if (isWanted && moved.has(name) && !held.has(name))
      return [{ kind: 'start' as const, instance: name, cause: 'its old process still drains' }];
    if (!down.has(name)) return [];
    return [{ kind: 'start' as const, instance: name, cause: whyDown(observed, failed.has(name)) }];
  });
}

/** The instances whose replacements have failed in a rollout. */
function failedIn(snapshot: Snapshot): Set<string> {
  return new Set(
    snapshot.desired.rollouts.flatMap((rollout) =>
      [...membersOf(rollout, snapshot)]
        .filter(([, { kind }]) => kind === 'failed')
        .map(([name]) => name),
    ),
  );
}

function whyDown({ presence }: ObservedInstance, isFailed: boolean): string {
  if (presence.kind !== 'dead') return 'was not running';
  const { record, death, stop } = presence;
  const when = isFailed ? ' before it was ready' : '';
  return `pid ${record.pid} ${formatEnd(death, askedBy(stop), when)}`;
}

function askedBy(stop: Stop | undefined): Verdict | undefined {
  if (stop?.sent !== true) return undefined;
  return stop.isRecycle === true ? 'recycled' : 'requested';
}
