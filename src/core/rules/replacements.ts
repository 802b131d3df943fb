import type { Config } from '../model/config.ts';
import type { PassOutcome } from '../model/decision.ts';
import { membersOf, type Member } from './rollout-members.ts';
import { snapshotOf } from './snapshot.ts';
import { turnsOf } from './turns.ts';

/**
 * The instances that have to be started again if a pass carries out its plan: the one that it recycles and, if it asks a
 * member of a restart to exit, all members whose replacements do not run yet.
 */
export function toBeReplaced(
  config: Config,
  { desired, ledger, observation, plan }: PassOutcome,
): readonly string[] {
  const recycled = plan.flatMap((action) =>
    (action.kind === 'stop' || action.kind === 'quiet') && action.isRecycle === true
      ? [action.instance]
      : [],
  );
  if (desired.rollouts.length === 0) return recycled;
  const snapshot = snapshotOf(config, { desired, ledger }, observation);
  const members = desired.rollouts
    .filter((rollout) => turnsOf(rollout, snapshot).ask.length > 0)
    .flatMap((rollout) => [...membersOf(rollout, snapshot)])
    .filter(([, { kind }]) => isAwaited[kind])
    .map(([name]) => name);
  return [...recycled, ...members];
}

/** Whether a member's replacement is still to be started. */
const isAwaited: Readonly<Record<Member['kind'], boolean>> = {
  unseen: false,
  excluded: false,
  held: false,
  pending: true,
  draining: true,
  empty: true,
  starting: false,
  replaced: false,
  failed: false,
};
