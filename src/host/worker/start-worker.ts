import { closeSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { WorkerctlError } from '../../core/basics/error.ts';
import { workerPath, type Launch, logFilesIn } from '../../core/model/launch.ts';
import { describeErrno } from '../files/errno.ts';
import { removeFile } from '../files/json-file.ts';
import { makeDirectory } from '../files/make-directory.ts';
import { openNewFile } from '../files/new-file.ts';
import type { HeldLock } from '../lock/lock-file.ts';
import { namesStream, openLog, openProblem } from '../logs/open-log.ts';
import { renameLog } from '../logs/older.ts';
import { logSize } from '../logs/tail.ts';
import { asUserOf, assertUsable, ownerOf, withRights } from '../process/as-user.ts';
import { programProblem } from '../process/program-problem.ts';
import type { ScopeOrder } from '../process/scope.ts';
import { giveBeatPlace } from '../state/beat-place.ts';
import { keepDeathOfRetiring } from '../state/exits.ts';
import {
  dumpPath,
  exitPath,
  heartbeatPath,
  killingPath,
  mayBePresent,
  type Present,
  quietPath,
  readyPath,
  recordedRetiring,
  recordPath,
  shimNotesPath,
  stopPath,
  successorPath,
} from '../state/paths.ts';
import { readRecord, removeFilesOf } from '../state/records.ts';
import { buildEnvironment } from './environment.ts';
import type { Place } from './place.ts';
import {
  groupSettings,
  newRunId,
  notifyVariables,
  shimArguments,
  shimSettings,
} from './shim-call.ts';
import { startLogger, type LoggerPlace } from './start-logger.ts';
import type { Program, StartedProgram } from './starter.ts';

/** A shim that is about to be started; its worker publishes a record with this run id before it runs. */
export interface PreparedShim {
  readonly instance: string;
  readonly runId: string;
  readonly program: Program;
  /** Closes the files that were opened for it: it has its own by now, or is not started. */
  readonly close: () => void;
}

/** A shim that was started. It ends only after its worker. */
export type StartedShim = Pick<PreparedShim, 'instance' | 'runId'> & StartedProgram;

/** Where and how a shim is started. */
export interface StartSite {
  /** The working directory of the worker. */
  readonly place: Place;
  readonly commandDigest: string;
  readonly stateDir: string;
  /** The path of the config. */
  readonly config?: string;
  readonly lock: HeldLock;
  /** When a shutdown ends it, if systemd makes a control group for it. */
  readonly order: ScopeOrder;
  /** The files of the state directory, as they were with this lock in hand. */
  readonly present?: Present;
  /** The variables of sd_notify(3). */
  readonly notify?: Readonly<Record<string, string>>;
}

/**
 * Prepares the start of an instance's shim. It inherits nothing but the lock, which it holds from its start on, the log and
 * /dev/null. What is left of its predecessor is removed.
 * @throws WorkerctlError `failed` if a directory, an env file, the log or the program sh cannot be used
 */
export function prepareShim(
  launch: Launch,
  { place, commandDigest, stateDir, config, lock, order, present, notify = {} }: StartSite,
): PreparedShim {
  const runId = newRunId();
  const opened: number[] = [];
  const keep = (fd: number): number => {
    opened.push(fd);
    return fd;
  };
  const close = (): void => {
    for (const fd of opened) closeSync(fd);
  };
  try {
    assertThere(place, launch);
    assertUsable(launch);
    const base = buildEnvironment(launch, process.env);
    const heartbeat = heartbeatPath(stateDir, launch.instance, runId);
    attempt(`directory ${dirname(heartbeat)}`, () => {
      makeDirectory(dirname(heartbeat));
    });
    asUserOf(launch, () => {
      assertRunnable(launch, place, base['PATH']);
      makeFolders(launch, stateDir);
      putFullLogsAside(launch, stateDir);
    });
    const log = keep(openedAsUser(launch, launch.logFile));
    const { errorFile } = launch;
    const error = errorFile === undefined ? undefined : keep(openedAsUser(launch, errorFile));
    const notesPath = shimNotesPath(stateDir, launch.instance);
    const notes = keep(attempt(notesPath, () => openNewFile(notesPath, 0o644)));
    takeBlock(notes);
    removePredecessor(stateDir, launch, present);
    const output = outputOf(launch, { stateDir, place, environment: base, logFd: log });
    if (output !== log) keep(output);
    const variables = {
      ...notifyVariables(launch, notify),
      ...base,
      WORKERCTL_HEARTBEAT_FILE: beatsFor(heartbeat, launch),
    };
    const started = withRights(launch.command, variables, launch);
    const environment = {
      ...started.environment,
      ...shimSettings(
        launch,
        {
          directory: place.path,
          commandDigest,
          stateDir,
          ...(config !== undefined && { config }),
        },
        runId,
        started.environment['PATH'],
      ),
      ...groupSettings(launch, runId, order),
    };
    const program: Program = {
      file: shell,
      words: [shell, ...shimArguments(launch, stateDir, runId, started.command)],
      environment,
      directory: place.fd,
      // The shim takes 4 for itself.
      files: [undefined, output, notes, lock.fd, undefined, error],
    };
    return { instance: launch.instance, runId, program, close };
  } catch (problem) {
    close();
    throw problem;
  }
}

const shell = '/bin/sh';

function makeFolders({ pidfile, ...files }: Launch, stateDir: string): void {
  for (const folder of [pidfile, ...logFilesIn(files)].map((path) => dirname(path)))
    if (folder !== stateDir)
      attempt(`directory ${folder}`, () => {
        makeDirectory(folder);
      });
}

/** The file for the heartbeats of a run as its worker gets it: a worker of another user has a place of its own. */
function beatsFor(heartbeat: string, launch: Launch): string {
  const owner = ownerOf(launch);
  return owner === undefined
    ? heartbeat
    : attempt(heartbeat, () => giveBeatPlace(heartbeat, owner));
}

/** The output of a container is root's, and the user could not open it. */
const openedAsUser = (launch: Launch, file: string): number =>
  namesStream(file) ? openFor(launch, file) : asUserOf(launch, () => openFor(launch, file));

function openFor({ umask }: Launch, logFile: string): number {
  try {
    return openLog(logFile, 0o666 & ~parseInt(umask, 8));
  } catch (error) {
    throw new WorkerctlError('failed', `log ${logFile}: ${openProblem(logFile, error)}`, {
      cause: error,
    });
  }
}

/** As long as what the shim writes there: by then the disk may be full. The shell writes over it, from the beginning. */
function takeBlock(fd: number): void {
  try {
    writeSync(fd, '\n'.repeat(256), 0);
  } catch {
    return; // full already: if the start needs space, it says so
  }
}

/** A worker would start in a directory that was removed, and fail in ways that are hard to understand. */
function assertThere(place: Place, { directory }: Launch): void {
  if (place.isRemoved())
    throw new WorkerctlError('failed', `directory ${directory}: ${place.path} was just removed`);
}

/** Otherwise a process would be recorded, and its death would say no more than status 127. */
function assertRunnable(
  { command: [program] }: Launch,
  { path: directory }: Place,
  path = workerPath,
): void {
  const problem = program === undefined ? undefined : programProblem(program, { directory, path });
  if (problem !== undefined) throw new WorkerctlError('failed', `command: ${problem}`);
}

/** As long as no process of the instance writes to its logs, renaming is enough, on every file system. */
function putFullLogsAside(launch: Launch, stateDir: string): void {
  for (const file of logFilesIn(launch)) putFullLogAside(launch, file, stateDir);
}

function putFullLogAside({ instance, log }: Launch, logFile: string, stateDir: string): void {
  try {
    if (log?.kind !== 'rotated' || logSize(logFile) <= log.maxSize) return;
    const hasRetiring = recordedRetiring(stateDir).some((ref) => ref.instance === instance);
    if (!hasRetiring) renameLog(logFile, log.keep);
  } catch {
    return; // no reason not to start: the next rotation reports what is wrong
  }
}

/** What the worker writes to: its log, or the pipe of its logger, which is running then. */
function outputOf(launch: Launch, place: LoggerPlace): number {
  const { log } = launch;
  return log?.kind === 'piped' ? startLogger(launch, log.command, place) : place.logFd;
}

/**
 * Files of the old run name its run id and would be ignored; without them the directory is easier to read. The record goes
 * first: if we are killed half way, the place is empty. A record without its notes would mean a process that died before it
 * was ready.
 */
function removePredecessor(
  stateDir: string,
  { instance, pidfile, daemonizes }: Launch,
  present = mayBePresent,
): void {
  if (present.hasRetiring) keepDeathOfRetiring(stateDir, instance);
  const record = readRecord(stateDir, instance);
  // A process that a pass was about to retire may have exited first.
  if (record.kind === 'read') removeFilesOf(stateDir, instance, record.value.runId, present);
  for (const pathOf of [
    recordPath,
    exitPath,
    stopPath,
    quietPath,
    readyPath,
    dumpPath,
    killingPath,
    successorPath,
  ])
    remove(pathOf(stateDir, instance));
  // That of a program that daemonizes may name a process that lives; another directory may be another user's.
  if (daemonizes === undefined && dirname(pidfile) === stateDir) remove(pidfile);

  function remove(path: string): void {
    if (present.has(path)) removeFile(path);
  }
}

function attempt<T>(what: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw new WorkerctlError('failed', `${what}: ${describeErrno(error)}`, { cause: error });
  }
}
