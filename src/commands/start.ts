import { bringUp } from '../engine/wait/bring-up.ts';
import type { Context } from '../engine/session.ts';
import { planPass, runPass } from '../engine/pass/pass.ts';
import { type PassOutcome } from '../core/model/decision.ts';
import { drainingSince, liveProcess } from '../core/model/observation.ts';
import { formatEvent, type Event } from '../core/events/event.ts';
import type { ActOutcome } from '../core/events/outcome.ts';
import { elapsed } from '../core/basics/time.ts';
import { configuredInstances } from '../cli/targets.ts';
import {
  acted,
  failedAmong,
  launchingAmong,
  limitOf,
  lockWait,
  plannedBy,
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
its next attempt, because it has failed, is started at once, and one that is done (on_exit) runs again.`,
  options: {
    wait: wait('how long to wait until all are ready (default: no limit)', 'return at once'),
    dryRun,
  },
  isOperation: 'always',
  examples: [
    ['workerctl start'],
    ['workerctl start --wait 1m mail.1', 'give up waiting after a minute'],
  ],
  exitCodes: {
    done: 'all that are not held are running and ready',
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
  if (options.dryRun) {
    const planned = await planPass(context, request);
    const { plan, problems = [] } = plannedBy(planned);
    const refused = answers(planned).filter(isRefusal).map(formatEvent);
    return { kind: 'planned', plan, problems: [...refused, ...problems] };
  }

  const { recorded, events } = recording(context);
  const outcome = await runPass(recorded, { ...request, lockWait });
  const running = answers(outcome);
  for (const event of running) recorded.report(event);
  const refused = new Set(running.filter(isRefusal).map(({ instance }) => instance));
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

/** What is said of the instances that run already: those that still drain are refused. */
function answers({ before, observation }: PassOutcome): Event[] {
  return [...observation.instances.values()].flatMap((observed): Event[] => {
    const process = liveProcess(observed);
    if (process === undefined) return [];
    const about = { at: observation.now, instance: observed.name, pid: process.pid };
    const stop = drainingSince(observed);
    if (stop === undefined) return [{ kind: 'already_running', ...about }];
    const { [observed.name]: stopped } = before.desired.stopped;
    const draining = elapsed(stop.at, observation.now);
    const by = stopped && { stoppedBy: stopped.by };
    return [{ kind: 'start_refused', ...about, draining, ...by }];
  });
}

const isRefusal = ({ kind }: Event): boolean => kind === 'start_refused';
