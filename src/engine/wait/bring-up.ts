import type { Event } from '../../core/events/event.ts';
import type { Observation } from '../../core/model/observation.ts';
import { durationOf } from '../../core/basics/time.ts';
import { createLockHelper, type LockHelper } from '../../host/lock/lock-helper.ts';
import { locksToKeep } from '../pass/pass.ts';
import type { Context } from '../session.ts';
import { progressOf } from './bring-up-progress.ts';
import { givenUpBy, leaveAlone, reportChanges, reportTakeover } from './bring-up-reports.ts';
import { carryOn } from './carry-on.ts';
import { placesOf, type BringUp, type Up } from './coming-up.ts';
import { settle, type Look, type Settled } from './settle.ts';
import { watchInstances, withJob } from './view.ts';

/**
 * Waits until each instance runs and is ready. As soon as a pass has something to do, it runs one: it starts what is down
 * and asks the instances whose turn it is. Another command's pass may do that first; if this command is killed, the next
 * bootcheck continues.
 */
export async function bringUp(context: Context, request: BringUp): Promise<Settled> {
  const lockHelper = lockHelperFor(context, request);
  const up = startWatching({ ...context, ...(lockHelper && { lockHelper }) }, request);
  try {
    return await settle(up.context, {
      command: request.command,
      pending: request.instances.filter((name) => !request.failed.has(name)),
      limit: request.limit,
      watched: up.watched,
      look: (observation) => lookAt(up, observation),
    });
  } finally {
    lockHelper?.close();
  }
}

/** Takes the locks of the processes that are to be replaced as soon as these exit, so that nothing delays the start. */
function lockHelperFor(
  { config: { stateDir } }: Context,
  { instances, predecessors, failed }: BringUp,
): LockHelper | undefined {
  const awaited = instances.filter((name) => predecessors.has(name) && !failed.has(name));
  if (awaited.length === 0) return undefined;
  return createLockHelper(locksToKeep(stateDir, awaited));
}

function startWatching(context: Context, request: BringUp): Up {
  const failed = new Set(request.failed);
  const watching: Context = {
    ...context,
    report: (event) => {
      note(up, event);
      context.report(withJob(event, up.watched));
    },
  };
  const up: Up = {
    request,
    context: watching,
    watched: watchInstances(watching, request.instances),
    failed,
    launching: new Set(request.launching),
    exited: new Set(),
    leftAlone: new Set(),
    ready: new Set(request.ready),
    isAborted: request.isAborted ?? false,
  };
  return up;
}

function note(up: Up, { kind, instance }: Event): void {
  if (kind === 'start_failed' || kind === 'signal_failed' || kind === 'rollout_superseded')
    up.failed.add(instance);
  if (kind === 'launching') up.launching.add(instance);
  if (kind === 'rollout_aborted') up.isAborted = true;
}

async function lookAt(up: Up, observation: Observation): Promise<Look> {
  const { context, watched } = up;
  up.request.onLook?.();
  const places = placesOf(up, observation);
  for (const placed of places) reportChanges(up, placed, observation);
  // A restart retries nothing that has failed, because a failure ends it.
  const isRestart = up.request.rolloutId !== undefined;
  const { snapshot, again } = await carryOn(
    context,
    watched,
    observation,
    isRestart ? undefined : up.failed,
    (seen) => {
      for (const placed of placesOf(up, seen)) reportChanges(up, placed, seen);
    },
  );
  leaveAlone(up, snapshot);
  reportTakeover(up, snapshot.desired);
  const givenUp = givenUpBy(up, snapshot.desired);
  const soonest = Math.min(
    again ?? Infinity,
    ...places.map(({ renewal }) => (renewal.state === 'starting' ? renewal.changesIn : Infinity)),
  );
  return {
    settled: [
      ...places
        .filter(({ renewal }) => renewal.state === 'ready')
        .map(({ observed }) => observed.name),
      ...up.failed,
      ...up.leftAlone,
    ],
    items: places.map((placed) => progressOf(up, placed, snapshot)),
    ...(soonest !== Infinity && { again: durationOf(soonest) }),
    ...(givenUp && { givenUp }),
  };
}
