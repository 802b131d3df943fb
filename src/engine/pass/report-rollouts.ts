import { lookup } from '../../core/basics/lookup.ts';
import { isSameCode, type Code } from '../../core/model/code.ts';
import type { PassOutcome } from '../../core/model/decision.ts';
import type { Desired } from '../../core/model/desired.ts';
import { workerNameOf } from '../../core/model/targets.ts';
import { membersOf, type Member } from '../../core/rules/rollout-members.ts';
import { snapshotOf } from '../../core/rules/snapshot.ts';
import { report, type Context } from '../session.ts';

/** Reports of each rollout what this look has changed: a worker has proven the new code, or the rollout is aborted. */
export function reportRollouts(
  context: Context,
  before: Desired,
  { desired, observation }: Pick<PassOutcome, 'desired' | 'observation'>,
): void {
  if (desired.rollouts.length === 0) return;
  const snapshot = snapshotOf(context.config, { desired }, observation);
  for (const rollout of desired.rollouts) {
    const old = before.rollouts.find(({ id }) => id === rollout.id);
    const { aborted } = rollout;
    const members = membersOf(rollout, snapshot);
    for (const [worker, proof] of Object.entries(rollout.proven)) {
      const before = old && lookup(old.proven, worker);
      if (before === undefined || !isSameCode(before, proof))
        reportProof(context, worker, members, proof);
    }
    if (aborted === undefined || old?.aborted !== undefined) continue;
    const pendingCount = [...members.values()].filter(({ kind }) => kind === 'pending').length;
    report(context, aborted.instance, {
      kind: 'rollout_aborted',
      problem: aborted.problem,
      pendingCount,
    });
  }
}

/** A proof is reported only if it lets other instances follow. */
function reportProof(
  context: Context,
  worker: string,
  members: ReadonlyMap<string, Member>,
  code: Code,
): void {
  const ofIt = [...members].filter(([name]) => workerNameOf(name) === worker);
  const [proof] =
    ofIt.find(([, member]) => member.kind === 'replaced' && isSameCode(member.code, code)) ?? [];
  if (proof === undefined || !ofIt.some(([, { kind }]) => kind === 'pending')) return;
  const { release } = code;
  report(context, proof, { kind: 'rollout_continues', ...(release !== undefined && { release }) });
}
