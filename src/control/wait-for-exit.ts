import type { Intent } from '../core/intent.ts';
import { liveProcess, type Observation } from '../core/observation.ts';
import type { Progress } from '../core/progress.ts';
import type { Duration } from '../core/time.ts';
import { carryOn } from './carry-on.ts';
import type { Context } from './context.ts';
import { reportDeparture, withJob } from './departure.ts';
import { drainingOf, settle, type Settled } from './settle.ts';
import { watchInstances } from './watched.ts';

/**
 * Waits until no process of these instances, which were all there a moment ago, is left, and kills those whose time is
 * over, should they have a limit.
 */
export function waitForExit(
  context: Context,
  request: { instances: readonly string[]; limit: Duration | undefined },
): Promise<Settled> {
  const failed = new Set<string>();
  const gone = new Set<string>();
  const watching: Context = {
    ...context,
    report: (event) => {
      if (event.kind === 'ask_failed') failed.add(event.instance);
      if (event.kind === 'left') gone.add(event.instance); // a pass tells of it, too, where it tidies up
      context.report(withJob(event, watched));
    },
  };
  const watched = watchInstances(watching, request.instances);
  return settle(watching, {
    command: 'stop',
    ...request,
    watched,
    look: async (observation) => {
      const { intent, again } = await carryOn(watching, watched, observation, failed);
      for (const observed of observation.instances.values()) {
        const { name } = observed;
        if (liveProcess(observed) !== undefined || gone.has(name)) continue;
        reportDeparture(watching, name, observation);
        gone.add(name);
      }
      return {
        settled: [...gone, ...failed],
        items: request.instances.map((name) => progressOf(name, intent, observation)),
        ...(again !== undefined && { again }),
      };
    },
  });
}

function progressOf(instance: string, intent: Intent, observation: Observation): Progress {
  const observed = observation.instances.get(instance);
  const [draining] = observed === undefined ? [] : drainingOf(observed, intent, observation);
  if (draining === undefined) return { instance, phase: 'done', detail: '' };
  const { pid, since, limit, activity } = draining;
  return {
    instance,
    phase: 'draining',
    pid,
    since,
    ...(limit !== undefined && { limit }),
    ...(activity && { activity }),
    detail: '',
  };
}
