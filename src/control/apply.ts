import { WorkerctlError } from '../core/error.ts';
import { launchOf, pidfileOf } from '../core/launch.ts';
import { startOfStray } from '../core/observation.ts';
import type { Action, Plan } from '../core/plan.ts';
import { now } from '../os/clock.ts';
import type { HeldLock } from '../os/lock/lock-backend.ts';
import { askToFinish, type Asked } from '../os/signal.ts';
import { digestOf } from '../os/start-worker.ts';
import { removeFile, stopPath, writePidfile, writeRecord, writeStop } from '../os/state-files.ts';
import { report, workerOf, type Context } from './context.ts';
import { describeErrno } from '../os/errno.ts';
import { startInstances } from './start-instances.ts';

type Of<Kind extends Action['kind']> = Extract<Action, { kind: Kind }>;

/**
 * Carries a plan out, under the pass lock. It decides nothing. What fails for one instance is reported and keeps nothing
 * from the others.
 */
export async function apply(context: Context, plan: Plan, passLock: HeldLock): Promise<void> {
  for (const action of plan) {
    assertHeld(passLock);
    switch (action.kind) {
      case 'adopt':
        orWarn(context, action.instance, () => {
          adopt(context, action);
        });
        break;
      case 'repair':
        orWarn(context, action.instance, () => {
          repair(context, action);
        });
        break;
      case 'forget':
        orWarn(context, action.instance, () => {
          forget(context, action);
        });
        break;
      case 'stop':
      case 'start':
        break; // all together, below
    }
  }
  ask(
    context,
    plan.filter((action) => action.kind === 'stop'),
    passLock,
  );
  assertHeld(passLock);
  await startInstances(
    context,
    plan.filter((action) => action.kind === 'start'),
  );
}

/** A lock that is no kernel lock can be lost; then somebody else is at work, and we must stop. */
function assertHeld({ compromised }: HeldLock): void {
  if (compromised.aborted)
    throw new WorkerctlError(
      'locked',
      'the pass lock was lost to another pass; stopped half way, the next pass goes on',
    );
}

function adopt(context: Context, { instance, process, shim, cause }: Of<'adopt'>): void {
  const { config, hostName } = context;
  const launch = launchOf(workerOf(config, instance), instance, config.stateDir, hostName);
  writeRecord(config.stateDir, {
    pid: process.pid,
    startTime: process.startTime,
    bootId: process.bootId,
    instance,
    start: startOfStray({ kind: 'stray', process, ...(shim && { shim }) }),
    shimPid: shim?.pid ?? 0,
    startedAt: now(),
    commandDigest: digestOf(launch),
    stopSignal: launch.stopSignal,
    log: { path: launch.logFile, offset: 0 },
  });
  writePidfile(launch.pidfile, process.pid);
  report(context, instance, { kind: 'adopted', pid: process.pid, cause });
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

/** Notes each stop, then sends all the signals at once. Whose stop cannot be noted is not asked. */
function ask(context: Context, stops: readonly Of<'stop'>[], passLock: HeldLock): void {
  const { stateDir } = context.config;
  const noted = stops.filter(({ instance, process, signal, cause }) =>
    orWarn(context, instance, () => {
      writeStop(stateDir, instance, { process, sent: false, signal, at: now(), cause });
    }),
  );
  const answers = askToFinish(
    noted.map(({ instance, process, signal }) => ({
      process,
      signal,
      stopFile: stopPath(stateDir, instance),
    })),
    passLock.fd,
  );
  noted.forEach((action, index) => {
    reportAsked(context, action, answers[index] ?? 'gone');
  });
}

function reportAsked(
  context: Context,
  { instance, process: { pid }, signal, cause }: Of<'stop'>,
  answer: Asked,
): void {
  switch (answer) {
    case 'sent':
      report(context, instance, { kind: 'asked', pid, signal, cause });
      return;
    case 'denied':
      report(context, instance, { kind: 'ask_failed', pid, reason: 'it belongs to another user' });
      return;
    case 'gone':
      return; // it died by itself: the next look at it tells how
  }
}

/** Does it, or reports why it could not be done; whether it was done. */
function orWarn(context: Context, instance: string, act: () => void): boolean {
  try {
    act();
    return true;
  } catch (error) {
    report(context, instance, { kind: 'warning', problem: describeErrno(error) });
    return false;
  }
}
