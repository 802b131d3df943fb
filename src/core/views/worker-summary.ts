import { durationOf, type Duration } from '../basics/time.ts';
import { lookup } from '../basics/lookup.ts';
import type { Restarts } from '../rules/history.ts';
import { countsAs, instanceStates, type InstanceState } from './instance-state.ts';
import type { InstanceStatus } from './instance-status.ts';

/** The instances of one worker, summed up. */
export interface WorkerSummary {
  readonly worker: string;
  /** How many should run. */
  readonly wanted: number;
  readonly up: number;
  readonly ready: number;
  /** How many are in each other state, in the order of the states. */
  readonly others: readonly (readonly [state: InstanceState, count: number])[];
  readonly restarts: Restarts;
  readonly cpu: Duration;
  /** How many bytes of memory its processes take: of their sessions, where that is measured. */
  readonly memory: number;
}

/**
 * Each worker that has instances here, in their order.
 * @param desired by worker, how many should run
 */
export function summaries(
  instances: readonly InstanceStatus[],
  desired: Readonly<Record<string, number>>,
): WorkerSummary[] {
  const byWorker = new Map<string, InstanceStatus[]>();
  for (const one of instances) {
    const known = byWorker.get(one.worker);
    if (known === undefined) byWorker.set(one.worker, [one]);
    else known.push(one);
  }
  return [...byWorker].map(([worker, own]) => summaryOf(worker, own, lookup(desired, worker) ?? 0));
}

function summaryOf(
  worker: string,
  instances: readonly InstanceStatus[],
  wanted: number,
): WorkerSummary {
  const sum = (valueOf: (one: InstanceStatus) => number | undefined): number =>
    instances.reduce((total, one) => total + (valueOf(one) ?? 0), 0);
  const states = countedStates(instances);
  const count = (isMeant: (state: InstanceState) => boolean): number =>
    states.reduce((total, [state, number]) => total + (isMeant(state) ? number : 0), 0);
  return {
    worker,
    wanted,
    up: count((state) => countsAs('up', state)),
    ready: count((state) => state === 'ready'),
    others: states.filter(([state]) => state !== 'ready'),
    restarts: {
      all: sum(({ restarts }) => restarts?.all),
      unexpected: sum(({ restarts }) => restarts?.unexpected),
    },
    cpu: durationOf(sum(({ cpu }) => cpu)),
    memory: sum(memoryOf),
  };
}

/** How much memory is shown of an instance: of its session, if that was measured. */
export const memoryOf = ({ memory, rss }: InstanceStatus): number | undefined => memory ?? rss;

/** How many instances are in each state that some are in. */
export function countedStates(
  instances: readonly InstanceStatus[],
): (readonly [InstanceState, number])[] {
  const counts = new Map<InstanceState, number>();
  for (const { state } of instances) counts.set(state, (counts.get(state) ?? 0) + 1);
  return instanceStates.flatMap((state) => {
    const count = counts.get(state) ?? 0;
    return count === 0 ? [] : [[state, count] as const];
  });
}
