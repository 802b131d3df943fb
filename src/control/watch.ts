import { join } from 'node:path';
import { WorkerctlError } from '../core/error.ts';
import type { Draining } from '../core/event.ts';
import { instanceNames } from '../core/instance.ts';
import { leavingSince, liveProcess, type Observation } from '../core/observation.ts';
import { withoutRotations, type Plan, type Rotation } from '../core/plan.ts';
import type { ProcessIdentity } from '../core/process.ts';
import { isLeaving } from '../core/leaving.ts';
import { changesIn } from '../core/reconcile.ts';
import { isForeign } from '../core/record.ts';
import { selectInstances } from '../core/targets.ts';
import { durationOf } from '../core/time.ts';
import { withWants } from '../core/wants.ts';
import { monotonicMs, sleep } from '../os/clock.ts';
import { testable } from '../os/fault-point.ts';
import { readIntent } from '../os/intent-file.ts';
import { describeErrno } from '../os/errno.ts';
import { lockBackend } from '../os/lock/choose-backend.ts';
import type { HeldLock } from '../os/lock/lock-backend.ts';
import { createLockKeeper, type LockKeeper } from '../os/lock/lock-keeper.ts';
import type { SilenceTracker } from '../os/silence.ts';
import { findProcess } from '../os/process-table.ts';
import { ensureStateDirectory } from '../os/state-directory.ts';
import { recordedInstances } from '../os/state-files.ts';
import { openTrigger } from '../os/trigger.ts';
import { watchDirectory } from '../os/watch-directory.ts';
import { createComplaints, type Complaints } from './complaints.ts';
import { report, type Context } from './context.ts';
import {
  isSameIntent,
  locksToKeep,
  planPass,
  runPass,
  type PassOutcome,
  type PassRequest,
} from './pass.ts';
import { drainingOf, isLocked } from './settle.ts';

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

/** No file has changed for so long: look anyway, since whoever kills a shim leaves no trace. */
const fallbackMs = testable('FALLBACK_MS', 60_000);

/** Between two looks, so that no flood of bytes makes more than 25 a second. */
const gapMs = 40;

/** The share of a core that looking for the sake of bytes may cost: one part in this many. */
const restPerLook = 10;

/** How often signs of life are looked for. */
export const tickMs = 1_000;

/** How often it looks where the kernel does not tell of deaths. */
const unwatchedMs = 1_000;

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
  let keeper: LockKeeper | undefined;
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
      const kept = { ...watcher.context(), ...(keeper && { keeper }) };
      const context = complaints.once(noting(kept, ours));
      const seen = await look(context, deaths, { rotator, complaints });
      watcher.seen?.(seen.observation);
      if (isOver()) return;
      keeper = renewed(keeper, stateDir, seen.observation);
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
    keeper?.close();
    await lock.release();
  }
}

/** The same keeper, or a new one where it does not know the lock of all those who live: whoever dies is replaced at once. */
function renewed(
  keeper: LockKeeper | undefined,
  stateDir: string,
  { instances }: Observation,
): LockKeeper | undefined {
  const living = [...instances.values()]
    .filter(({ name, presence }) => presence.kind === 'alive' && !isLeaving(name))
    .map(({ name }) => name);
  const locks = locksToKeep(stateDir, living);
  if (keeper !== undefined && [locks.again, ...locks.once].every(keeper.mayKnow)) return keeper;
  keeper?.close();
  return createLockKeeper(locks);
}

async function takeWatchLock(stateDir: string): Promise<HeldLock> {
  const path = join(stateDir, 'watch.lock');
  const [lock] = await lockBackend().tryLock([path]);
  if (lock !== undefined) return lock;
  throw new WorkerctlError('locked', `another workerctl watch runs on ${stateDir}`);
}

/** Deaths, and what people want; all else is written by passes themselves. */
const tellsOfWork = (file: string): boolean => file.endsWith('.exit') || file === 'state.json';

async function followFiles(
  files: ReturnType<typeof watchDirectory>,
  ring: () => void,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const due = monotonicMs() + fallbackMs;
    const { size } = await files.changes(fallbackMs, signal);
    // Awake early, and of nothing: the kernel has no watch to give, so that we must look for ourselves.
    if (size === 0 && monotonicMs() < due) await sleep(unwatchedMs, signal);
    ring();
  }
}

/** Bytes wait for their turn; deaths, and what people want, ring for themselves and do not. */
interface Bytes {
  readonly ring: () => void;
  /** A look begins: it sees whatever those bytes were for. What comes from now on waits for its end. */
  readonly seen: () => void;
  /** The look is over; the next one for the sake of bytes may not begin before this moment. */
  readonly notBefore: (moment: number) => void;
  readonly close: () => void;
}

function createBytes(ring: () => void): Bytes {
  let timer: NodeJS.Timeout | undefined;
  let earliest: number | undefined;
  let isWaiting = false;
  const set = (): void => {
    clearTimeout(timer);
    if (isWaiting && earliest !== undefined)
      timer = setTimeout(ring, Math.max(0, earliest - monotonicMs()));
  };
  return {
    ring: () => {
      isWaiting = true;
      set();
    },
    seen: () => {
      isWaiting = false;
      earliest = undefined;
      set();
    },
    notBefore: (moment) => {
      earliest = moment;
      set();
    },
    close: () => {
      clearTimeout(timer);
    },
  };
}

/** Sleeping that can be ended by anybody. */
interface Alarm {
  readonly ring: () => void;
  /** Resolves as soon as it has rung since the last time, or after `ms`; whether it has rung. */
  readonly wait: (ms: number) => Promise<boolean>;
}

function createAlarm(signal: AbortSignal): Alarm {
  let hasRung = false;
  let wake: () => void = () => undefined;
  signal.addEventListener('abort', () => {
    wake();
  });
  return {
    ring: () => {
      hasRung = true;
      wake();
    },
    wait: async (ms) => {
      if (!hasRung && !signal.aborted) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, ms);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
        wake = () => undefined;
      }
      const answer = hasRung;
      hasRung = false;
      return answer;
    },
  };
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
  const isLaunching = [...observation.instances.values()].some(
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

/** The processes that have no shim: they were adopted, or have forked away. */
const unreported = ({ instances }: Observation): ProcessIdentity[] =>
  [...instances.values()].flatMap(({ presence }) =>
    presence.kind === 'alive' && presence.record.shimPid === 0 ? [presence.process] : [],
  );

interface Listened {
  readonly name: string;
  readonly start: string;
  readonly timeout: number;
}

/** The processes from which signs of life are expected. */
function listened({ config }: Context, { instances }: Observation): Listened[] {
  return config.workers.flatMap(({ heartbeat, name: worker }) =>
    heartbeat === undefined
      ? []
      : [...instances.values()].flatMap(({ name, presence }) =>
          presence.kind === 'alive' && !isForeign(presence.record) && name.startsWith(`${worker}.`)
            ? [{ name, start: presence.record.start, timeout: heartbeat.timeout }]
            : [],
        ),
  );
}

/** Asks all of them, so that each silence is measured from its begin. */
function countSilent(silence: SilenceTracker, all: readonly Listened[]): number {
  let count = 0;
  const beats = all.length === 0 ? undefined : silence.beats();
  for (const { name, start, timeout } of all)
    if (silence.silenceOf(name, start, beats) >= timeout) count += 1;
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
  const { intent, before, observation, ...found } = mayHaveStrays
    ? await planPass(measuring, request)
    : quick;
  const { plan, rotations } = withoutRotations(found.plan);
  rotator.rotate(context, rotations);
  const again = changesIn(context.config, intent, observation) ?? durationOf(fallbackMs);
  if (plan.length === 0 && isSameIntent(intent, before))
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

/** Counts the starts that came to nothing: nobody died of them, so nothing else holds the next try up. */
function countFailures(context: Context): { context: Context; count: () => number } {
  let count = 0;
  return {
    context: {
      ...context,
      report: (event) => {
        if (event.kind === 'start_failed' || event.kind === 'ask_failed') count += 1;
        context.report(event);
      },
    },
    count: () => count,
  };
}

function requestFor(context: Context): PassRequest {
  const { stateDir } = context.config;
  const config = withWants(context.config, readIntent(stateDir));
  return {
    goal: { kind: 'check' },
    instances: selectInstances(config, recordedInstances(stateDir), []),
    lockWait: durationOf(0),
    mayHaveStrays: true,
  };
}

const silent = (context: Context): Context => ({ ...context, report: () => undefined });

/** In the words that operators know from MogileFS. */
function reportShortages(
  context: Context,
  { intent, plan, observation: { instances } }: PassOutcome,
): void {
  for (const worker of withWants(context.config, intent).workers) {
    const names = instanceNames(worker);
    const starts = plan.filter(
      ({ kind, instance }) => kind === 'start' && names.includes(instance),
    ).length;
    if (starts === 0) continue;
    const has = names.filter((name) => {
      const observed = instances.get(name);
      return observed !== undefined && liveProcess(observed) !== undefined;
    }).length;
    report(context, worker.name, { kind: 'short', has, wants: has + starts });
  }
}

/** What passes of ours have done: whom they have started was alive. */
interface Ours {
  /** The latest pid of each instance. */
  readonly started: Map<string, number>;
}

const noting = (context: Context, { started }: Ours): Context => ({
  ...context,
  report: (event) => {
    if (event.kind === 'started' || event.kind === 'launching')
      started.set(event.instance, event.pid);
    context.report(event);
  },
});

/** Knows whose death was seen: of processes that this watch has started, or seen alive. */
interface DeathWatch {
  readonly see: (observation: Observation) => void;
  /** Whether this step starts nobody, or one whose last process has died under our eyes. */
  readonly saw: (step: Plan[number], observation: Observation) => boolean;
}

function createDeathWatch({ started }: Ours): DeathWatch {
  const alive = new Map<string, string>();
  /** The start of the process of each instance that was seen dying. */
  const dead = new Map<string, string>();
  return {
    saw: ({ kind, instance }, { instances }) => {
      const presence = instances.get(instance)?.presence;
      return (
        kind !== 'start' ||
        (presence?.kind === 'dead' && dead.get(instance) === presence.record.start)
      );
    },
    see: ({ instances }) => {
      for (const { name, presence } of instances.values()) {
        if (presence.kind === 'alive') alive.set(name, presence.record.start);
        if (presence.kind !== 'dead') continue;
        const { record } = presence;
        if (alive.get(name) !== record.start && started.get(name) !== record.pid) continue;
        alive.delete(name);
        started.delete(name);
        dead.set(name, record.start);
      }
    },
  };
}

/** Who is still there while everything is to leave. */
export interface Ending {
  readonly draining: readonly Draining[];
  /** Those whose turn has not come yet: another pass may be at work. */
  readonly unasked: readonly string[];
}

/** Lets everything finish and leave, for a container that ends. Calls back about who is still there when it is asked to. */
export async function endAll(
  context: Context,
  onAsked: (tell: () => void) => void,
  tell: (ending: Ending) => void,
): Promise<void> {
  const request = { ...requestFor(context), goal: { kind: 'end', cause: 'watch ends' } } as const;
  const lasting = { ...context, signal: new AbortController().signal }; // its own has ended the watch already
  onAsked(() => {
    // What cannot be looked at ends the pass as well, which says why.
    void lookAtEnding(lasting, request).then(tell, () => undefined);
  });
  for (;;) {
    const outcome = await runPass(lasting, { ...request, lockWait: durationOf(Infinity) });
    const { instances } = outcome.observation;
    if ([...instances.values()].every((one) => liveProcess(one) === undefined)) return;
    await sleep(endPollMs);
  }
}

async function lookAtEnding(context: Context, request: PassRequest): Promise<Ending> {
  const { observation, intent } = await planPass(silent(context), request);
  const there = [...observation.instances.values()].filter((one) => liveProcess(one) !== undefined);
  return {
    draining: there.flatMap((one) => drainingOf(one, intent, observation)),
    unasked: there.filter((one) => leavingSince(one) === undefined).map(({ name }) => name),
  };
}

const endPollMs = 100;
