import { join } from 'node:path';
import { WorkerctlError } from '../../core/basics/error.ts';
import { type Observation } from '../../core/model/observation.ts';
import { monotonicMs, sleep } from '../../host/process/clock.ts';
import { lockBackend } from '../../host/lock/choose-backend.ts';
import type { HeldLock } from '../../host/lock/lock-file.ts';
import { createLockHelper, type LockHelper } from '../../host/lock/lock-helper.ts';
import { ensureStateDirectory } from '../../host/state/state-directory.ts';
import { openTrigger } from '../../host/sockets/trigger.ts';
import { watchDirectory } from '../../host/files/watch-directory.ts';
import { findWatch } from './find-watch.ts';
import { createWarnOnce } from './warn-once.ts';
import { type Context } from '../session.ts';
import { locksToKeep } from '../pass/pass.ts';
import { createAlarm, createBytes, mayMeanWork, followFiles } from './wake.ts';
import { createDeathWatch, noting, type Ours } from './deaths.ts';
import { gapMs, restPerLook } from './intervals.ts';
import { look } from './look.ts';
import { restUntil } from './rest.ts';
import { createRotator } from './rotator.ts';

/** What `watch` gets from outside. */
export interface Watcher {
  /** The current context; a new one after the config was read again. */
  readonly context: () => Context;
  /** Called before each look: reads the config again if its file has changed. */
  readonly refresh: () => Promise<void>;
  /** Registers a function that causes a look at once. */
  readonly onWake: (wake: () => void) => void;
  /** Aborts to end the watch. */
  readonly signal: AbortSignal;
  /** Called after each look, for the control socket. */
  readonly seen?: (observation: Observation) => void;
  /** Called before the first look, once no other watch can run here. */
  readonly begun: () => Promise<void>;
}

/**
 * Runs the ordinary pass whenever there may be something to do. Workers do not depend on it: killing it loses nothing. Ends when
 * `signal` aborts.
 * @throws WorkerctlError `locked` if another watch runs on this state directory
 */
export async function watch(watcher: Watcher): Promise<void> {
  const { stateDir } = watcher.context().config;
  ensureStateDirectory(stateDir);
  const lock = await takeWatchLock(stateDir);
  let lockHelper: LockHelper | undefined;
  const alarm = createAlarm(watcher.signal);
  const bytes = createBytes(alarm.ring);
  const trigger = openTrigger(stateDir, bytes.ring);
  const files = watchDirectory(stateDir, mayMeanWork);
  watcher.onWake(alarm.ring);
  void followFiles(files, alarm.ring, watcher.signal);
  const isOver = (): boolean => watcher.signal.aborted;
  const ours: Ours = { started: new Map() };
  const deaths = createDeathWatch(ours);
  const rotator = createRotator();
  const warnings = createWarnOnce();
  try {
    await watcher.begun();
    for (;;) {
      const begun = monotonicMs();
      bytes.seen();
      trigger.rearm(); // before the look: a byte that arrives during it counts again
      await watcher.refresh();
      const kept = { ...watcher.context(), ...(lockHelper && { lockHelper }) };
      const context = warnings.once(noting(kept, ours));
      const seen = await look(context, deaths, { rotator, warnings });
      watcher.seen?.(seen.observation);
      if (isOver()) return;
      lockHelper = renewed(lockHelper, stateDir, seen.observation);
      bytes.notBefore(begun + (monotonicMs() - begun) * restPerLook);
      const resting = { context: watcher.context(), signal: watcher.signal };
      await restUntil(monotonicMs() + seen.waitMs, resting, alarm, seen.observation);
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

/** The same helper, or a new one if it does not know the locks of all live instances: each must be replaced at once if it dies. */
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
  const other = findWatch(stateDir);
  const who =
    other === undefined ? 'another workerctl watch' : `workerctl watch, pid ${other.pid},`;
  throw new WorkerctlError('locked', `${who} already runs on ${stateDir}`, {
    hint: 'to make it read its config again: kill -HUP; to end it: kill -TERM',
  });
}
