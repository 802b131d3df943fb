import { join } from 'node:path';
import { WorkerctlError } from '../../core/basics/error.ts';
import { instanceNames } from '../../core/model/instance.ts';
import { allObserved, liveProcess, refOf, type Observation } from '../../core/model/observation.ts';
import { withoutRotations, type Rotation } from '../../core/model/plan.ts';
import { changesIn } from '../../core/rules/next-change.ts';
import { isForeign } from '../../core/model/record.ts';
import { selectInstances } from '../../core/model/targets.ts';
import { durationOf } from '../../core/basics/time.ts';
import { withCounts } from '../../core/rules/scaling.ts';
import { monotonicMs, sleep } from '../../host/process/clock.ts';
import { readDesired } from '../../host/state/desired-file.ts';
import { describeErrno } from '../../host/files/errno.ts';
import { lockBackend } from '../../host/lock/choose-backend.ts';
import type { HeldLock } from '../../host/lock/lock-backend.ts';
import { createLockHelper, type LockHelper } from '../../host/lock/lock-helper.ts';
import type { SilenceTracker } from '../../host/state/silence.ts';
import { findProcess } from '../../host/process/process-table.ts';
import { ensureStateDirectory } from '../../host/state/state-directory.ts';
import { baseOf, recordedInstances } from '../../host/state/paths.ts';
import { openTrigger } from '../../host/sockets/trigger.ts';
import { watchDirectory } from '../../host/files/watch-directory.ts';
import { createComplaints, type Complaints } from './warn-once.ts';
import { listening, report, silent, type Context } from '../session.ts';
import { locksToKeep, planPass, runPass } from '../pass/pass.ts';
import { isSameState } from '../pass/state.ts';
import { type PassRequest } from '../pass/decide.ts';
import { type PassOutcome } from '../../core/model/decision.ts';
import { isLocked } from '../wait/settle.ts';
import {
  createAlarm,
  createBytes,
  fallbackMs,
  followFiles,
  tellsOfWork,
  type Alarm,
} from './wake.ts';
import { createDeathWatch, noting, unreported, type DeathWatch, type Ours } from './deaths.ts';

/** What a resident watch is told from outside. */
export interface Watcher {
  /** What it works with now; a new one after the config was read again. */
  readonly context: () => Context;
  /** Calls back whenever something outside wants a look now. */
  readonly onWake: (wake: () => void) => void;
  /** Aborts when it is to end. */
  readonly signal: AbortSignal;
  /** Is told of each look, for whoever shows the state to others. */
  readonly seen?: (observation: Observation) => void;
  /** Is called when no other watch runs here, before the first look. */
  readonly begun: () => Promise<void>;
}

/** Between two looks, so that no flood of bytes makes more than 25 a second. */
const gapMs = 40;

/** The share of a core that looking for the sake of bytes may cost: one part in this many. */
const restPerLook = 10;

/** How often signs of life are looked for. */
export const tickMs = 1_000;

/** After a pass in which something could not be started or asked at all, such as for want of its folder. */
const failedMs = 10_000;

/** After a pass that somebody else's kept from the lock. */
const retryMs = 200;

/**
 * The resident half: runs the ordinary pass whenever there may be something to do. It owns no worker: whoever kills it
 * loses nothing. Ends when `signal` aborts.
 * @throws WorkerctlError `locked` when another watch runs on this state directory
 */
export async function watch(watcher: Watcher): Promise<void> {
  const { stateDir } = watcher.context().config;
  ensureStateDirectory(stateDir);
  const lock = await takeWatchLock(stateDir);
  let lockHelper: LockHelper | undefined;
  const alarm = createAlarm(watcher.signal);
  const bytes = createBytes(alarm.ring);
  const trigger = openTrigger(stateDir, bytes.ring);
  const files = watchDirectory(stateDir, tellsOfWork);
  watcher.onWake(alarm.ring);
  void followFiles(files, alarm.ring, watcher.signal);
  const isOver = (): boolean => watcher.signal.aborted;
  const ours: Ours = { started: new Map() };
  const deaths = createDeathWatch(ours);
  const rotator = createRotator();
  const complaints = createComplaints();
  try {
    await watcher.begun();
    for (;;) {
      const begun = monotonicMs();
      bytes.seen();
      trigger.rearm(); // before the look: a byte that comes during it counts anew
      const kept = { ...watcher.context(), ...(lockHelper && { lockHelper }) };
      const context = complaints.once(noting(kept, ours));
      const seen = await look(context, deaths, { rotator, complaints });
      watcher.seen?.(seen.observation);
      if (isOver()) return;
      lockHelper = renewed(lockHelper, stateDir, seen.observation);
      bytes.notBefore(begun + (monotonicMs() - begun) * restPerLook);
      await quietUntil(watcher, alarm, seen, monotonicMs() + seen.waitMs);
      const rest = gapMs - (monotonicMs() - begun);
      if (rest > 0) await sleep(rest, watcher.signal);
      if (isOver()) return;
    }
  } finally {
    files.close();
    trigger.close();
    bytes.close();
    await rotator.end();
    lockHelper?.close();
    await lock.release();
  }
}

/** The same keeper, or a new one where it does not know the lock of all those who live: whoever dies is replaced at once. */
function renewed(
  lockHelper: LockHelper | undefined,
  stateDir: string,
  { instances }: Observation,
): LockHelper | undefined {
  const living = [...instances.values()]
    .filter(({ presence }) => presence.kind === 'alive')
    .map(({ name }) => name);
  const locks = locksToKeep(stateDir, living);
  if (lockHelper !== undefined && [locks.again, ...locks.once].every(lockHelper.mayKnow))
    return lockHelper;
  lockHelper?.close();
  return createLockHelper(locks);
}

async function takeWatchLock(stateDir: string): Promise<HeldLock> {
  const path = join(stateDir, 'watch.lock');
  const [lock] = await lockBackend().tryLock([path]);
  if (lock !== undefined) return lock;
  throw new WorkerctlError('locked', `another workerctl watch runs on ${stateDir}`);
}

interface Seen {
  readonly observation: Observation;
  readonly waitMs: number;
}

/**
 * Sleeps until something may have changed; meanwhile it listens for signs of life, and looks whether those live whose death
 * no shim reports. Both cost next to nothing.
 */
async function quietUntil(
  watcher: Watcher,
  alarm: Alarm,
  { observation }: Seen,
  deadline: number,
): Promise<void> {
  const { signal } = watcher;
  const { silence } = watcher.context();
  const all = listened(watcher.context(), observation);
  const orphans = unreported(observation);
  const isLaunching = allObserved(observation).some(
    ({ presence }) => presence.kind === 'alive' && presence.record.launch !== undefined,
  );
  const isQuiet = all.length + orphans.length === 0 && !isLaunching;
  for (;;) {
    const left = deadline - monotonicMs();
    if (left <= 0 || signal.aborted) return;
    if (await alarm.wait(Math.min(left, isQuiet ? left : tickMs))) return;
    if (countSilent(silence, all) > 0) return;
    // What a launch has come to is in its record, which is not watched.
    if (isLaunching || orphans.some((process) => findProcess(process) === undefined)) return;
  }
}

interface Listened {
  /** What the names of its files begin with. */
  readonly base: string;
  readonly runId: string;
  readonly timeout: number;
}

/** The processes from which signs of life are expected. */
function listened({ config }: Context, observation: Observation): Listened[] {
  return config.workers.flatMap(({ heartbeat, name: worker }) =>
    heartbeat === undefined
      ? []
      : allObserved(observation).flatMap((observed) => {
          const { name, presence } = observed;
          if (presence.kind !== 'alive' || isForeign(presence.record)) return [];
          if (!name.startsWith(`${worker}.`)) return [];
          const { runId } = presence.record;
          return [{ base: baseOf(refOf(observed)), runId, timeout: heartbeat.timeout }];
        }),
  );
}

/** Asks all of them, so that each silence is measured from its begin. */
function countSilent(silence: SilenceTracker, all: readonly Listened[]): number {
  let count = 0;
  const beats = all.length === 0 ? undefined : silence.beats();
  for (const { base, runId, timeout } of all)
    if (silence.silenceOf(base, runId, beats) >= timeout) count += 1;
  return count;
}

/** One look, and a pass if it finds something to do. */
async function look(
  context: Context,
  deaths: DeathWatch,
  { rotator, complaints }: { rotator: Rotator; complaints: Complaints },
): Promise<Seen> {
  const request = requestFor(context);
  const measuring = { ...silent(context), measuresLogs: true };
  const quick = await planPass(measuring, { ...request, mayHaveStrays: false });
  deaths.see(quick.observation);
  complaints.see(context, quick.observation);
  // To read the whole of /proc, twice, is most of a restart: whoever has died under our eyes has no stray in its place.
  const mayHaveStrays = !quick.plan.every((step) => deaths.saw(step, quick.observation));
  const { desired, ledger, before, observation, ...found } = mayHaveStrays
    ? await planPass(measuring, request)
    : quick;
  const { plan, rotations } = withoutRotations(found.plan);
  rotator.rotate(context, rotations);
  const again = changesIn(context.config, desired, observation, ledger) ?? durationOf(fallbackMs);
  if (plan.length === 0 && isSameState({ desired, ledger }, before))
    return { observation, waitMs: Math.min(fallbackMs, again) };
  try {
    const failures = countFailures(context);
    await runPass(failures.context, {
      ...request,
      mayHaveStrays,
      known: { observation, plan },
      lockWait: durationOf(retryMs),
      onSeen: (outcome) => {
        reportShortages(context, outcome);
      },
    });
    if (failures.count() > 0) return { observation, waitMs: failedMs };
    return { observation, waitMs: gapMs };
  } catch (error) {
    if (!isLocked(error)) throw error;
    return { observation, waitMs: retryMs };
  }
}

/** Rotates logs while the watch goes on: to copy one may take seconds. */
interface Rotator {
  /** Does nothing while it is still at the ones before. */
  readonly rotate: (context: Context, rotations: readonly Rotation[]) => void;
  /** Waits for the one at hand. */
  readonly end: () => Promise<void>;
}

function createRotator(): Rotator {
  let atWork: Promise<void> | undefined;
  return {
    rotate: (context, rotations) => {
      if (rotations.length === 0 || atWork !== undefined) return;
      atWork = import('./rotate-logs.ts')
        .then(({ rotateLogs }) => rotateLogs(context, rotations))
        .catch((error: unknown) => {
          const problem = `logs cannot be rotated: ${describeErrno(error)}`;
          report(context, 'watch', { kind: 'warning', problem });
        })
        .finally(() => (atWork = undefined));
    },
    end: async () => {
      await atWork;
    },
  };
}

/** Counts what could not be started or asked: no process dies of that, so nothing else delays the next attempt. */
function countFailures(context: Context): { context: Context; count: () => number } {
  let count = 0;
  const counting = listening(context, ({ kind }) => {
    if (kind === 'start_failed' || kind === 'ask_failed') count += 1;
  });
  return { context: counting, count: () => count };
}

export function requestFor(context: Context): PassRequest {
  const { stateDir } = context.config;
  const config = withCounts(context.config, readDesired(stateDir));
  return {
    goal: { kind: 'check' },
    instances: selectInstances(config, recordedInstances(stateDir), []),
    lockWait: durationOf(0),
    mayHaveStrays: true,
  };
}

/** In the words that operators know from MogileFS. */
function reportShortages(
  context: Context,
  { desired, plan, observation: { instances } }: PassOutcome,
): void {
  for (const worker of withCounts(context.config, desired).workers) {
    const names = instanceNames(worker);
    const starts = plan.filter(
      ({ kind, instance }) => kind === 'start' && names.includes(instance),
    ).length;
    if (starts === 0) continue;
    const has = names.filter((name) => {
      const observed = instances.get(name);
      return observed !== undefined && liveProcess(observed) !== undefined;
    }).length;
    report(context, worker.name, { kind: 'short', has, counts: has + starts });
  }
}
