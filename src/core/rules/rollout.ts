import { withEntries } from '../basics/lookup.ts';
import type { Moment } from '../basics/time.ts';
import {
  isDone,
  isStopped,
  lasts,
  rolloutOf,
  type Desired,
  type EndedRollout,
  type Rollout,
  type RolloutEnd,
} from '../model/desired.ts';
import { instanceNames } from '../model/instance.ts';
import type { Observation } from '../model/observation.ts';
import { workerNameOf } from '../model/targets.ts';
import { provenAfter } from './proofs.ts';
import { groupsOf, membersOf, type Member } from './rollout-members.ts';
import type { Snapshot } from './snapshot.ts';

/** Whether a rollout may ask further instances to exit. */
export const isAsking = ({ aborted, cancelled, paused }: Rollout, now: Moment): boolean =>
  aborted === undefined && cancelled === undefined && !lasts(paused, now);

/** A rollout after this look: still open, or over. */
export type Advance =
  | { readonly kind: 'open'; readonly rollout: Rollout }
  | { readonly kind: 'over'; readonly ended: EndedRollout };

/** The rollout after this look: which workers are ready on the new code, whether it has failed, whether it is over. */
export function advanced(rollout: Rollout, snapshot: Snapshot): Advance {
  if (isRolledBack(rollout, snapshot.observation))
    return over(rollout, 'rolled_back', snapshot.now);
  const members = membersOf(rollout, snapshot);
  if ([...members.values()].every(({ kind }) => isOver[kind]))
    return over(rollout, endOf(rollout, members), snapshot.now);
  const proven = proofsAfter(rollout, snapshot);
  const abort = rollout.aborted ?? abortOf(members, snapshot.now) ?? blockedBy(members, snapshot);
  if (proven === rollout.proven && abort === rollout.aborted) return { kind: 'open', rollout };
  const after = {
    ...rollout,
    proven,
    ...(abort && { aborted: abort }),
  };
  return { kind: 'open', rollout: after };
}

/** Whether a rollout was aborted and each of its workers would be started on its old release again. */
export function isRolledBack(
  { aborted, releases }: Rollout,
  { launches }: Pick<Observation, 'launches'>,
): boolean {
  if (aborted === undefined || launches === undefined) return false;
  const known = Object.entries(releases).filter(([, { from }]) => from !== undefined);
  const isBack = ([worker, { from }]: (typeof known)[number]): boolean =>
    [...launches].some(
      ([instance, { release }]) => workerNameOf(instance) === worker && release === from,
    );
  return known.some(([, { from, to }]) => to !== undefined && from !== to) && known.every(isBack);
}

/** Whether nothing is left to be done for a member. */
const isOver: Readonly<Record<Member['kind'], boolean>> = {
  unseen: false,
  excluded: true,
  held: false,
  pending: false,
  draining: false,
  empty: false,
  starting: false,
  replaced: true,
  failed: false,
};

const over = (rollout: Rollout, how: RolloutEnd, at: Moment): Advance => ({
  kind: 'over',
  ended: endedAs(rollout, how, { at, by: rollout.cancelled?.by ?? rollout.by }),
});

/** A rollout that is over, and who has ended it. */
export const endedAs = (
  { id, aborted }: Rollout,
  how: RolloutEnd,
  { at, by }: Pick<EndedRollout, 'at' | 'by'>,
): EndedRollout => ({
  id,
  at,
  by,
  how,
  ...(aborted && { problem: `${aborted.instance}: ${aborted.problem}` }),
});

/** A rollout of which nothing was replaced has not been done. */
function endOf(rollout: Rollout, members: ReadonlyMap<string, Member>): RolloutEnd {
  if (rollout.cancelled !== undefined) return 'cancelled';
  const isReplaced = [...members.values()].some(({ kind }) => kind === 'replaced');
  if (!isReplaced && Object.keys(rollout.proven).length === 0) return 'stopped';
  return rollout.aborted === undefined ? 'done' : 'recovered';
}

/** After an abort nothing is proven: what comes up then may run any release. */
function proofsAfter(rollout: Rollout, snapshot: Snapshot): Rollout['proven'] {
  if (rollout.aborted !== undefined) return rollout.proven;
  const groups = groupsOf(rollout, snapshot).map(({ worker, members }) => ({
    worker,
    members: new Map([...members].filter(([name]) => !isStartedByName(rollout, name))),
  }));
  return provenAfter(rollout, groups, snapshot);
}

function abortOf(members: ReadonlyMap<string, Member>, at: Moment): Rollout['aborted'] {
  for (const [instance, member] of members)
    if (member.kind === 'failed') return { at, instance, problem: member.problem };
  return undefined;
}

/**
 * The rollouts with the instances that their workers have got since they began: these are members without an old process.
 */
export function withNewcomers(snapshot: Snapshot): readonly Rollout[] {
  const { config, desired, instance } = snapshot;
  const joining = new Map<Rollout, string[]>();
  for (const worker of config.workers) {
    const rollout = latestOf(desired, worker.name);
    if (rollout === undefined) continue;
    const names = instanceNames(worker).filter(
      (name) =>
        instance(name)?.presence.kind === 'absent' &&
        rolloutOf(desired, name) === undefined &&
        !isStopped(desired, name) &&
        !isDone(desired, name),
    );
    if (names.length > 0) joining.set(rollout, [...(joining.get(rollout) ?? []), ...names]);
  }
  if (joining.size === 0) return desired.rollouts;
  return desired.rollouts.map((rollout) => {
    const added = (joining.get(rollout) ?? []).map((name) => [name, null] as const);
    return { ...rollout, replaces: withEntries(rollout.replaces, added) };
  });
}

/** The latest rollout of a worker that was not cancelled. */
export const latestOf = (
  { rollouts }: Pick<Desired, 'rollouts'>,
  worker: string,
): Rollout | undefined =>
  rollouts.findLast(
    ({ cancelled, replaces }) =>
      cancelled === undefined &&
      Object.keys(replaces).some((name) => workerNameOf(name) === worker),
  );

/**
 * The instances that are not started because their rollout was aborted: they never ran, and others of their worker still run
 * the old code.
 */
export function heldBack(snapshot: Snapshot): ReadonlySet<string> {
  const names = snapshot.desired.rollouts
    .filter(({ aborted }) => aborted !== undefined)
    .flatMap((rollout) =>
      groupsOf(rollout, snapshot).flatMap(({ members }) => {
        const all = [...members];
        if (!all.some(([, { kind }]) => kind === 'pending' || kind === 'draining')) return [];
        return all.flatMap(([name, { kind }]) =>
          kind === 'empty' &&
          hasNeverRun(rollout, snapshot, name) &&
          !isStartedByName(rollout, name)
            ? [name]
            : [],
        );
      }),
    );
  return new Set(names);
}

/** Whether a member was started by name, and so proves nothing for the others. */
export const isStartedByName = ({ startedByName }: Rollout, name: string): boolean =>
  startedByName?.includes(name) === true;

/** Whether a member had no process, and has none yet. */
export const hasNeverRun = ({ replaces }: Rollout, { instance }: Snapshot, name: string): boolean =>
  replaces[name] === null && instance(name)?.presence.kind === 'absent';

/** No member is asked to exit if the replacement of one, of whatever worker, could not even be started. */
function blockedBy(
  members: ReadonlyMap<string, Member>,
  { observation: { obstacles }, now }: Snapshot,
): Rollout['aborted'] {
  if (obstacles === undefined) return undefined;
  const found = new Map<string, string>();
  for (const name of members.keys()) {
    const problem = obstacles.get(name);
    if (problem !== undefined && !found.has(problem)) found.set(problem, name);
  }
  const [first, ...others] = found;
  if (first === undefined) return undefined;
  const [problem, instance] = first;
  const more = others.map(([text, name]) => `; ${name}: ${text}`).join('');
  return { at: now, instance, problem: `it could not be started again: ${problem}${more}` };
}

/** What is wanted once instances could not even be asked or started: their rollouts are aborted. */
export function abortedBy(
  desired: Desired,
  failures: readonly { readonly instance: string; readonly problem: string }[],
  at: Moment,
): Desired {
  const isHit = ({ aborted, replaces }: Rollout): boolean =>
    aborted === undefined && failures.some(({ instance }) => Object.hasOwn(replaces, instance));
  if (!desired.rollouts.some(isHit)) return desired;
  const rollouts = desired.rollouts.map((rollout) => {
    const failure = failures.find(({ instance }) => Object.hasOwn(rollout.replaces, instance));
    return isHit(rollout) && failure !== undefined
      ? { ...rollout, aborted: { at, ...failure } }
      : rollout;
  });
  return { ...desired, rollouts };
}
