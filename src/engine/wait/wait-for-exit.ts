import { isStopped, type Desired } from '../../core/model/desired.ts';
import { awaitedWords, type LeftProcess, type Leftovers } from '../../core/model/leftovers.ts';
import {
  liveProcess,
  type Observation,
  type ObservedInstance,
} from '../../core/model/observation.ts';
import type { Progress } from '../../core/views/phase.ts';
import { isAwaited } from '../../core/rules/reconcile.ts';
import type { Duration } from '../../core/basics/time.ts';
import type { Worker } from '../../core/model/config.ts';
import { carryOn } from './carry-on.ts';
import { report, workerOf, type Context } from '../session.ts';
import { reportDeparture } from '../apply/report-exit.ts';
import { withJob } from './view.ts';
import { drainingOf, settle, type Settled } from './settle.ts';
import { watchInstances } from './view.ts';

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
  const stopped = new Set<string>();
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
      // Before a pass: it would start who is wanted again as soon as he has left.
      const { desired: wanted } = watched.last();
      for (const name of request.instances) {
        if (isStopped(wanted, name)) stopped.add(name);
        else if (stopped.has(name) && !gone.has(name) && !failed.has(name)) {
          failed.add(name);
          report(watching, name, { kind: 'started_again' });
        }
      }
      const { desired, again } = await carryOn(watching, watched, observation, failed);
      for (const observed of observation.instances.values()) {
        const { name } = observed;
        if (liveProcess(observed) !== undefined || gone.has(name)) continue;
        const worker = workerOf(context.config, name);
        if (isAwaited(observed, worker)) continue;
        const left = await leftBy(context, observed, worker, observation);
        reportDeparture(watching, name, observation, left);
        gone.add(name);
      }
      return {
        settled: [...gone, ...failed],
        items: request.instances.map((name) =>
          progressOf(name, desired, observation, gone.has(name)),
        ),
        ...(again !== undefined && { again }),
      };
    },
  });
}

/** Nobody is about to be started in its place: there is time to look what it has left. */
async function leftBy(
  context: Context,
  { name, presence }: ObservedInstance,
  { stop }: Worker,
  observation: Observation,
): Promise<LeftProcess[]> {
  if (presence.kind !== 'dead' || stop.leftovers !== undefined) return [];
  const { deadLeader, leftInTheEnd, namedOnes } = await import('../observe/leftovers.ts');
  const leader = deadLeader(context, name, presence, observation);
  const [members = []] = leader === undefined ? [] : await leftInTheEnd([leader]);
  return namedOnes(members);
}

/** What it has left behind may be waited for as well. */
const waitingOrDone = (instance: string, left: Leftovers | undefined, isGone: boolean): Progress =>
  isGone || left === undefined
    ? { instance, phase: 'done', detail: '' }
    : { instance, phase: 'down', detail: awaitedWords(left) };

function progressOf(
  instance: string,
  desired: Desired,
  observation: Observation,
  isGone: boolean,
): Progress {
  const observed = observation.instances.get(instance);
  const [draining] = observed === undefined ? [] : drainingOf(observed, desired, observation);
  if (draining === undefined) return waitingOrDone(instance, observed?.leftovers, isGone);
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
