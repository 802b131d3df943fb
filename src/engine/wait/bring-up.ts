import { isFailedAction, type Event } from '../../core/events/event.ts';
import type { Observation } from '../../core/model/observation.ts';
import { isNewDeath } from '../../core/rules/deaths.ts';
import { durationOf } from '../../core/basics/time.ts';
import { createLockHelper, type LockHelper } from '../../host/lock/lock-helper.ts';
import { locksToKeep, runPass } from '../pass/pass.ts';
import type { Context } from '../session.ts';
import { progressOf } from './bring-up-progress.ts';
import { configKeyOf, followConfig } from './follow-config.ts';
import { workerNameOf } from '../../core/model/targets.ts';
import { givenUpBy, reportChanges, reportTakeover, waivedIn } from './bring-up-reports.ts';
import { carryOn, reportLeftAlone } from './carry-on.ts';
import { placesOf, type BringUp, type Up } from './coming-up.ts';
import { isLocked, settle, type Look, type Settled } from './settle.ts';
import { watchInstances, withJobs } from './view.ts';

/**
 * Waits until each instance runs and is ready. As soon as a pass has something to do, it runs one: it starts what is down
 * and asks the instances whose turn it is. Another command's pass may do that first; if this command is killed, the next
 * bootcheck continues.
 */
export async function bringUp(context: Context, request: BringUp): Promise<Settled> {
  const lockHelper = lockHelperFor(context, request);
  const up = startWatching({ ...context, ...(lockHelper && { lockHelper }) }, request);
  try {
    const settled = await settle(up.context, {
      command: request.command,
      pending: request.instances.filter((name) => !request.failed.has(name)),
      limit: request.limit,
      watched: up.watched,
      look: (observation) => lookAt(up, observation),
    });
    await noteFailures(up);
    return settled;
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
  const current = { config: context.config };
  const watching: Context = {
    ...context,
    get config() {
      return current.config;
    },
    report: (event) => {
      note(up, event);
      const said = withJobs(event, up.watched);
      context.report(isStartFailure(up, event) ? { ...said, isTold: true } : said);
    },
  };
  const up: Up = {
    request,
    context: watching,
    watched: watchInstances(watching, request.instances),
    failed,
    launching: new Set(request.launching),
    exited: new Set(),
    takenOver: new Set(),
    ready: new Set(request.ready),
    isAborted: request.isAborted ?? false,
    current,
    configKey: request.configKey ?? configKeyOf(context.config.path),
  };
  return up;
}

function note(up: Up, event: Event): void {
  const { kind, instance } = event;
  if (isFailedAction(event)) up.failed.add(instance);
  if (kind === 'launching') up.launching.add(instance);
  if (kind === 'rollout_aborted') up.isAborted = true;
}

/** Whether a process died that this command has started: `start_failed` tells people the same, and more. */
function isStartFailure({ request, watched, ready }: Up, event: Event): boolean {
  if (event.kind !== 'died' || event.retiring !== undefined || ready.has(event.instance))
    return false;
  const presence = watched.last().observation.instances.get(event.instance)?.presence;
  if (presence?.kind !== 'alive' && presence?.kind !== 'dead') return false;
  const { record } = presence;
  const isOld = request.predecessors.get(event.instance)?.(record, record) === true;
  return record.runId === event.runId && !isOld;
}

/** Remembers the deaths that were reported as failed starts, so that the next bootcheck does not report them once more. */
async function noteFailures({ context, request, failed, watched }: Up): Promise<void> {
  const { observation, ledger } = watched.last();
  const dead = request.instances.filter((name) => {
    const observed = observation.instances.get(name);
    return failed.has(name) && observed !== undefined && isNewDeath(ledger, observed);
  });
  if (dead.length === 0) return;
  try {
    await runPass(context, {
      goal: { kind: 'check' },
      instances: dead,
      lockWait: durationOf(1_000),
      mayHaveStrays: false,
      isForNotesOnly: true,
    });
  } catch (error) {
    if (!isLocked(error)) throw error; // the pass that holds the lock reports them
  }
}

/** Instances that the restart has got since it began are looked at as well, else none could be asked. */
function joinNewcomers({ request, watched, context }: Up): boolean {
  const { desired } = watched.last();
  const rollout = desired.rollouts.find(({ id }) => id === request.rolloutId);
  const known = new Set(context.config.workers.map(({ name }) => name));
  const joining = Object.keys(rollout?.replaces ?? {}).filter(
    (name) => !watched.instances.includes(name) && known.has(workerNameOf(name)),
  );
  watched.join(joining);
  return joining.length > 0;
}

async function lookAt(up: Up, observation: Observation): Promise<Look> {
  const { context, watched } = up;
  await up.request.onLook?.();
  const hasJoined = joinNewcomers(up);
  reportTakeover(up, watched.last().desired);
  const places = placesOf(up, observation);
  for (const placed of places) reportChanges(up, placed, observation);
  const ready = places.flatMap(({ observed: { name }, renewal }) =>
    (renewal.state === 'ready' || renewal.state === 'done') && !up.takenOver.has(name)
      ? [name]
      : [],
  );
  const settled = [...ready, ...up.failed];
  // A finisher looks for a new config itself, and begins anew with it.
  const unconfigured = up.request.onLook === undefined ? await followConfig(up) : undefined;
  if (unconfigured !== undefined) return { settled, items: [], givenUp: unconfigured };
  // A failure ends a restart, which retries nothing by that; what a later one has taken over is left to that one.
  const isRestart = up.request.rolloutId !== undefined;
  const { snapshot, again } = await carryOn(
    context,
    watched,
    observation,
    isRestart ? up.takenOver : up.failed,
    (seen) => {
      for (const placed of placesOf(up, seen)) reportChanges(up, placed, seen);
    },
  );
  reportTakeover(up, snapshot.desired);
  const waived = waivedIn(up, snapshot);
  const givenUp = givenUpBy(up, snapshot.desired);
  if (isSettled(up, settled, waived)) reportLeftAlone(context, snapshot, waived);
  const soonest = Math.min(
    hasJoined ? 1 : (again ?? Infinity),
    ...places.map(({ renewal }) => (renewal.state === 'starting' ? renewal.changesIn : Infinity)),
  );
  return {
    settled,
    waived: [...waived, ...up.takenOver],
    items: places.map((placed) => progressOf(up, placed, snapshot, waived)),
    ...(soonest !== Infinity && { again: durationOf(soonest) }),
    ...(givenUp && { givenUp }),
  };
}

/** Whether this look is the last one: there is nothing left to wait for. */
const isSettled = (
  { request, takenOver }: Up,
  settled: readonly string[],
  waived: readonly string[],
): boolean => {
  const done = new Set([...settled, ...waived, ...takenOver]);
  return request.instances.every((name) => done.has(name));
};
