import type { EventBody } from '../../core/events/event.ts';
import type { PassOutcome } from '../../core/model/decision.ts';
import type { Rollout } from '../../core/model/desired.ts';
import { workerNameOf } from '../../core/model/targets.ts';
import type { SteeringGoal } from '../../core/rules/rollout-goals.ts';
import { membersOf, type Member } from '../../core/rules/rollout-members.ts';
import { snapshotOf } from '../../core/rules/snapshot.ts';
import type { PassRequest } from '../../engine/pass/decide.ts';
import { report, type Context } from '../../engine/session.ts';

/**
 * Reports what was asked for, for each worker of each rollout: before the pass acts on it, but not before it is written,
 * as the lock may be held and the disk full.
 */
export function steeringReports(
  context: Context,
  goal: SteeringGoal,
): Required<Pick<PassRequest, 'onSeen' | 'onKept'>> {
  let decided: PassOutcome | undefined;
  return {
    onSeen: (outcome) => {
      decided = outcome;
    },
    onKept: () => {
      if (decided !== undefined) reportSteered(context, goal, decided);
    },
  };
}

function reportSteered(
  context: Context,
  goal: SteeringGoal,
  { before, observation }: PassOutcome,
): void {
  const snapshot = snapshotOf(context.config, before, observation);
  for (const rollout of before.desired.rollouts) {
    if (!goal.rollouts.includes(rollout.id)) continue;
    const members = [...membersOf(rollout, snapshot)];
    for (const worker of new Set(members.map(([name]) => workerNameOf(name)))) {
      const own = members.flatMap(([name, { kind }]) =>
        workerNameOf(name) === worker ? [kind] : [],
      );
      report(context, worker, bodyOf(goal, rollout, own));
    }
  }
}

function bodyOf(
  { kind, until }: SteeringGoal,
  { by: requestedBy, paused }: Rollout,
  members: readonly Member['kind'][],
): EventBody {
  switch (kind) {
    case 'pause':
      return { kind: 'rollout_paused', requestedBy, ...(until !== undefined && { until }) };
    case 'continue':
      return { kind: paused === undefined ? 'not_paused' : 'rollout_continued', requestedBy };
    case 'cancel': {
      const count = (...some: readonly Member['kind'][]): number =>
        members.filter((one) => some.includes(one)).length;
      return {
        kind: 'rollout_cancelled',
        requestedBy,
        pendingCount: count('pending', 'held', 'unseen'),
        underWayCount: count('draining', 'empty', 'starting', 'failed'),
      };
    }
  }
}
