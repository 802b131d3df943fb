import type { ChildProcess } from 'node:child_process';
import type * as Crypto from 'node:crypto';
import { closeSync, openSync, realpathSync } from 'node:fs';
import { getPriority } from 'node:os';
import { dirname, join } from 'node:path';
import { WorkerctlError } from '../../core/basics/error.ts';
import { workerPath, type Launch } from '../../core/model/launch.ts';
import { childProcess } from '../process/spawn.ts';
import { now } from '../process/clock.ts';
import { findProgram } from '../process/find-program.ts';
import { buildEnvironment } from './environment.ts';
import { describeErrno } from '../files/errno.ts';
import { faultPoint } from '../files/fault-point.ts';
import type { HeldLock } from '../lock/lock-backend.ts';
import { logSize } from '../logs/tail.ts';
import { memoryKills } from '../process/out-of-memory.ts';
import { renameLog } from '../logs/older.ts';
import { once } from '../files/once.ts';
import { startLogger, type LoggerPlace } from './start-logger.ts';
import { currentBootId } from '../process/process-table.ts';
import { keepDeathOfLeaving } from '../state/exits.ts';
import { removeFilesOf } from '../state/records.ts';
import { readRecord, recordMembers } from '../state/records.ts';
import {
  dumpPath,
  exitPath,
  heartbeatPath,
  successorPath,
  killingPath,
  quietPath,
  readyPath,
  recordedRetiring,
  recordPath,
  shimNotesPath,
  stopPath,
} from '../state/paths.ts';
import { removeFile } from '../files/json-file.ts';
import { makeFolder } from '../files/make-folder.ts';

/** A shim that was started; its worker publishes a record with this `start` before it runs. */
export interface StartedShim {
  readonly instance: string;
  readonly runId: string;
  /** Whether the shim has ended already, which it does only after its worker. */
  readonly hasEnded: () => boolean;
}

/**
 * Starts the shim of an instance, detached, with nothing of ours but the lock, its log and /dev/null. The lock is the
 * shim's from here on.
 * @throws WorkerctlError `failed` when the folder, the log or the program sh is not to be had
 */
export function startShim(
  launch: Launch,
  stateDir: string,
  lock: HeldLock,
  notify: Readonly<Record<string, string>> = {},
): StartedShim {
  const runId = crypto().randomBytes(8).toString('hex');
  const opened: number[] = [];
  const open = (path: string, flags: 'a' | 'w'): number => {
    const fd = openSync(path, flags, flags === 'a' ? 0o666 & ~parseInt(launch.umask, 8) : 0o644);
    opened.push(fd);
    return fd;
  };
  try {
    const directory = attempt(`directory ${launch.directory}`, () =>
      realpathSync(launch.directory),
    );
    const heartbeat = heartbeatPath(stateDir, launch.instance, runId);
    for (const path of [launch.pidfile, launch.logFile, heartbeat]) {
      attempt(`folder ${dirname(path)}`, () => {
        makeFolder(dirname(path));
      });
    }
    putFullLogAside(launch, stateDir);
    const log = attempt(`log ${launch.logFile}`, () => open(launch.logFile, 'a'));
    const notesPath = shimNotesPath(stateDir, launch.instance);
    const notes = attempt(notesPath, () => open(notesPath, 'w'));
    forgetPredecessor(stateDir, launch.instance);
    const environment = buildEnvironment(launch, process.env);
    const output = outputOf(launch, { stateDir, directory, environment, logFd: log });
    if (output !== log) opened.push(output);
    const child = attempt('its command and environment', () =>
      childProcess().spawn('/bin/sh', shimWords(launch, stateDir, runId), {
        cwd: directory,
        env: {
          ...notifyVariables(launch, notify),
          ...environment,
          WORKERCTL_HEARTBEAT_FILE: heartbeat,
          ...shimSettings(launch, runId, environment['PATH']),
        },
        detached: true,
        stdio: ['ignore', output, notes, lock.fd ?? 'ignore'],
      }),
    );
    faultPoint();
    return { instance: launch.instance, runId, hasEnded: endOf(child) };
  } finally {
    for (const fd of opened) closeSync(fd);
  }
}

/** While the place is empty nobody writes to its log: by its name it is put aside in no time, on every file system. */
function putFullLogAside({ instance, logFile, log }: Launch, stateDir: string): void {
  try {
    if (log?.kind !== 'rotated' || logSize(logFile) <= log.maxSize) return;
    const hasRetiring = recordedRetiring(stateDir).some((ref) => ref.instance === instance);
    if (!hasRetiring) renameLog(logFile, log.keep);
  } catch {
    return; // no reason not to start: whoever rotates it later says what is wrong
  }
}

/** Where the worker writes to: its log, or the pipe of its logger, which then runs already. */
function outputOf(launch: Launch, place: LoggerPlace): number {
  const { log } = launch;
  return log?.kind === 'piped' ? startLogger(launch, log.command, place) : place.logFd;
}

/**
 * Whoever hears nobody must not be promised to: some programs end when they cannot say that they are ready. Who forks away
 * leaves the session by which a sender is known.
 */
function notifyVariables(
  { watchdogUsec, daemonizes }: Launch,
  notify: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  if (daemonizes !== undefined) return {};
  return notify['NOTIFY_SOCKET'] === undefined || watchdogUsec === undefined
    ? notify
    : { ...notify, WATCHDOG_USEC: String(watchdogUsec) };
}

const shimWords = (launch: Launch, stateDir: string, runId: string): string[] => [
  join(__dirname, 'shim.sh'),
  launch.daemonizes === undefined ? 'supervise' : 'launch',
  launch.instance,
  stateDir,
  launch.pidfile,
  runId,
  ...niceWords(launch.nice),
  ...launch.command,
];

/** Whole seconds: the shell counts no others. */
const wholeSeconds = (ms: number): string => String(Math.ceil(ms / 1000));

/** What the shim must know besides, kept out of its arguments so that `ps` stays readable. */
const shimSettings = (
  launch: Launch,
  runId: string,
  path = workerPath,
): Record<string, string> => ({
  // The shim's own programs are found whatever the worker's PATH is.
  PATH: workerPath,
  SHIM_PATH: path,
  SHIM_RECORD: recordMembers({
    bootId: currentBootId(),
    instance: launch.instance,
    runId,
    startedAt: now(),
    ...(launch.release !== undefined && { release: launch.release }),
    commandDigest: digestOf(launch),
    stopSignal: launch.stopSignal,
    log: { path: launch.logFile, offset: logSize(launch.logFile) },
  }),
  SHIM_LAUNCHING: launch.daemonizes ? `"launch_timeout":${launch.daemonizes.timeout},` : '',
  SHIM_TIMEOUT: launch.daemonizes ? wholeSeconds(launch.daemonizes.timeout) : '',
  SHIM_UMASK: launch.umask,
  SHIM_LIMITS: launch.limits,
  SHIM_OOM_SCORE_ADJ: String(launch.oomScoreAdj),
  SHIM_OOM: memoryKills(),
  SHIM_SETSID: setsid(),
});

/** Where setsid is: the shim makes the worker its session's leader by it. */
const setsid = once(() => {
  const found = findProgram('setsid', process.env);
  if (found !== undefined) return found;
  throw new WorkerctlError('failed', 'the program setsid is not to be found: install util-linux');
});

/** nice(1) counts from our own priority; without the right to lower it, a worker keeps ours. */
function niceWords(nice: number): string[] {
  const difference = nice - getPriority();
  if (difference === 0 || (difference < 0 && process.geteuid?.() !== 0)) return [];
  return [findProgram('nice', process.env) ?? 'nice', '-n', String(difference)];
}

/** Twelve hexadecimal digits that differ when the command or its folder does. */
export const digestOf = ({ command, directory }: Launch): string =>
  crypto()
    .createHash('sha256')
    .update(JSON.stringify([command, directory]))
    .digest('hex')
    .slice(0, 12);

/**
 * Old reports bear the old start and are ignored anyway; removed, they confuse no human reader. The record first: should we
 * be killed half way, the place is empty. A record without its notes would be of a process that died before it was ready.
 */
function forgetPredecessor(stateDir: string, instance: string): void {
  keepDeathOfLeaving(stateDir, instance);
  const record = readRecord(stateDir, instance);
  if (record.kind === 'read') {
    const { runId } = record.value;
    // Somebody who was to be moved aside may have left before he was.
    removeFilesOf(stateDir, instance, runId);
    removeFile(recordPath(stateDir, instance));
  }
  for (const path of [
    exitPath,
    stopPath,
    quietPath,
    readyPath,
    dumpPath,
    killingPath,
    successorPath,
  ])
    removeFile(path(stateDir, instance));
}

/** Loaded at the first start: it takes 5 ms, which a boot check that has nothing to do does not have. */
const crypto = (): typeof Crypto => process.getBuiltinModule('node:crypto');

function endOf(child: ChildProcess): () => boolean {
  let hasEnded = false;
  const end = (): void => {
    hasEnded = true;
  };
  child.once('exit', end).once('error', end).unref();
  return () => hasEnded;
}

function attempt<T>(what: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw new WorkerctlError('failed', `${what}: ${describeErrno(error)}`, { cause: error });
  }
}
