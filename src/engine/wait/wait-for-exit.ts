import { isStopped } from '../../core/model/desired.ts';
import { awaitedWords, type LeftProcess, type Leftovers } from '../../core/model/leftovers.ts';
import {
  allObserved,
  keyOfObserved,
  liveProcess,
  observedAt,
  refOf,
  type Observation,
  type ObservedInstance,
} from '../../core/model/observation.ts';
import { keyOf, type ProcessRef } from '../../core/model/instance.ts';
import type { Progress } from '../../core/views/phase.ts';
import { actsOnLeftovers, isAwaited } from '../../core/rules/awaited.ts';
import type { Snapshot } from '../../core/rules/snapshot.ts';
import type { Duration } from '../../core/basics/time.ts';
import { carryOn } from './carry-on.ts';
import { report, workerOf, type Context } from '../session.ts';
import { reportExit } from '../apply/report-exit.ts';
import { withJobs } from './view.ts';
import { drainingOf, settle, type Settled } from './settle.ts';
import { watchInstances } from './view.ts';

/** The processes to wait for: all were alive a moment ago. */
export interface ExitRequest {
  readonly instances: readonly string[];
  /** Old processes of theirs that drain beside their replacements. */
  readonly retiring: readonly ProcessRef[];
  readonly limit: Duration | undefined;
}

/** Waits until all these processes have exited, and kills those whose limit, if they have one, is over. */
export function waitForExit(context: Context, request: ExitRequest): Promise<Settled> {
  const { instances, retiring, limit } = request;
  const refs = [...instances.map((instance) => ({ instance })), ...retiring];
  const failed = new Set<string>();
  const gone = new Set<string>();
  const stopped = new Set<string>();
  const watching: Context = {
    ...context,
    report: (event) => {
      if (event.kind === 'signal_failed') failed.add(keyOf(event));
      if (event.kind === 'exited') gone.add(keyOf(event)); // a pass that cleans up reports it, too
      context.report(withJobs(event, watched));
    },
  };
  const named = [...new Set(refs.map(({ instance }) => instance))];
  const watched = watchInstances(watching, named);
  return settle(watching, {
    command: 'stop',
    pending: refs.map(keyOf),
    limit,
    watched,
    look: async (observation) => {
      // Before the pass, which would start an instance that is wanted again as soon as it has exited.
      const { desired: wanted } = watched.last();
      for (const name of instances) {
        if (isStopped(wanted, name)) stopped.add(name);
        else if (stopped.has(name) && !gone.has(name) && !failed.has(name)) {
          failed.add(name);
          report(watching, name, { kind: 'started_again' });
        }
      }
      const { snapshot, again } = await carryOn(watching, watched, observation, failed);
      const exited = allObserved(observation).filter(
        (observed) =>
          liveProcess(observed) === undefined &&
          !gone.has(keyOfObserved(observed)) &&
          !isAwaited(observed, workerOf(context.config, observed.name)),
      );
      await reportExits(watching, exited, observation);
      for (const observed of exited) gone.add(keyOfObserved(observed));
      return {
        settled: [...gone, ...failed],
        items: refs.map((ref) => progressOf(ref, snapshot, gone.has(keyOf(ref)))),
        ...(again !== undefined && { again }),
      };
    },
  });
}

async function reportExits(
  context: Context,
  exited: readonly ObservedInstance[],
  observation: Observation,
): Promise<void> {
  const left = await reportLeft(context, exited, observation);
  exited.forEach((observed, index) => {
    reportExit(context, refOf(observed), observation, left[index]);
  });
}

/**
 * Reports which processes the stops of these dead ones did not reach, and returns what else each has left. Nothing is
 * about to be started in their places: there is time to look.
 */
export async function reportLeft(
  context: Context,
  exited: readonly ObservedInstance[],
  observation: Observation,
): Promise<(readonly LeftProcess[])[]> {
  if (exited.length === 0) return [];
  const { deadLeader, leftInTheEnd } = await import('../observe/leftovers.ts');
  const { livingIn } = await import('../observe/living.ts');
  const { reportSurvivors } = await import('../apply/leftovers.ts');
  const leaders = exited.map(({ name, presence }) => {
    const { stop: policy } = workerOf(context.config, name);
    if (presence.kind !== 'dead' || actsOnLeftovers(policy)) return undefined;
    const { stop } = presence;
    const leader = deadLeader(context, name, presence, observation);
    return leader && { leader, ...(stop && { stop }) };
  });
  const found = await leftInTheEnd(
    leaders.filter((one) => one !== undefined),
    livingIn({}, observation),
  );
  return exited.map((observed, index) => {
    const leader = leaders[index]?.leader;
    const left = leader && found.shift();
    return left === undefined
      ? []
      : reportSurvivors(context, refOf(observed), leader?.pid ?? 0, left);
  });
}

/** What it has left behind may be waited for as well. */
const waitingOrDone = (ref: ProcessRef, left: Leftovers | undefined, isGone: boolean): Progress =>
  isGone || left === undefined
    ? { ...ref, phase: 'done', detail: '' }
    : { ...ref, phase: 'down', detail: awaitedWords(left) };

function progressOf(ref: ProcessRef, snapshot: Snapshot, isGone: boolean): Progress {
  const observed = observedAt(snapshot.observation, ref);
  const [draining] = observed === undefined ? [] : drainingOf(observed, snapshot);
  if (draining === undefined) return waitingOrDone(ref, observed?.leftovers, isGone);
  const { pid, since, limit, activity } = draining;
  return {
    ...ref,
    phase: 'draining',
    pid,
    since,
    ...(limit !== undefined && { limit }),
    ...(activity && { activity }),
    detail: '',
  };
}
