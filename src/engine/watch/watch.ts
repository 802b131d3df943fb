import { type Observation } from '../../core/model/observation.ts';
import { monotonicMs, sleep } from '../../host/process/clock.ts';
import { createLockHelper, type LockHelper } from '../../host/lock/lock-helper.ts';
import { type Context } from '../session.ts';
import { locksToKeep } from '../pass/pass.ts';
import { isLocked } from '../wait/settle.ts';
import { createAlarm, createBytes } from './wake.ts';
import { createKnowledge } from './known.ts';
import { createDeathWatch, noting, type Ours } from './deaths.ts';
import { gapMs, restPerLook, tickMs } from './intervals.ts';
import type { KeptFile } from './kept-files.ts';
import { look } from './look.ts';
import { takePlace, type Place } from './place.ts';
import { restUntil } from './rest.ts';
import { createRotator } from './rotator.ts';
import { createTrouble, firstPauseMs, lastPauseMs, type Trouble } from './trouble.ts';
import { createWarnOnce } from './warn-once.ts';

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
  /** Called after each look that did all that there was to do. */
  readonly acted?: () => void;
  /** Called before the first look, once no other watch can run here; returns further files that the watch keeps in place. */
  readonly begun: () => Promise<readonly KeptFile[]>;
  /** It stays even if another watch has taken its lock: without it the workers would die. */
  readonly mustStay: boolean;
}

/**
 * Runs the ordinary pass whenever there may be something to do. Workers do not depend on it: killing it loses nothing. Ends when
 * `signal` aborts. Nothing that a look or a pass meets ends it: it reports the problem, and tries again.
 * @throws WorkerctlError `locked` if another watch runs on this state directory
 */
export async function watch(watcher: Watcher): Promise<void> {
  const { signal } = watcher;
  const alarm = createAlarm(signal);
  const bytes = createBytes(alarm.ring);
  const place = await takePlace(watcher, alarm.ring, bytes.ring);
  watcher.onWake(() => {
    alarm.ring();
  });
  const tick = setInterval(() => {
    if (place.hasChanged()) alarm.ring();
  }, tickMs).unref();
  const trouble = createTrouble(watcher.context);
  const round = createRound(watcher, { alarm, bytes, place }, trouble);
  const isOver = (): boolean => signal.aborted;
  try {
    place.keep(await watcher.begun());
    while (!isOver()) {
      const begun = monotonicMs();
      try {
        await round.run();
      } catch (error) {
        if (isLocked(error)) throw error; // another watch does our work
        const pause = trouble.met(error);
        await sleep(firstPauseMs, signal);
        const rest = Math.max(pause - firstPauseMs, (monotonicMs() - begun) * restPerLook);
        await alarm.wait(Math.min(rest, lastPauseMs));
      }
    }
  } finally {
    clearInterval(tick);
    bytes.close();
    await round.end();
    await place.leave();
  }
}

interface Waking {
  readonly alarm: ReturnType<typeof createAlarm>;
  readonly bytes: ReturnType<typeof createBytes>;
  readonly place: Place;
}

/** One look after the other, each with the rest after it. */
function createRound(watcher: Watcher, { alarm, bytes, place }: Waking, trouble: Trouble) {
  const { signal } = watcher;
  const ours: Ours = { started: new Map() };
  const deaths = createDeathWatch(ours);
  const rotator = createRotator();
  const warnings = createWarnOnce();
  const knowledge = createKnowledge();
  let lockHelper: LockHelper | undefined;
  return {
    run: async (): Promise<void> => {
      const begun = monotonicMs();
      const rest = await place.renew();
      await watcher.refresh();
      const { config } = watcher.context();
      const known = knowledge.take(config);
      if (known === undefined) {
        bytes.seen();
        place.rearm(); // before the look: a byte that arrives during it counts again
      }
      const kept = { ...watcher.context(), ...(lockHelper && { lockHelper }) };
      const context = trouble.once(warnings.once(noting(kept, ours)));
      const seen = await look(context, deaths, { rotator, warnings, known });
      watcher.seen?.(seen.observation);
      if (seen.isLocked !== true) watcher.acted?.();
      trouble.done(rest);
      if (signal.aborted) return;
      lockHelper = renewed(lockHelper, context.config.stateDir, seen.observation);
      bytes.notBefore(begun + (monotonicMs() - begun) * restPerLook);
      const resting = { context: watcher.context(), signal };
      const until = knowledge.keep(config, seen);
      knowledge.woken(await restUntil(until, resting, alarm, seen.observation));
      const left = gapMs - (monotonicMs() - begun);
      if (left > 0) await sleep(left, signal);
    },
    end: async (): Promise<void> => {
      await rotator.end();
      lockHelper?.close();
    },
  };
}

/**
 * The same helper, or a new one if it does not know the locks of the live instances: each must be replaced at once if it dies.
 * If they are too many, those that were started last come first: what fails again and again is among them.
 */
function renewed(
  lockHelper: LockHelper | undefined,
  stateDir: string,
  { instances }: Observation,
): LockHelper | undefined {
  const living = [...instances.values()]
    .flatMap(({ name, presence }) =>
      presence.kind === 'alive' ? [{ name, startTime: presence.process.startTime }] : [],
    )
    .sort((a, b) => b.startTime - a.startTime)
    .map(({ name }) => name);
  const locks = locksToKeep(stateDir, living);
  if (lockHelper !== undefined && [locks.again, ...locks.once].every(lockHelper.mayKnow))
    return lockHelper;
  lockHelper?.close();
  return createLockHelper(locks);
}
