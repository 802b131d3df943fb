import { bringUp } from '../control/bring-up.ts';
import { report, type Context } from '../control/context.ts';
import { planPass, runPass, type PassOutcome } from '../control/pass.ts';
import { isStopped } from '../core/intent.ts';
import type { ActOutcome } from '../core/outcome.ts';
import { selectInstances } from '../core/targets.ts';
import { recordedInstances } from '../os/state-files.ts';
import {
  acted,
  failedAmong,
  limitOf,
  lockWait,
  predecessors,
  recording,
  type ActOptions,
  type PlanOutcome,
} from './act.ts';
import { configuredInstances } from './start.ts';

/**
 * Replaces each instance as soon as it has finished its job. Who was stopped on purpose stays so; what is missing is
 * started; what the config no longer wants is asked to leave.
 */
export async function restart(
  context: Context,
  options: ActOptions,
): Promise<ActOutcome | PlanOutcome> {
  const { config, by } = context;
  const wanted = configuredInstances(context, options.targets);
  const instances = selectInstances(config, recordedInstances(config.stateDir), options.targets);
  const request = {
    goal: { kind: 'restart', instances: wanted, by },
    instances,
    mayHaveStrays: true,
  } as const;
  if (options.dryRun) return { kind: 'planned', plan: (await planPass(context, request)).plan };

  const { recorded, events } = recording(context);
  const outcome = await runPass(recorded, { ...request, lockWait });
  reportStopped(recorded, outcome);
  if (options.wait === 'not') return acted('restart', events, { kind: 'not_waited' });
  const settled = await bringUp(recorded, {
    instances: wanted.filter((name) => !isStopped(outcome.intent, name)),
    predecessors: predecessors(outcome, true),
    failed: failedAmong(events),
    limit: limitOf(options.wait),
  });
  return acted('restart', events, settled);
}

function reportStopped(context: Context, { intent, observation }: PassOutcome): void {
  for (const name of observation.instances.keys()) {
    const stopped = intent.stopped[name];
    if (stopped !== undefined) report(context, name, { kind: 'left_stopped', by: stopped.by });
  }
}
