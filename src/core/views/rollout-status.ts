import type { Rollout } from '../model/desired.ts';
import { membersOf, type Member } from '../rules/rollout-members.ts';
import type { Snapshot } from '../rules/snapshot.ts';
import { formatTimeOfDay, type Moment } from '../basics/time.ts';

export interface RolloutStatus {
  readonly id: string;
  readonly at: Moment;
  readonly by: string;
  /** How many of its instances are in each phase. */
  readonly counts: Readonly<Record<'replaced' | 'under_way' | 'waiting' | 'failed', number>>;
  /** `mail a1b2c3d -> 9f8e7d6`, for each worker whose release changes; empty where none is known. */
  readonly change: string;
  /** Why it was aborted. */
  readonly aborted?: string;
}

export function rolloutStatusOf(rollout: Rollout, snapshot: Snapshot): RolloutStatus {
  const counts = { replaced: 0, under_way: 0, waiting: 0, failed: 0 };
  for (const { kind } of membersOf(rollout, snapshot).values()) {
    const place = places[kind];
    if (place !== undefined) counts[place] += 1;
  }
  const { aborted } = rollout;
  return {
    id: rollout.id,
    at: rollout.at,
    by: rollout.by,
    counts,
    change: formatReleases(rollout.releases),
    ...(aborted && { aborted: `${aborted.instance}: ${aborted.problem}` }),
  };
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

export function formatRollout({ at, by, counts, change, aborted }: RolloutStatus): string {
  const parts = (
    [
      [counts.replaced, 'replaced'],
      [counts.under_way, 'under way'],
      [counts.failed, 'failed'],
      [
        counts.waiting,
        aborted === undefined ? 'waiting for their turn' : 'keep running the old release',
      ],
    ] as const
  ).flatMap(([count, words]) => (count === 0 ? [] : [`${count} ${words}`]));
  const to = change === '' ? '' : ` (${change})`;
  const what = `restart of ${formatTimeOfDay(at)} by ${by}${to}`;
  const progress = parts.join(', ');
  if (aborted === undefined) return progress === '' ? what : `${what}: ${progress}`;
  return [`${what} was aborted: ${aborted}`, ...(progress === '' ? [] : [progress])]
    .concat('workerctl restart continues it')
    .join('; ');
}
