import type { Request, Rollout, TimedRequest } from '../model/desired.ts';
import { workerNameOf } from '../model/targets.ts';
import { membersOf, type Member } from '../rules/rollout-members.ts';
import type { Snapshot } from '../rules/snapshot.ts';
import { memberStatuses, type MemberStatus } from './member-status.ts';
import { formatTimeOfDay, type Moment } from '../basics/time.ts';

export interface RolloutStatus {
  readonly id: string;
  readonly at: Moment;
  readonly by: string;
  /** How many of its instances are in each phase. */
  readonly counts: Readonly<Record<'replaced' | 'under_way' | 'waiting' | 'failed', number>>;
  /** `mail a1b2c3d -> 9f8e7d6`, for each worker whose release changes; empty where none is known. */
  readonly change: string;
  readonly state: (typeof rolloutStates)[number];
  /** Why it was aborted. */
  readonly aborted?: string;
  readonly paused?: TimedRequest;
  readonly cancelled?: Request;
  /** The workers in it that the config does not have. */
  readonly unknownWorkers: readonly string[];
  readonly members: readonly MemberStatus[];
}

/** `running`: it asks one instance after the other. The others ask none, but replace those that were asked. */
export const rolloutStates = ['running', 'paused', 'aborted', 'cancelled'] as const;

export function rolloutStatusOf(rollout: Rollout, snapshot: Snapshot): RolloutStatus {
  const counts = { replaced: 0, under_way: 0, waiting: 0, failed: 0 };
  for (const { kind } of membersOf(rollout, snapshot).values()) {
    const place = places[kind];
    if (place !== undefined) counts[place] += 1;
  }
  const { aborted, paused, cancelled } = rollout;
  const workers = [...new Set(Object.keys(rollout.replaces).map(workerNameOf))];
  return {
    id: rollout.id,
    at: rollout.at,
    by: rollout.by,
    counts,
    change: formatReleases(rollout.releases),
    state: stateOf(rollout),
    ...(aborted && { aborted: `${aborted.instance}: ${aborted.problem}` }),
    ...(paused && { paused }),
    ...(cancelled && { cancelled }),
    unknownWorkers: workers.filter(
      (name) => !snapshot.config.workers.some((worker) => worker.name === name),
    ),
    members: memberStatuses(rollout, snapshot),
  };
}

function stateOf({ aborted, paused, cancelled }: Rollout): RolloutStatus['state'] {
  if (aborted !== undefined) return 'aborted';
  if (cancelled !== undefined) return 'cancelled';
  return paused === undefined ? 'running' : 'paused';
}

const places: Readonly<Record<Member['kind'], keyof RolloutStatus['counts'] | undefined>> = {
  unseen: undefined,
  excluded: undefined,
  held: 'waiting',
  pending: 'waiting',
  draining: 'under_way',
  empty: 'under_way',
  starting: 'under_way',
  replaced: 'replaced',
  failed: 'failed',
};

/** The old and the new release of a rollout, if they are known. */
export function formatReleases(releases: Rollout['releases']): string {
  const changes = Object.entries(releases).flatMap(([worker, { from, to }]) => {
    if (to === undefined || from === to) return [];
    return [[worker, from === undefined ? to : `${from} -> ${to}`] as const];
  });
  const [first] = changes;
  if (first === undefined) return '';
  if (changes.every(([, change]) => change === first[1])) return first[1];
  return changes.map(([worker, change]) => `${worker} ${change}`).join(', ');
}

export function formatRollout(rollout: RolloutStatus): string {
  const { at, by, counts, change, aborted, unknownWorkers } = rollout;
  const parts = (
    [
      [counts.replaced, 'replaced'],
      [counts.under_way, aborted === undefined ? 'under way' : 'not replaced yet'],
      [counts.failed, 'failed'],
      [
        counts.waiting,
        aborted === undefined ? 'waiting for their turn' : 'keep running the old release',
      ],
    ] as const
  ).flatMap(([count, words]) => (count === 0 ? [] : [`${count} ${words}`]));
  const gone = unknownWorkers.map((name) => `the config has no worker ${name}`);
  const to = change === '' ? '' : ` (${change})`;
  const what = `restart of ${formatTimeOfDay(at)} by ${by}${to}${steeredWords(rollout)}`;
  const progress = [...parts, ...gone].join(', ');
  if (aborted === undefined) return progress === '' ? what : `${what}: ${progress}`;
  return [`${what} was aborted: ${aborted}`, ...(progress === '' ? [] : [progress])]
    .concat('workerctl restart continues it')
    .join('; ');
}

function steeredWords({ paused, cancelled, aborted }: RolloutStatus): string {
  if (cancelled !== undefined) return `, cancelled by ${cancelled.by}`;
  if (paused === undefined || aborted !== undefined) return '';
  const until = paused.until === undefined ? '' : ` until ${formatTimeOfDay(paused.until)}`;
  return `, paused by ${paused.by}${until}`;
}
