import type { Event } from '../../core/events/event.ts';
import { takenOverBy } from '../../core/rules/apply-goal.ts';
import { isHeld, isStopped, rolloutOf, type Desired } from '../../core/model/desired.ts';
import { awaitedWords } from '../../core/model/leftovers.ts';
import { ageOf, type Observation, type ObservedInstance } from '../../core/model/observation.ts';
import type { Progress } from '../../core/views/phase.ts';
import { isAwaited } from '../../core/rules/reconcile.ts';
import { standingOf, type Standing } from '../../core/views/phase.ts';
import { durationOf, type Duration } from '../../core/basics/time.ts';
import { createLockHelper, type LockHelper } from '../../host/lock/lock-helper.ts';
import { lastLines } from '../../host/logs/tail.ts';
import { carryOn, reportLeftAlone, wantedInstances } from './carry-on.ts';
import { loggerIn, report, workerOf, type Context } from '../session.ts';
import { reportDeparture } from '../apply/report-exit.ts';
import { withJob } from './view.ts';
import { locksToKeep } from '../pass/pass.ts';
import { drainingOf, settle, type Look, type Settled } from './settle.ts';
import { shownLogLines } from '../apply/start-instances.ts';
import { watchInstances, type Watched } from './view.ts';

/** Which instances are to come up, and what they come after. */
export interface BringUp {
  readonly command: 'start' | 'restart';
  readonly instances: readonly string[];
  /** The `start` of each process that is to be replaced or was dead before: its end is no failure of the new one. */
  readonly predecessors: ReadonlyMap<string, string>;
  /** Those that have failed already. */
  readonly failed: ReadonlySet<string>;
  /** Those whose command is to start a program that forks away. */
  readonly launching: ReadonlySet<string>;
  readonly limit: Duration | undefined;
  /** The restart that is waited for: it may be aborted, or taken over by a later one. */
  readonly rolloutId?: string;
  /** Whether it is known already that the restart was aborted. */
  readonly isAborted?: boolean;
}

/**
 * Waits until each instance runs and is ready, and does the moment it can be done what a pass finds to do: starts each
 * whose place is free, asks those whose turn it is. Somebody else's pass may do that first; a kill of this command leaves
 * it to the next bootcheck.
 */
export async function bringUp(context: Context, request: BringUp): Promise<Settled> {
  const lockHelper = keeperFor(context, request);
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

/** For who waits until others have left: their places are to be taken at once. */
function keeperFor(
  { config: { stateDir } }: Context,
  { instances, predecessors, failed }: BringUp,
): LockHelper | undefined {
  const awaited = instances.filter((name) => predecessors.has(name) && !failed.has(name));
  if (awaited.length === 0) return undefined;
  return createLockHelper(locksToKeep(stateDir, awaited));
}

/** What is remembered from look to look. */
interface Up {
  readonly request: BringUp;
  /** Notes what fails on its way to the caller. */
  readonly context: Context;
  readonly watched: Watched;
  readonly failed: Set<string>;
  readonly launching: Set<string>;
  readonly exitedRetiring: Set<string>;
  readonly leftAlone: Set<string>;
  readonly ready: Set<string>;
  isAborted: boolean;
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
    exitedRetiring: new Set(),
    leftAlone: new Set(),
    ready: new Set(),
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

interface Placed {
  readonly observed: ObservedInstance;
  readonly standing: Standing;
}

async function lookAt(up: Up, observation: Observation): Promise<Look> {
  const { context, watched } = up;
  const standings = standingsOf(up, observation);
  for (const placed of standings) reportNews(up, placed, observation);
  // Of a restart all are shown: one that has failed ends it.
  const isRestart = up.request.rolloutId !== undefined;
  const { desired, again } = await carryOn(
    context,
    watched,
    observation,
    isRestart ? undefined : up.failed,
    (seen) => {
      for (const placed of standingsOf(up, seen)) reportNews(up, placed, seen);
    },
  );
  leaveAlone(up, desired, observation);
  reportTakeover(up, desired);
  const isGivenUp = isAborted(up, desired);
  const soonest = Math.min(
    again ?? Infinity,
    ...standings.map(({ standing }) =>
      standing.kind === 'starting' ? standing.changesIn : Infinity,
    ),
  );
  return {
    settled: [
      ...standings
        .filter(({ standing }) => standing.kind === 'ready')
        .map(({ observed }) => observed.name),
      ...up.failed,
      ...up.leftAlone,
    ],
    items: standings.map((placed) => progressOf(up, placed, desired, observation)),
    ...(soonest !== Infinity && { again: durationOf(soonest) }),
    isGivenUp,
  };
}

function standingsOf({ context, request }: Up, observation: Observation): Placed[] {
  return [...observation.instances.values()].map((observed) => ({
    observed,
    standing: standingOf(
      observed,
      request.predecessors.get(observed.name),
      workerOf(context.config, observed.name).ready,
      observation,
    ),
  }));
}

function reportNews(up: Up, { observed, standing }: Placed, observation: Observation): void {
  const { context, exitedRetiring, failed, ready, launching } = up;
  const { name, presence } = observed;
  if (presence.kind === 'alive' && presence.record.launch === undefined && launching.delete(name))
    report(context, name, {
      kind: 'started',
      pid: presence.process.pid,
      cause: 'its pidfile names it',
    });
  if (standing.kind === 'down' && !exitedRetiring.has(name)) {
    reportDeparture(context, { instance: name }, observation);
    exitedRetiring.add(name);
  }
  if (standing.kind === 'failed' && !failed.has(name)) {
    const { record, why } = standing;
    report(context, name, {
      kind: 'start_failed',
      problem: why,
      logFile: record.log.path,
      log: lastLines(record.log.path, record.log.offset, shownLogLines),
      ...loggerIn(context, name),
    });
  }
  if (standing.kind === 'ready' && !ready.has(name)) {
    ready.add(name);
    const release =
      observed.presence.kind === 'alive' ? observed.presence.record.release : undefined;
    report(context, name, {
      kind: 'ready',
      pid: standing.process.pid,
      ...(release !== undefined && { release }),
    });
  }
}

/** Somebody has stopped or held them meanwhile, or wants fewer. */
function leaveAlone(up: Up, desired: Desired, { now }: Observation): void {
  const { context, leftAlone, ready, failed, request } = up;
  const wanted = wantedInstances(context.config, desired);
  const notice = request.instances.filter(
    (name) =>
      (isStopped(desired, name) || isHeld(desired, name, now) || !wanted.has(name)) &&
      !leftAlone.has(name) &&
      !ready.has(name) &&
      !failed.has(name),
  );
  reportLeftAlone(context, desired, notice);
  for (const name of notice) leftAlone.add(name);
}

function reportTakeover(up: Up, desired: Desired): void {
  const { rolloutId, instances } = up.request;
  if (rolloutId === undefined) return;
  for (const name of instances) {
    const other = takenOverBy(desired, name, rolloutId);
    if (other === undefined || up.failed.has(name) || up.ready.has(name)) continue;
    report(up.context, name, {
      kind: 'rollout_superseded',
      requestedBy: other.by,
      requestedAt: other.at,
    });
  }
}

/** Whether the restart was aborted; told once, also when somebody else's pass has found it out. */
function isAborted(up: Up, desired: Desired): boolean {
  const { rolloutId } = up.request;
  const rollout = desired.rollouts.find(({ id }) => id === rolloutId);
  if (rollout?.aborted === undefined) return false;
  if (!up.isAborted) {
    const { instance, why } = rollout.aborted;
    const pendingCount = Object.keys(rollout.replaces).filter(
      (name) => !up.exitedRetiring.has(name),
    ).length;
    report(up.context, instance, { kind: 'rollout_aborted', problem: why, pendingCount });
  }
  return true;
}

/** Why nothing is started in its place yet. */
const waitsFor = ({ context }: Up, observed: ObservedInstance): string =>
  observed.leftovers !== undefined && isAwaited(observed, workerOf(context.config, observed.name))
    ? awaitedWords(observed.leftovers)
    : '';

function progressOf(
  up: Up,
  { observed, standing }: Placed,
  desired: Desired,
  observation: Observation,
): Progress {
  const { name: instance, activity } = observed;
  if (up.failed.has(instance)) return { instance, phase: 'failed', detail: '' };
  if (up.leftAlone.has(instance)) return { instance, phase: 'done', detail: 'left alone' };
  switch (standing.kind) {
    case 'drains': {
      const [draining] = drainingOf(observed, desired, observation);
      return {
        instance,
        phase: 'draining',
        pid: standing.process.pid,
        ...(draining && { since: draining.since }),
        ...(draining?.limit !== undefined && { limit: draining.limit }),
        ...(activity && { activity }),
        detail: '',
      };
    }
    case 'not_asked': {
      const isPart = rolloutOf(desired, instance) !== undefined;
      return {
        instance,
        phase: 'waiting',
        pid: standing.process.pid,
        ...(activity && { activity }),
        detail: isPart ? 'for its turn' : '',
      };
    }
    case 'down':
      return { instance, phase: 'down', detail: waitsFor(up, observed) };
    case 'failed':
      return { instance, phase: 'failed', detail: standing.why };
    case 'starting':
    case 'ready': {
      const { process } = standing;
      return {
        instance,
        phase: standing.kind === 'ready' ? 'done' : 'starting',
        pid: process.pid,
        since: ageOf(process, observation),
        detail: '',
      };
    }
  }
}
