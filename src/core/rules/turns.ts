import { durationOf, elapsed, momentOf, type Duration } from '../basics/time.ts';
import type { Batch, RestartPolicy, Worker } from '../model/config.ts';
import type { Rollout } from '../model/desired.ts';
import { liveProcess, type Observation, type ObservedInstance } from '../model/observation.ts';
import { workerNameOf } from '../model/targets.ts';
import { lifeOf } from './lifecycle.ts';
import { isProven } from './proofs.ts';
import { isAsking, isStartedByName } from './rollout.ts';
import { groupsOf, type Group, type Member } from './rollout-members.ts';
import type { Snapshot } from './snapshot.ts';

/** How a worker's instances are replaced in this rollout: what its command said, else the config. */
export function policyOf({ options }: Rollout, { restart }: Worker): RestartPolicy {
  return {
    ...restart,
    canary: options.canary ?? restart.canary,
    batch: options.batch ?? restart.batch,
    overlap: options.overlap ?? restart.overlap,
  };
}

/** The instances that a rollout may ask to exit now, and how soon that may change without anything else happening. */
export interface Turn {
  readonly ask: readonly string[];
  readonly changesIn?: Duration;
}

/**
 * Whose turn it is. Until a replacement is ready on the code that a start gives now, only canaries are asked: one, and one more for each `patience` that the
 * first of them keeps draining; none while a replacement is starting. After that, as many as the batch has room for. Idle
 * instances come first. A process that was draining before the rollout began is no canary of it, unless all others are busy.
 * A worker of which an instance was not looked at waits: its batch is not known.
 */
export function turnsOf(rollout: Rollout, snapshot: Snapshot): Turn {
  if (!isAsking(rollout, snapshot.now)) return { ask: [] };
  const turns = groupsOf(rollout, snapshot).map((group) => turnOf(rollout, group, snapshot));
  const changes = turns.flatMap(({ changesIn }) => (changesIn === undefined ? [] : [changesIn]));
  return {
    ask: turns.flatMap(({ ask }) => ask),
    ...(changes.length > 0 && { changesIn: durationOf(Math.min(...changes)) }),
  };
}

function turnOf(rollout: Rollout, { worker, members }: Group, snapshot: Snapshot): Turn {
  const { observation } = snapshot;
  const all = [...members.values()];
  const pending = [...members].flatMap(([name, member]) =>
    member.kind === 'pending' ? [{ name, observed: member.observed }] : [],
  );
  if (pending.length === 0 || all.some(({ kind }) => kind === 'unseen')) return { ask: [] };
  const policy = policyOf(rollout, worker);
  const room = roomIn(policy, worker, all);
  if (room === 0) return { ask: [] };
  const rank = ({ observed }: { observed: ObservedInstance }): number =>
    isLate(observed, worker, snapshot) ? -1 : busyness(observed);
  const byIdleness = pending.sort((a, b) => rank(a) - rank(b));
  const beside = roomBeside(policy, worker, all, observation);
  const first = (count: number, among = byIdleness): string[] =>
    fitting(among, beside)
      .slice(0, count)
      .map(({ name }) => name);
  if (!policy.canary) return { ask: first(room) };
  const proven = byIdleness.filter(({ name }) => isProven(rollout, name, snapshot));
  if (proven.length > 0) return { ask: first(room, proven) };

  const canaries = [...members].flatMap(([name, member]) =>
    isStartedByName(rollout, name) ? [] : [member],
  );
  if (canaries.some(({ kind }) => kind === 'empty' || kind === 'starting')) return { ask: [] };
  const draining = canaries.flatMap((member) => (member.kind === 'draining' ? [member] : []));
  const own = draining.filter(({ wasAsked }) => !wasAsked);
  const areAllBusy = byIdleness.every(({ observed }) => observed.activity?.kind === 'busy');
  if (own.length === 0 && (draining.length === 0 || !areAllBusy)) return { ask: first(1) };
  const asked = own.length === 0 ? draining : own;
  // Patience counts from the restart, also for one that was draining before it.
  const since = momentOf(Math.max(rollout.at, Math.min(...asked.map(({ since }) => since))));
  const drained = elapsed(since, observation.now);
  const patience = Math.max(1, policy.patience);
  const most = 1 + Math.floor(drained / patience);
  return {
    ask: first(Math.min(room, Math.max(0, most - asked.length))),
    changesIn: durationOf(since + most * patience - observation.now),
  };
}

/** How many more may be down now. */
function roomIn({ batch }: RestartPolicy, worker: Worker, members: readonly Member[]): number {
  const down = members.filter(({ kind }) => isDown[kind]).length;
  return Math.max(0, batchSize(batch, worker.identifiers.length) - down);
}

/** How many more may drain beside their replacements. */
function roomBeside(
  { overlap, maxExtra }: RestartPolicy,
  worker: Worker,
  members: readonly Member[],
  observation: Observation,
): number {
  if (!overlap) return Infinity;
  const asked = members.filter(({ kind }) => kind === 'draining').length;
  return maxExtra - asked - extrasOf(worker, observation);
}

/** Without those for which there is no room beside. An idle one needs none: it exits at once, and is replaced in its place. */
function fitting<Of extends { readonly observed: ObservedInstance }>(
  among: readonly Of[],
  beside: number,
): Of[] {
  let left = beside;
  return among.filter(({ observed }) => {
    left -= 1;
    return left >= 0 || observed.activity?.kind === 'idle';
  });
}

/** How many old processes of a worker drain beside their replacements. */
export const extrasOf = (worker: Worker, { retiring }: Observation): number =>
  retiring.filter((one) => workerNameOf(one.name) === worker.name && liveProcess(one) !== undefined)
    .length;

/** Whether a member is down because of the rollout. */
const isDown: Readonly<Record<Member['kind'], boolean>> = {
  unseen: false,
  excluded: false,
  held: false,
  pending: false,
  draining: true,
  empty: true,
  starting: true,
  replaced: false,
  failed: true,
};

/** How many instances of a worker may be down at once; always at least one. */
export function batchSize(batch: Batch, instances: number): number {
  switch (batch.kind) {
    case 'count':
      return Math.max(1, batch.count);
    case 'percent':
      return Math.max(1, Math.floor((instances * batch.percent) / 100));
  }
}

/** One that is not ready in time does no work anyway. */
const isLate = (observed: ObservedInstance, worker: Worker, snapshot: Snapshot): boolean =>
  lifeOf(observed, worker, snapshot).state === 'late';

/** Idle ones first, then those of which nothing is known. */
function busyness({ activity }: ObservedInstance): number {
  if (activity === undefined) return 1;
  return activity.kind === 'idle' ? 0 : 2;
}
