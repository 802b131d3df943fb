import { bringUp } from '../engine/wait/bring-up.ts';
import { report, type Context } from '../engine/session.ts';
import { planPass, runPass } from '../engine/pass/pass.ts';
import { type PassOutcome } from '../core/model/decision.ts';
import { drainingSince, liveProcess } from '../core/model/observation.ts';
import type { ActOutcome } from '../core/events/outcome.ts';
import { elapsed } from '../core/basics/time.ts';
import { configuredInstances } from '../cli/targets.ts';
import {
  acted,
  failedAmong,
  launchingAmong,
  limitOf,
  lockWait,
  predecessors,
  recording,
  type ActOptions,
  type PlanOutcome,
} from '../engine/command.ts';
import { defineCommand } from '../cli/command.ts';
import { dryRun, wait } from '../cli/options.ts';
import { runActing } from '../cli/run-acting.ts';

/** `workerctl start`. */
export const command = defineCommand({
  summary: 'Start instances, including those stopped on purpose, and wait until they are ready.',
  operands: '[TARGET...]',
  description: `
Instances that already run count as success. One that still drains after a stop is not: the stop is
cancelled, and bootcheck or watch starts the instance once it has exited. An instance that waits before
its next attempt, because it has failed, is started at once.`,
  options: {
    wait: wait('how long to wait until all are ready (default: no limit)', 'return at once'),
    dryRun,
  },
  examples: [
    ['workerctl start'],
    ['workerctl start --wait 1m mail.1', 'give up waiting after a minute'],
  ],
  exitCodes: {
    done: 'all are running and ready',
    failed: 'one could not be started, exited, or is still draining',
    locked: '',
    timedOut: '--wait is over, some are not ready yet',
    interrupted: '',
  },
  run: ({ global, ...options }) => runActing('start', start, options, global),
});

/** Starts instances that are down, including those stopped on purpose, and waits until they are ready. */
export async function start(
  context: Context,
  options: ActOptions,
): Promise<ActOutcome | PlanOutcome> {
  const instances = configuredInstances(context, options.targets);
  const goal = { kind: 'start', instances, by: context.by } as const;
  const request = { goal, instances, mayHaveStrays: true };
  if (options.dryRun) return { kind: 'planned', plan: (await planPass(context, request)).plan };

  const { recorded, events } = recording(context);
  const outcome = await runPass(recorded, { ...request, lockWait });
  const refused = reportRunning(recorded, outcome);
  if (options.wait === 'not') return acted('start', events, { kind: 'not_waited' });
  const settled = await bringUp(recorded, {
    command: 'start',
    instances: instances.filter((name) => !refused.has(name)),
    predecessors: predecessors(outcome, false),
    failed: failedAmong(events),
    launching: launchingAmong(events),
    limit: limitOf(options.wait),
  });
  return acted('start', events, settled);
}

/** Reports instances that already run. Returns those that still drain: they are refused. */
function reportRunning(context: Context, { before, observation }: PassOutcome): Set<string> {
  const refused = new Set<string>();
  for (const observed of observation.instances.values()) {
    const process = liveProcess(observed);
    if (process === undefined) continue;
    const { pid } = process;
    const stop = drainingSince(observed);
    if (stop === undefined) {
      report(context, observed.name, { kind: 'already_running', pid });
    } else {
      const { [observed.name]: stopped } = before.desired.stopped;
      refused.add(observed.name);
      report(context, observed.name, {
        kind: 'start_refused',
        pid,
        draining: elapsed(stop.at, observation.now),
        ...(stopped && { stoppedBy: stopped.by }),
      });
    }
  }
  return refused;
}
