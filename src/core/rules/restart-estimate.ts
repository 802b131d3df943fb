import { durationOf } from '../basics/time.ts';
import type { Rollout } from '../model/desired.ts';
import type { DrainEstimate } from '../model/plan.ts';
import { workerNameOf } from '../model/targets.ts';
import { usualTime } from './history.ts';
import type { Snapshot } from './snapshot.ts';
import { batchSize, policyOf } from './turns.ts';

/**
 * How long the drains of a restart will take, going by the latest ones of each worker: first a canary, then as many at a
 * time as the batch has room for. A worker of which too few drains are known has no estimate.
 * @param instances those that the restart asks to exit
 */
export function estimatesOf(
  rollout: Rollout,
  instances: readonly string[],
  { config, ledger }: Snapshot,
): DrainEstimate[] {
  return config.workers.flatMap((worker) => {
    const count = instances.filter((name) => workerNameOf(name) === worker.name).length;
    const known = usualTime(ledger, worker.name, 'drains');
    if (count === 0 || known === undefined) return [];
    const usual = durationOf(Math.min(known, rollout.options.killAfter ?? Infinity));
    const { canary, batch } = policyOf(rollout, worker);
    const size = batchSize(batch, worker.identifiers.length);
    const rounds = canary ? 1 + Math.ceil((count - 1) / size) : Math.ceil(count / size);
    return [{ worker: worker.name, usual, total: durationOf(rounds * usual) }];
  });
}
