import type { Event } from '../core/event.ts';
import { takenOverBy } from '../core/goal.ts';
import { isHeld, isStopped, rolloutOf, type Intent } from '../core/intent.ts';
import { awaitedWords } from '../core/leftovers.ts';
import { isLeaving } from '../core/leaving.ts';
import { ageOf, type Observation, type ObservedInstance } from '../core/observation.ts';
import type { Progress } from '../core/progress.ts';
import { isAwaited } from '../core/reconcile.ts';
import { standingOf, type Standing } from '../core/standing.ts';
import { durationOf, type Duration } from '../core/time.ts';
import { createLockKeeper, type LockKeeper } from '../os/lock/lock-keeper.ts';
import { lastLines } from '../os/log-tail.ts';
import { carryOn, reportLeftAlone, wantedInstances } from './carry-on.ts';
import { loggerIn, report, workerOf, type Context } from './context.ts';
import { reportDeparture, withJob } from './departure.ts';
import { locksToKeep } from './pass.ts';
import { drainingOf, settle, type Look, type Settled } from './settle.ts';
import { shownLogLines } from './start-instances.ts';
import { watchInstances, type Watched } from './watched.ts';

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
  const keeper = keeperFor(context, request);
  const up = startWatching({ ...context, ...(keeper && { keeper }) }, request);
  try {
    return await settle(up.context, {
      command: request.command,
      instances: request.instances.filter((name) => !request.failed.has(name)),
      limit: request.limit,
      watched: up.watched,
      look: (observation) => lookAt(up, observation),
    });
  } finally {
    keeper?.close();
  }
}

/** For who waits until others have left: their places are to be taken at once. */
function keeperFor(
  { config: { stateDir } }: Context,
  { instances, predecessors, failed }: BringUp,
): LockKeeper | undefined {
  const awaited = instances.filter((name) => predecessors.has(name) && !failed.has(name));
  if (awaited.length === 0) return undefined;
  return createLockKeeper(locksToKeep(stateDir, awaited));
}

/** What is remembered from look to look. */
interface Up {
  readonly request: BringUp;
  /** Notes what fails on its way to the caller. */
  readonly context: Context;
  readonly watched: Watched;
  readonly failed: Set<string>;
  readonly launching: Set<string>;
  readonly departed: Set<string>;
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
    departed: new Set(),
    leftAlone: new Set(),
    ready: new Set(),
    isAborted: request.isAborted ?? false,
  };
  return up;
}

function note(up: Up, { kind, instance }: Event): void {
  if (kind === 'start_failed' || kind === 'ask_failed' || kind === 'taken_over')
    up.failed.add(instance);
  if (kind === 'launching') up.launching.add(instance);
  if (kind === 'aborted') up.isAborted = true;
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
  const { intent, again } = await carryOn(
    context,
    watched,
    observation,
    isRestart ? undefined : up.failed,
    (seen) => {
      for (const placed of standingsOf(up, seen)) reportNews(up, placed, seen);
    },
  );
  leaveAlone(up, intent, observation);
  reportTakeover(up, intent);
  const isGivenUp = isAborted(up, intent);
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
    items: standings.map((placed) => progressOf(up, placed, intent, observation)),
    ...(soonest !== Infinity && { again: durationOf(soonest) }),
    isGivenUp,
  };
}

function standingsOf({ context, request }: Up, observation: Observation): Placed[] {
  return [...observation.instances.values()]
    .filter(({ name }) => !isLeaving(name))
    .map((observed) => ({
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
  const { context, departed, failed, ready, launching } = up;
  const { name, presence } = observed;
  if (presence.kind === 'alive' && presence.record.launch === undefined && launching.delete(name))
    report(context, name, {
      kind: 'started',
      pid: presence.process.pid,
      cause: 'its pidfile names it',
    });
  if (standing.kind === 'down' && !departed.has(name)) {
    reportDeparture(context, name, observation);
    departed.add(name);
  }
  if (standing.kind === 'failed' && !failed.has(name)) {
    const { record, why } = standing;
    report(context, name, {
      kind: 'start_failed',
      reason: why,
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
function leaveAlone(up: Up, intent: Intent, { now }: Observation): void {
  const { context, leftAlone, ready, failed, request } = up;
  const wanted = wantedInstances(context.config, intent);
  const news = request.instances.filter(
    (name) =>
      (isStopped(intent, name) || isHeld(intent, name, now) || !wanted.has(name)) &&
      !leftAlone.has(name) &&
      !ready.has(name) &&
      !failed.has(name),
  );
  reportLeftAlone(context, intent, news);
  for (const name of news) leftAlone.add(name);
}

function reportTakeover(up: Up, intent: Intent): void {
  const { rolloutId, instances } = up.request;
  if (rolloutId === undefined) return;
  for (const name of instances) {
    const other = takenOverBy(intent, name, rolloutId);
    if (other === undefined || up.failed.has(name) || up.ready.has(name)) continue;
    report(up.context, name, { kind: 'taken_over', by: other.by, since: other.at });
  }
}

/** Whether the restart was aborted; told once, also when somebody else's pass has found it out. */
function isAborted(up: Up, intent: Intent): boolean {
  const { rolloutId } = up.request;
  const rollout = intent.rollouts.find(({ id }) => id === rolloutId);
  if (rollout?.aborted === undefined) return false;
  if (!up.isAborted) {
    const { instance, why } = rollout.aborted;
    const untouched = Object.keys(rollout.replaces).filter((name) => !up.departed.has(name)).length;
    report(up.context, instance, { kind: 'aborted', reason: why, untouched });
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
  intent: Intent,
  observation: Observation,
): Progress {
  const { name: instance, activity } = observed;
  if (up.failed.has(instance)) return { instance, phase: 'failed', detail: '' };
  if (up.leftAlone.has(instance)) return { instance, phase: 'done', detail: 'left alone' };
  switch (standing.kind) {
    case 'drains': {
      const [draining] = drainingOf(observed, intent, observation);
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
      const isPart = rolloutOf(intent, instance) !== undefined;
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
