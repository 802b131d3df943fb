import { WorkerctlError } from '../../core/basics/error.ts';
import { launchOf, pidfileOf } from '../../core/model/launch.ts';
import type { Action, Plan } from '../../core/model/plan.ts';
import { isSameProcess } from '../../core/model/process.ts';
import { durationOf } from '../../core/basics/time.ts';
import { removeHalfWritten } from '../../host/files/atomic-file.ts';
import { ledgerFolder } from '../../host/state/ledger-file.ts';
import { startedAt } from '../../host/worker/candidate.ts';
import { now } from '../../host/process/clock.ts';
import { describeErrno } from '../../host/files/errno.ts';
import { faultPoint } from '../../host/files/fault-point.ts';
import { killSession } from '../../host/process/kill-session.ts';
import type { HeldLock } from '../../host/lock/lock-backend.ts';
import { findProcess, sinceBoot } from '../../host/process/process-table.ts';
import { askToFinish, sendSignal, type Asked } from '../../host/process/signal.ts';
import { digestOf } from '../../host/worker/shim-call.ts';
import { awaitNotify } from '../../host/state/heartbeats.ts';
import {
  noteReady,
  readQuiet,
  wasSeenReady,
  writeDump,
  writeKilling,
  writeQuiet,
  writeStop,
} from '../../host/state/notes.ts';
import { writePidfile } from '../../host/state/records.ts';
import { moveAside, removeFilesOf } from '../../host/state/records.ts';
import { readRecord, writeRecord } from '../../host/state/records.ts';
import {
  baseOf,
  stagingFolder,
  exitPath,
  successorPath,
  quietPath,
  stopPath,
} from '../../host/state/paths.ts';
import { removeFile } from '../../host/files/json-file.ts';
import { report, workerOf, type Context } from '../session.ts';
import { reportDeparture } from './report-exit.ts';
import { observe } from '../observe/observe.ts';
import { startInstances } from './start-instances.ts';

type Of<Kind extends Action['kind']> = Extract<Action, { kind: Kind }>;

/**
 * Carries a plan out, under the pass lock. It decides nothing. What fails for one instance is reported and keeps nothing
 * from the others.
 */
export async function apply(context: Context, plan: Plan, passLock: HeldLock): Promise<void> {
  const { stateDir } = context.config;
  for (const folder of [stateDir, stagingFolder(stateDir), ledgerFolder(stateDir)])
    removeHalfWritten(folder);
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
      .filter((action) => action.kind === 'retire')
      .filter((action) => !left.has(action.instance) && move(context, action))
      .map(({ instance }) => instance),
  );
  const stayed = plan.filter((action) => action.kind === 'retire' && !moved.has(action.instance));
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
    case 'write_pidfile':
    case 'remove_pidfile':
    case 'clean_up':
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
      await (await import('./leftovers.ts')).dealWithLeftovers(context, action);
      return;
    case 'stop':
    case 'quiet':
    case 'retire':
    case 'start':
      return; // all together, afterwards
    case 'rotate':
      return; // beside the passes: rotate-logs.ts
  }
}

function act(
  context: Context,
  action:
    | Of<'adopt'>
    | Of<'write_pidfile'>
    | Of<'remove_pidfile'>
    | Of<'clean_up'>
    | Of<'resume'>
    | Of<'dump'>,
): void {
  switch (action.kind) {
    case 'adopt':
      adopt(context, action);
      return;
    case 'write_pidfile':
      repair(context, action);
      return;
    case 'remove_pidfile':
      forget(context, action);
      return;
    case 'clean_up':
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
  const { instance, process, shim, runId, successorOf, cause } = action;
  const { config, hostName } = context;
  const worker = workerOf(config, instance);
  const launch = launchOf(worker, instance, config.stateDir, hostName);
  // Before the record, which is what makes it the instance's process: until then all of this can be done again.
  if (successorOf !== undefined) inherit(config.stateDir, instance, successorOf.runId, runId);
  else if (worker.ready.kind !== 'after' && worker.ready.kind !== 'command')
    noteReady(config.stateDir, instance, runId);
  writeRecord(config.stateDir, {
    pid: process.pid,
    startTime: process.startTime,
    bootId: process.bootId,
    instance,
    runId,
    shimPid: shim?.pid ?? 0,
    startedAt: startedAt(process),
    commandDigest: digestOf(launch),
    stopSignal: launch.stopSignal,
    log: { path: launch.logFile, offset: 0 },
  });
  // Of a launch that had failed when the process came up after all, or of the predecessor.
  if (shim === undefined) removeFile(exitPath(config.stateDir, instance));
  if (launch.daemonizes === undefined) writePidfile(launch.pidfile, process.pid);
  if (successorOf !== undefined) removeFile(successorPath(config.stateDir, instance));
  report(context, instance, { kind: 'adopted', pid: process.pid, cause });
}

/** A successor is as ready as its predecessor was, and beats by sd_notify(3): the heartbeat file was the predecessor's. */
function inherit(stateDir: string, instance: string, from: string, to: string): void {
  awaitNotify(stateDir, instance, to);
  if (wasSeenReady(stateDir, instance, from)) noteReady(stateDir, instance, to);
}

function repair(context: Context, { instance, pid, cause }: Of<'write_pidfile'>): void {
  writePidfile(pidfilePath(context, instance), pid);
  report(context, instance, { kind: 'repaired', pid, cause });
}

function forget(context: Context, { instance, cause }: Of<'remove_pidfile'>): void {
  removeFile(pidfilePath(context, instance));
  report(context, instance, { kind: 'forgotten', cause });
}

const pidfilePath = ({ config, hostName }: Context, instance: string): string =>
  pidfileOf(workerOf(config, instance), instance, hostName);

/** An old process that left beside its replacement: how it died is told, and its files go. */
function tidy(context: Context, action: Of<'clean_up'>): void {
  const { instance, retiring, cause } = action;
  if (retiring === undefined) return;
  const { stateDir } = context.config;
  const record = readRecord(stateDir, baseOf(action));
  if (record.kind === 'absent') return;
  if (record.kind === 'read') reportDeparture(context, action, observe(context, [], [action]));
  else report(context, action, { kind: 'warning', problem: `its files are removed: ${cause}` });
  removeFilesOf(stateDir, instance, retiring);
}

/** The signal first: a process that is told twice to go on only goes on. */
function resume(context: Context, { instance, process, signal }: Of<'resume'>): void {
  const { stateDir } = context.config;
  if (findProcess(process) === undefined) return;
  sendSignal(process.pid, signal);
  faultPoint();
  removeFile(quietPath(stateDir, instance));
  report(context, instance, { kind: 'resumed', pid: process.pid, signal });
}

/** Noted first: it is told once. */
function dump(context: Context, action: Of<'dump'>): void {
  const { process, signal, cause } = action;
  const { stateDir } = context.config;
  if (findProcess(process) === undefined) return;
  writeDump(stateDir, baseOf(action), { process, at: sinceBoot() });
  sendSignal(process.pid, signal);
  faultPoint();
  report(context, action, { kind: 'dumped', pid: process.pid, signal, cause });
}

async function kill(context: Context, action: Of<'kill'>): Promise<void> {
  const { process, successor, job, isWatchdog, cause } = action;
  const { pid } = process;
  orWarn(context, action, () => {
    noteKilling(context, action);
  });
  const outcome = await killSession(process, successor);
  switch (outcome.kind) {
    case 'killed':
      report(context, action, {
        kind: 'killed',
        pid,
        processes: outcome.pids.length,
        ...(job !== undefined && { job }),
        ...(isWatchdog === true && { isWatchdog }),
        cause,
      });
      return;
    case 'denied':
      report(context, action, { kind: 'ask_failed', pid, reason: 'it belongs to another user' });
      return;
    case 'gone':
      return;
  }
}

/** First, so that its death is known to be no accident. */
function noteKilling({ config }: Context, action: Of<'kill'>): void {
  const { process, cause, isWatchdog } = action;
  const note = { process, at: now(), cause, isWatchdog: isWatchdog === true };
  writeKilling(config.stateDir, baseOf(action), note);
}

/** Lets a process that was asked leave beside its replacement; whether that was done. */
function move(context: Context, action: Of<'retire'>): boolean {
  const { instance, process, runId } = action;
  return orWarn(context, action, () => {
    moveAside(context.config.stateDir, instance, runId);
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
  faultPoint();
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
    before.kind === 'read' &&
    before.value.stopsWhenIdle &&
    isSameProcess(before.value.process, process)
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
  else writeQuiet(stateDir, instance, { ...stop, stopsWhenIdle: action.stopsWhenIdle });
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
        const { signal, stopsWhenIdle } = action;
        report(context, instance, { kind: 'quieted', pid, signal, stopsWhenIdle, cause });
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
function orWarn(context: Context, action: Action, act: () => void): boolean {
  try {
    act();
    return true;
  } catch (error) {
    report(context, action, {
      kind: 'warning',
      problem: `${action.kind} failed: ${describeErrno(error)}`,
    });
    return false;
  }
}
