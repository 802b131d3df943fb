import { WorkerctlError } from '../core/error.ts';
import { launchOf, pidfileOf } from '../core/launch.ts';
import { startInLeaving } from '../core/leaving.ts';
import type { Action, Plan } from '../core/plan.ts';
import { isSameProcess } from '../core/process.ts';
import { durationOf } from '../core/time.ts';
import { removeHalfWritten } from '../os/atomic-file.ts';
import { startedAt } from '../os/candidate.ts';
import { now } from '../os/clock.ts';
import { describeErrno } from '../os/errno.ts';
import { effect } from '../os/fault-point.ts';
import { killSession } from '../os/kill-session.ts';
import type { HeldLock } from '../os/lock/lock-backend.ts';
import { findProcess, sinceBoot } from '../os/process-table.ts';
import { askToFinish, sendSignal, type Asked } from '../os/signal.ts';
import { digestOf } from '../os/start-worker.ts';
import { awaitNotify } from '../os/silence.ts';
import {
  folderBeside,
  exitPath,
  heirPath,
  moveAside,
  noteReady,
  quietPath,
  readQuiet,
  readRecord,
  removeFile,
  removeFilesOf,
  stopPath,
  wasSeenReady,
  writeDump,
  writeKilling,
  writePidfile,
  writeQuiet,
  writeRecord,
  writeStop,
} from '../os/state-files.ts';
import { report, workerOf, type Context } from './context.ts';
import { reportDeparture } from './departure.ts';
import { observe } from './observe.ts';
import { startInstances } from './start-instances.ts';

type Of<Kind extends Action['kind']> = Extract<Action, { kind: Kind }>;

/**
 * Carries a plan out, under the pass lock. It decides nothing. What fails for one instance is reported and keeps nothing
 * from the others.
 */
export async function apply(context: Context, plan: Plan, passLock: HeldLock): Promise<void> {
  const { stateDir } = context.config;
  for (const folder of [stateDir, folderBeside(stateDir)]) removeHalfWritten(folder);
  for (const action of plan) {
    assertHeld(passLock);
    await tidyUp(context, action);
  }
  const left = ask(
    context,
    plan.filter((action) => action.kind === 'stop' || action.kind === 'quiet'),
    passLock,
  );
  assertHeld(passLock);
  const moved = new Set(
    plan
      .filter((action) => action.kind === 'move')
      .filter((action) => !left.has(action.instance) && move(context, action))
      .map(({ instance }) => instance),
  );
  const stayed = plan.filter((action) => action.kind === 'move' && !moved.has(action.instance));
  const isTaken = new Set(stayed.map(({ instance }) => instance));
  await startInstances(
    context,
    plan
      .filter((action) => action.kind === 'start')
      .filter(({ instance }) => !isTaken.has(instance)),
  );
}

/** Does what comes before any asking and starting. */
async function tidyUp(context: Context, action: Action): Promise<void> {
  switch (action.kind) {
    case 'adopt':
    case 'repair':
    case 'forget':
    case 'tidy':
    case 'resume':
    case 'dump':
      orWarn(context, action, () => {
        act(context, action);
      });
      return;
    case 'kill':
      await kill(context, action);
      return;
    case 'leftovers':
      await (await import('./tell-leftovers.ts')).dealWithLeftovers(context, action);
      return;
    case 'stop':
    case 'quiet':
    case 'move':
    case 'start':
      return; // all together, afterwards
    case 'rotate':
      return; // beside the passes: rotate-logs.ts
  }
}

function act(
  context: Context,
  action: Of<'adopt'> | Of<'repair'> | Of<'forget'> | Of<'tidy'> | Of<'resume'> | Of<'dump'>,
): void {
  switch (action.kind) {
    case 'adopt':
      adopt(context, action);
      return;
    case 'repair':
      repair(context, action);
      return;
    case 'forget':
      forget(context, action);
      return;
    case 'tidy':
      tidy(context, action);
      return;
    case 'resume':
      resume(context, action);
      return;
    case 'dump':
      dump(context, action);
      return;
  }
}

/** A lock that is no kernel lock can be lost; then somebody else is at work, and we must stop. */
function assertHeld({ compromised }: HeldLock): void {
  if (compromised.aborted)
    throw new WorkerctlError(
      'locked',
      'the pass lock was lost to another pass; stopped half way, the next pass goes on',
    );
}

/**
 * The record first: a process that has one is not started beside. What it shows only once, such as a line in its log, it
 * may have shown long ago: it counts as ready. A successor is as ready as its predecessor.
 */
function adopt(context: Context, action: Of<'adopt'>): void {
  const { instance, process, shim, start, heirOf, cause } = action;
  const { config, hostName } = context;
  const worker = workerOf(config, instance);
  const launch = launchOf(worker, instance, config.stateDir, hostName);
  // Before the record, which is what makes it the instance's process: until then all of this can be done again.
  if (heirOf !== undefined) inherit(config.stateDir, instance, heirOf.start, start);
  else if (worker.ready.kind !== 'after' && worker.ready.kind !== 'command')
    noteReady(config.stateDir, instance, start);
  writeRecord(config.stateDir, {
    pid: process.pid,
    startTime: process.startTime,
    bootId: process.bootId,
    instance,
    start,
    shimPid: shim?.pid ?? 0,
    startedAt: startedAt(process),
    commandDigest: digestOf(launch),
    stopSignal: launch.stopSignal,
    log: { path: launch.logFile, offset: 0 },
  });
  // Of a launch that had failed when the process came up after all, or of the predecessor.
  if (shim === undefined) removeFile(exitPath(config.stateDir, instance));
  if (launch.daemonizes === undefined) writePidfile(launch.pidfile, process.pid);
  if (heirOf !== undefined) removeFile(heirPath(config.stateDir, instance));
  report(context, instance, { kind: 'adopted', pid: process.pid, cause });
}

/** A successor is as ready as its predecessor was, and beats by sd_notify(3): the heartbeat file was the predecessor's. */
function inherit(stateDir: string, instance: string, from: string, to: string): void {
  awaitNotify(stateDir, instance, to);
  if (wasSeenReady(stateDir, instance, from)) noteReady(stateDir, instance, to);
}

function repair(context: Context, { instance, pid, cause }: Of<'repair'>): void {
  writePidfile(pidfilePath(context, instance), pid);
  report(context, instance, { kind: 'repaired', pid, cause });
}

function forget(context: Context, { instance, cause }: Of<'forget'>): void {
  removeFile(pidfilePath(context, instance));
  report(context, instance, { kind: 'forgotten', cause });
}

const pidfilePath = ({ config, hostName }: Context, instance: string): string =>
  pidfileOf(workerOf(config, instance), instance, hostName);

/** An old process that left beside its replacement: how it died is told, and its files go. */
function tidy(context: Context, { instance: name, cause }: Of<'tidy'>): void {
  const { stateDir } = context.config;
  const record = readRecord(stateDir, name);
  if (record.kind === 'absent') return;
  if (record.kind === 'read') reportDeparture(context, name, observe(context, [name]));
  else report(context, name, { kind: 'warning', problem: `its files are removed: ${cause}` });
  removeFilesOf(stateDir, name, startInLeaving(name));
}

/** The signal first: a process that is told twice to go on only goes on. */
function resume(context: Context, { instance, process, signal }: Of<'resume'>): void {
  const { stateDir } = context.config;
  if (findProcess(process) === undefined) return;
  sendSignal(process.pid, signal);
  effect();
  removeFile(quietPath(stateDir, instance));
  report(context, instance, { kind: 'resumed', pid: process.pid, signal });
}

/** Noted first: it is told once. */
function dump(context: Context, { instance, process, signal, cause }: Of<'dump'>): void {
  const { stateDir } = context.config;
  if (findProcess(process) === undefined) return;
  const deadline = sinceBoot();
  writeDump(stateDir, instance, { process, sent: true, signal, at: now(), cause, deadline });
  sendSignal(process.pid, signal);
  effect();
  report(context, instance, { kind: 'dumped', pid: process.pid, signal, cause });
}

async function kill(context: Context, action: Of<'kill'>): Promise<void> {
  const { instance, process, heir, job, isWatchdog, cause } = action;
  const { pid } = process;
  orWarn(context, action, () => {
    noteKilling(context, action);
  });
  const outcome = await killSession(process, heir);
  switch (outcome.kind) {
    case 'killed':
      report(context, instance, {
        kind: 'killed',
        pid,
        processes: outcome.pids.length,
        ...(job !== undefined && { job }),
        ...(isWatchdog === true && { isWatchdog }),
        cause,
      });
      return;
    case 'denied':
      report(context, instance, { kind: 'ask_failed', pid, reason: 'it belongs to another user' });
      return;
    case 'gone':
      return;
  }
}

/** First, so that its death is known to be no accident. */
function noteKilling(
  { config }: Context,
  { instance, process, cause, isWatchdog }: Of<'kill'>,
): void {
  const note = { process, at: now(), cause, isWatchdog: isWatchdog === true };
  writeKilling(config.stateDir, instance, note);
}

/** Lets a process that was asked leave beside its replacement; whether that was done. */
function move(context: Context, action: Of<'move'>): boolean {
  const { instance, process, start } = action;
  return orWarn(context, action, () => {
    moveAside(context.config.stateDir, instance, start);
    report(context, instance, { kind: 'moved', pid: process.pid });
  });
}

/**
 * Notes each stop, then sends all the signals at once. Whose stop cannot be noted is not asked.
 * @returns those that were not asked after all
 */
function ask(
  context: Context,
  asked: readonly (Of<'stop'> | Of<'quiet'>)[],
  passLock: HeldLock,
): Set<string> {
  const noted = asked.filter((action) => tryToNote(context, action));
  const { stateDir } = context.config;
  const answers = askToFinish(
    noted.map(({ kind, instance, process, signal }) => ({
      process,
      signal,
      stopFile: (kind === 'stop' ? stopPath : quietPath)(stateDir, instance),
    })),
    passLock.fd,
  );
  effect();
  noted.forEach((action, index) => {
    reportAsked(context, action, answers[index] ?? 'gone');
  });
  const sent = new Set(
    noted.filter((_, index) => answers[index] === 'sent').map(({ instance }) => instance),
  );
  return new Set(asked.map(({ instance }) => instance).filter((name) => !sent.has(name)));
}

function tryToNote(context: Context, action: Of<'stop'> | Of<'quiet'>): boolean {
  try {
    note(context, action);
    return true;
  } catch (error) {
    const reason = `that it is asked cannot be noted: ${describeErrno(error)}`;
    report(context, action.instance, { kind: 'ask_failed', pid: action.process.pid, reason });
    return false;
  }
}

function note({ config: { stateDir } }: Context, action: Of<'stop'> | Of<'quiet'>): void {
  const { instance, process, signal, limit, cause } = action;
  const before = readQuiet(stateDir, instance);
  // Whoever was made quiet in order to leave has been on his way out since then.
  const prelude =
    before.kind === 'read' && before.value.isPrelude && isSameProcess(before.value.process, process)
      ? before.value
      : undefined;
  const deadline =
    prelude?.deadline ?? (limit === undefined ? undefined : durationOf(sinceBoot() + limit));
  const at = prelude?.at ?? now();
  const stop = { process, sent: false, signal, at, cause, ...(deadline && { deadline }) };
  if (action.kind === 'stop')
    writeStop(stateDir, instance, {
      ...stop,
      ...(action.isRecycle === true && { isRecycle: true }),
    });
  else writeQuiet(stateDir, instance, { ...stop, isPrelude: action.isPrelude });
}

function reportAsked(context: Context, action: Of<'stop'> | Of<'quiet'>, answer: Asked): void {
  const { instance, cause } = action;
  const { pid } = action.process;
  switch (answer) {
    case 'sent':
      if (action.kind === 'stop') {
        const { signal, limit } = action;
        const limited = limit === undefined ? {} : { limit };
        report(context, instance, { kind: 'asked', pid, signal, ...limited, cause });
      } else {
        const { signal, isPrelude } = action;
        report(context, instance, { kind: 'quieted', pid, signal, isPrelude, cause });
      }
      return;
    case 'denied':
      report(context, instance, { kind: 'ask_failed', pid, reason: 'it belongs to another user' });
      return;
    case 'gone':
      return; // it died by itself: the next look at it tells how
  }
}

/** Does it, or reports why it could not be done; whether it was done. */
function orWarn(context: Context, { kind, instance }: Action, act: () => void): boolean {
  try {
    act();
    return true;
  } catch (error) {
    report(context, instance, {
      kind: 'warning',
      problem: `${kind} failed: ${describeErrno(error)}`,
    });
    return false;
  }
}
