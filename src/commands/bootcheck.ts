import type { Context } from '../control/context.ts';
import { planPass, runPass } from '../control/pass.ts';
import type { ActOutcome } from '../core/outcome.ts';
import { selectInstances } from '../core/targets.ts';
import { noWait } from '../os/lock/pass-lock.ts';
import { recordedInstances } from '../os/state-files.ts';
import { acted, recording, type PlanOutcome } from './act.ts';

/**
 * One pass over all workers: starts what is missing, carries on a restart whose command has ended, repairs. It waits for
 * nobody, not even for another pass.
 * @throws WorkerctlError `locked` when another pass is at work
 */
export async function bootcheck(
  context: Context,
  options: { dryRun: boolean },
): Promise<ActOutcome | PlanOutcome> {
  const { config } = context;
  const instances = selectInstances(config, recordedInstances(config.stateDir), []);
  const request = { goal: { kind: 'check' }, instances, mayHaveStrays: true } as const;
  if (options.dryRun) return { kind: 'planned', plan: (await planPass(context, request)).plan };
  const { recorded, events } = recording(context);
  await runPass(recorded, { ...request, lockWait: noWait });
  return acted('bootcheck', events, { kind: 'not_waited' });
}
