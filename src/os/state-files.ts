import {
  constants,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  statSync,
  unlinkSync,
} from 'node:fs';
import * as z from 'zod/mini';
import { WorkerctlError } from '../core/error.ts';
import type { PidfileState } from '../core/observation.ts';
import { isSameProcess, type ProcessIdentity } from '../core/process.ts';
import { instanceOf, isLeaving, leavingName } from '../core/leaving.ts';
import {
  launchProblems,
  type Death,
  type Killing,
  type ProcessRecord,
  type Quieting,
  type Stop,
} from '../core/record.ts';
import { durationOf, momentOf, type Duration, type Moment } from '../core/time.ts';
import { quietSignals, stopSignals, type StopSignal } from '../core/worker.ts';
import { effect } from './fault-point.ts';
import { writeFileAtomically } from './atomic-file.ts';
import { describeErrno, errnoOf } from './errno.ts';
import { once } from './once.ts';

/** A file of the state directory: not there, understood, or broken (`problem` says how, in words). */
export type StateFile<T> =
  | { readonly kind: 'absent' }
  | { readonly kind: 'read'; readonly value: T }
  | { readonly kind: 'broken'; readonly problem: string };

interface RecordJson {
  readonly pid: number;
  readonly start_time: number;
  readonly boot_id: string;
  readonly instance: string;
  readonly start: string;
  readonly shim_pid: number;
  readonly started_at: number;
  readonly release?: string;
  readonly command_digest: string;
  readonly launch_timeout?: number;
  readonly stop_signal: StopSignal;
  readonly log: { readonly path: string; readonly offset: number };
}

const signals: ReadonlySet<unknown> = new Set(stopSignals);

/** By hand, since each instance's record is read on every `status`: zod takes 30 µs for one. */
function isRecord(value: unknown): value is RecordJson {
  if (typeof value !== 'object' || value === null) return false;
  const record = value as Partial<Record<keyof RecordJson, unknown>>;
  return (
    isCount(record.pid) &&
    record.pid !== 0 &&
    isCount(record.start_time) &&
    isCount(record.shim_pid) &&
    typeof record.boot_id === 'string' &&
    typeof record.instance === 'string' &&
    typeof record.start === 'string' &&
    (record.release === undefined || typeof record.release === 'string') &&
    typeof record.command_digest === 'string' &&
    Number.isFinite(record.started_at) &&
    (record.launch_timeout === undefined || Number.isFinite(record.launch_timeout)) &&
    signals.has(record.stop_signal) &&
    isLogPlace(record.log)
  );
}

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;

const isLogPlace = (log: unknown): boolean =>
  typeof log === 'object' &&
  log !== null &&
  typeof (log as RecordJson['log']).path === 'string' &&
  Number.isFinite((log as RecordJson['log']).offset);

const stopSchema = once(() =>
  z.object({
    sent: z.boolean(),
    pid: z.int().check(z.positive()),
    start_time: z.int().check(z.nonnegative()),
    boot_id: z.string(),
    signal: z.enum(quietSignals),
    at: z.number(),
    cause: z.string(),
    deadline: z.optional(z.number()),
    is_prelude: z.optional(z.boolean()),
    is_recycle: z.optional(z.boolean()),
  }),
);

const killingSchema = once(() =>
  z.object({
    pid: z.int().check(z.positive()),
    start_time: z.int().check(z.nonnegative()),
    boot_id: z.string(),
    at: z.number(),
    cause: z.string(),
    is_watchdog: z.boolean(),
  }),
);

const exitSchema = once(() =>
  z.object({
    start: z.string(),
    status: z.optional(z.int()),
    signal: z.optional(z.int()),
    core: z.optional(z.boolean()),
    oom: z.optional(z.boolean()),
    launch: z.optional(z.enum(launchProblems)),
  }),
);

const heirSchema = once(() =>
  z.object({
    start: z.string(),
    pid: z.int().check(z.positive()),
    start_time: z.int().check(z.nonnegative()),
    boot_id: z.string(),
  }),
);

/** Longer texts were not written by workerctl. */
const maxLength = 1024 * 1024;

const fileOf = (stateDir: string, instance: string, kind: string): string =>
  `${stateDir}/${instance}.${kind}`; // path.join takes longer than reading the file

/** Where a shim writes what a rename then publishes, and where that is kept whose coming must not change the directory's time. */
export const folderBeside = (stateDir: string): string => `${stateDir}/.new`;

export const recordPath = (stateDir: string, instance: string): string =>
  fileOf(stateDir, instance, 'json');
export const stopPath = (stateDir: string, instance: string): string =>
  fileOf(stateDir, instance, 'stop');
export const exitPath = (stateDir: string, instance: string): string =>
  fileOf(stateDir, instance, 'exit');
export const lockPath = (stateDir: string, instance: string): string =>
  fileOf(stateDir, instance, 'lock');
export const quietPath = (stateDir: string, instance: string): string =>
  fileOf(stateDir, instance, 'quiet');
/** That the process was told to write down what it is doing. */
export const dumpPath = (stateDir: string, instance: string): string =>
  fileOf(stateDir, instance, 'dump');
/** What the last dead process of an instance has left behind in its session. */
export const leftPath = (stateDir: string, instance: string): string =>
  fileOf(stateDir, instance, 'left');
/** That the process is about to be killed by us. */
export const killingPath = (stateDir: string, instance: string): string =>
  fileOf(stateDir, instance, 'kill');
export const readyPath = (stateDir: string, instance: string): string =>
  fileOf(stateDir, instance, 'ready');
/** Whom the process has named as its successor. */
export const heirPath = (stateDir: string, instance: string): string =>
  fileOf(stateDir, instance, 'heir');
/**
 * What the process of this start may touch or write to. An old process that is leaving keeps its own. In a folder of their
 * own: whoever watches the state directory is not to be woken by each beat.
 */
export const heartbeatPath = (stateDir: string, instance: string, start: string): string =>
  `${stateDir}/${heartbeatName(instance, start)}`;

/** The heartbeat file as `listStateFiles` names it. */
export const heartbeatName = (instance: string, start: string): string =>
  heartbeatFile(`${instanceOf(instance)}.${start}`);

/** A file in the folder of heartbeats, as `listStateFiles` names it. */
export const heartbeatFile = (file: string): string => `${heartbeats}/${file}`;

const heartbeats = 'heartbeats';

export const heartbeatFolder = (stateDir: string): string => `${stateDir}/${heartbeats}`;

/** Where the shim's shell tells of a death by signal. */
export const shimNotesPath = (stateDir: string, instance: string): string =>
  fileOf(stateDir, instance, 'shim');

/**
 * The names of all instances of which there is a record.
 * @throws WorkerctlError `state` (exit code 73) when the directory cannot be read
 */
export const recordedInstances = (stateDir: string): string[] => [
  ...listStateFiles(stateDir).recorded,
];

/** What there is in the state directory. */
export interface StateFiles {
  /** The names of the instances of which there is a record. */
  readonly recorded: readonly string[];
  /** The files of the kinds that most instances have none of, and of the folder of heartbeats. */
  readonly notes: ReadonlySet<string>;
}

/**
 * Lists the state directory.
 * @throws WorkerctlError `state` (exit code 73) when the directory cannot be read
 */
export function listStateFiles(stateDir: string): StateFiles {
  const recorded: string[] = [];
  const notes = new Set<string>();
  for (const file of namesIn(stateDir)) {
    if (file.endsWith('.json')) {
      const name = file.slice(0, -'.json'.length);
      if (/^[\w-]+\.[\w-]+(?:~[\w-]+)?$/.test(name)) recorded.push(name);
    } else if (noteKinds.test(file)) notes.add(file);
    else if (file === heartbeats) for (const beat of heartbeatFiles(stateDir)) notes.add(beat);
  }
  return { recorded, notes };
}

/** The files of the folder of heartbeats, as `listStateFiles` names them. */
export const heartbeatFiles = (stateDir: string): string[] =>
  namesIn(heartbeatFolder(stateDir)).map(heartbeatFile);

/** Whether a file of `notes` lies in the folder of heartbeats. */
export const isHeartbeatFile = (note: string): boolean => note.startsWith(`${heartbeats}/`);

const noteKinds = /\.(?:stop|quiet|ready|dump|kill|left|heir)$/;

function namesIn(stateDir: string): string[] {
  try {
    return readdirSync(stateDir);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw new WorkerctlError(
      'state',
      `state directory ${stateDir}: cannot be read: ${describeErrno(error)}`,
      {
        hint: 'run workerctl as the user who owns it, or set state_dir in the config',
        cause: error,
      },
    );
  }
}

/** The record of an instance's last process. */
export function readRecord(stateDir: string, instance: string): StateFile<ProcessRecord> {
  const path = recordPath(stateDir, instance);
  const file = readChecked(
    path,
    (value) => (isRecord(value) ? value : undefined),
    'the record of a process',
  );
  if (file.kind !== 'read') return file;
  const { value } = file;
  if (isOf(value, instance)) return { kind: 'read', value: recordOf(value) };
  return {
    kind: 'broken',
    problem: `${path}: expected the record of ${instanceOf(instance)}, found that of ${JSON.stringify(value.instance)}`,
  };
}

/** The record that a JSON value is, if it is that of this instance. */
export const parseRecord = (value: unknown, instance: string): ProcessRecord | undefined =>
  isRecord(value) && isOf(value, instance) ? recordOf(value) : undefined;

const isOf = (record: RecordJson, name: string): boolean => record.instance === instanceOf(name);

function recordOf(json: RecordJson): ProcessRecord {
  const record: { -readonly [Key in keyof ProcessRecord]: ProcessRecord[Key] } = {
    pid: json.pid, // spelt out: to spread an object takes a microsecond
    startTime: json.start_time,
    bootId: json.boot_id,
    instance: json.instance,
    start: json.start,
    shimPid: json.shim_pid,
    startedAt: momentOf(json.started_at),
    commandDigest: json.command_digest,
    stopSignal: json.stop_signal,
    log: json.log,
  };
  if (json.release !== undefined) record.release = json.release;
  if (json.launch_timeout !== undefined)
    record.launch = { timeout: durationOf(json.launch_timeout) };
  return record;
}

/** The part of a record that is known before the process is: JSON members without braces, for the shim. */
export function recordMembers(
  record: Omit<ProcessRecord, 'pid' | 'startTime' | 'shimPid' | 'launch'>,
): string {
  return JSON.stringify({
    boot_id: record.bootId,
    instance: record.instance,
    start: record.start,
    started_at: record.startedAt,
    release: record.release,
    command_digest: record.commandDigest,
    stop_signal: record.stopSignal,
    log: record.log,
  }).slice(1, -1);
}

/** A record as it lies in its file, but for what it says of a launch. */
export function recordText(record: ProcessRecord): string {
  const known = { pid: record.pid, start_time: record.startTime, shim_pid: record.shimPid };
  return `${JSON.stringify(known).slice(0, -1)},${recordMembers(record)}}`;
}

/** Writes the record of a process that lost it. */
export function writeRecord(stateDir: string, record: ProcessRecord): void {
  writeFileAtomically(recordPath(stateDir, record.instance), `${recordText(record)}\n`);
  effect();
}

/** Whether, and how, an instance's process was asked to finish. */
export const readStop = (stateDir: string, instance: string): StateFile<Stop> =>
  readNote(stopPath(stateDir, instance), 'a stop');

/** Whether, and how, an instance's process was asked to take no new job. */
export const readQuiet = (stateDir: string, instance: string): StateFile<Quieting> =>
  readNote(quietPath(stateDir, instance), 'a note that a process was made quiet');

function readNote(path: string, what: string): StateFile<Quieting> {
  // Mostly there is none, and to catch an error takes longer than to ask.
  if (!existsSync(path)) return { kind: 'absent' };
  const file = readJson(path, stopSchema, what);
  if (file.kind !== 'read') return file;
  const { sent, signal, at, cause, deadline } = file.value;
  const { is_prelude: isPrelude = false, is_recycle: isRecycle = false } = file.value;
  return {
    kind: 'read',
    value: {
      process: identityIn(file.value),
      sent,
      signal,
      at: momentOf(at),
      cause,
      ...(deadline !== undefined && { deadline: durationOf(deadline) }),
      ...(isRecycle && { isRecycle }),
      isPrelude,
      ...(isRecycle && { isRecycle }),
    },
  };
}

/** Notes that a process is about to be asked to finish. */
export function writeStop(stateDir: string, instance: string, stop: Stop): void {
  writeNote(stopPath(stateDir, instance), stop, {});
}

/** Notes that a process is about to be asked to take no new job. */
export function writeQuiet(stateDir: string, instance: string, quiet: Quieting): void {
  writeNote(quietPath(stateDir, instance), quiet, { is_prelude: quiet.isPrelude });
}

/** `sent` comes first: signal.sh writes over it. */
function writeNote(path: string, note: Stop, more: object): void {
  const { process, sent, signal, at, cause, deadline, isRecycle } = note;
  const json = {
    sent,
    pid: process.pid,
    start_time: process.startTime,
    boot_id: process.bootId,
    signal,
    at,
    cause,
    deadline,
    is_recycle: isRecycle,
    ...more,
  };
  writeStateFile(path, `${JSON.stringify(json)}\n`);
}

/** That the process with this record was killed by us, and why. */
export function readKilling(
  stateDir: string,
  instance: string,
  process: ProcessIdentity,
): Killing | undefined {
  const path = killingPath(stateDir, instance);
  if (!existsSync(path)) return undefined;
  const file = readJson(path, killingSchema, 'a note of a kill');
  if (file.kind !== 'read') return undefined;
  const { at, cause, is_watchdog: isWatchdog } = file.value;
  const killed = identityIn(file.value);
  if (!isSameProcess(killed, process)) return undefined;
  return { process: killed, at: momentOf(at), cause, isWatchdog };
}

/** Notes that a process is about to be killed. */
export function writeKilling(stateDir: string, instance: string, killing: Killing): void {
  const { process, at, cause, isWatchdog } = killing;
  const { pid, startTime: start_time, bootId: boot_id } = process;
  const json = { pid, start_time, boot_id, at, cause, is_watchdog: isWatchdog };
  writeStateFile(killingPath(stateDir, instance), `${JSON.stringify(json)}\n`);
}

/** That a process was told to write down what it is doing. */
export const readDumpNote = (stateDir: string, instance: string): StateFile<Stop> =>
  readNote(dumpPath(stateDir, instance), 'a note of a dump');

/** When the process with this record was told to write down what it is doing, since the boot of the host. */
export function readDump(
  stateDir: string,
  instance: string,
  process: ProcessIdentity,
): Duration | undefined {
  const file = readDumpNote(stateDir, instance);
  return file.kind === 'read' && isSameProcess(file.value.process, process)
    ? file.value.deadline
    : undefined;
}

/** Notes that a process is told to write down what it is doing, at this moment since the boot of the host. */
export function writeDump(stateDir: string, instance: string, dump: Stop): void {
  writeNote(dumpPath(stateDir, instance), dump, {});
}

/** What is known of what a dead process has left behind. */
export interface LeftNote {
  /** The dead one. */
  readonly process: ProcessIdentity;
  /** When it died, since the boot of the host, where that is known. */
  readonly diedAt?: Duration;
  /** Who was there when it was looked for and told; undefined: nobody has looked yet. */
  readonly members?: readonly { readonly pid: number; readonly startTime: number }[];
}

const leftSchema = once(() =>
  z.object({
    pid: z.int().check(z.positive()),
    start_time: z.int(),
    boot_id: z.string(),
    died_at: z.optional(z.number()),
    members: z.optional(z.array(z.tuple([z.int(), z.int()]))),
  }),
);

/** What is noted of what the last dead process of an instance has left behind; undefined: nothing. */
export function readLeft(stateDir: string, instance: string): LeftNote | undefined {
  const path = leftPath(stateDir, instance);
  if (!existsSync(path)) return undefined;
  const file = readJson(path, leftSchema, 'a note of what a process has left');
  if (file.kind !== 'read') return undefined;
  const { died_at: diedAt, members } = file.value;
  return {
    process: identityIn(file.value),
    ...(diedAt !== undefined && { diedAt: durationOf(diedAt) }),
    ...(members && { members: members.map(([pid, startTime]) => ({ pid, startTime })) }),
  };
}

/** Notes what a dead process has left behind, or that this is still to be looked for. */
export function writeLeft(stateDir: string, instance: string, note: LeftNote): void {
  const { process, diedAt, members } = note;
  const json = {
    pid: process.pid,
    start_time: process.startTime,
    boot_id: process.bootId,
    died_at: diedAt,
    members: members?.map(({ pid, startTime }) => [pid, startTime]),
  };
  writeFileAtomically(leftPath(stateDir, instance), `${JSON.stringify(json)}\n`);
  effect();
}

/** The process that the one of this start has named as its successor. */
export function readHeir(
  stateDir: string,
  instance: string,
  start: string,
): ProcessIdentity | undefined {
  const path = heirPath(stateDir, instance);
  if (!existsSync(path)) return undefined;
  const file = readJson(path, heirSchema, 'a successor');
  return file.kind === 'read' && file.value.start === start ? identityIn(file.value) : undefined;
}

/** Notes whom the process of this start has named as its successor. */
export function writeHeir(
  stateDir: string,
  instance: string,
  start: string,
  { pid, startTime, bootId }: ProcessIdentity,
): void {
  const json = { start, pid, start_time: startTime, boot_id: bootId };
  writeFileAtomically(heirPath(stateDir, instance), `${JSON.stringify(json)}\n`);
}

/** Whether the process of this start was seen ready. */
export function wasSeenReady(stateDir: string, instance: string, start: string): boolean {
  const path = readyPath(stateDir, instance);
  if (!existsSync(path)) return false;
  const text = readText(path);
  return text.kind === 'read' && text.value.trim() === start;
}

/** Notes that the process of this start is ready. Whoever sees it may note it. */
export function noteReady(stateDir: string, instance: string, start: string): void {
  writeStateFile(readyPath(stateDir, instance), `${start}\n`);
}

/**
 * Keeps the files of an instance's process under another name, so that its place is free. The record goes last, in one
 * step: until then the process is the instance's, with all that was noted of it, and this can be done again.
 */
export function moveAside(stateDir: string, instance: string, start: string): void {
  const name = leavingName(instance, start);
  for (const path of [stopPath, quietPath, readyPath, killingPath]) {
    ifThere(() => {
      copyFileSync(path(stateDir, instance), path(stateDir, name));
      effect();
    });
  }
  for (const path of [shimNotesPath, lockPath, recordPath]) {
    ifThere(() => {
      renameSync(path(stateDir, instance), path(stateDir, name));
      effect();
    });
  }
}

function ifThere(act: () => void): void {
  try {
    act();
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}

/** Removes all files of an old process that has left. */
export function removeFilesOf(stateDir: string, name: string, start: string): void {
  const heartbeat = heartbeatPath(stateDir, name, start);
  removeHeartbeat(heartbeat);
  // The record last: while it is there, this can be done again.
  for (const path of [
    stopPath,
    quietPath,
    readyPath,
    killingPath,
    leftPath,
    exitPath,
    shimNotesPath,
    lockPath,
    recordPath,
  ])
    removeFile(path(stateDir, name));
}

/** What the shim reported, under this name, of the death of the process with this record; undefined: nothing. */
export function readDeath(
  stateDir: string,
  name: string,
  record: ProcessRecord,
): { death: Death; at: Moment } | undefined {
  const death = reportedDeath(exitPath(stateDir, name), record);
  if (death !== undefined || !isLeaving(name)) return death;
  // It left just when it was moved aside: its shim reported under the instance's own name.
  return reportedDeath(exitPath(stateDir, instanceOf(name)), record);
}

/** What a shim has reported, whatever start it is of. */
export const readExit = (stateDir: string, name: string): StateFile<unknown> =>
  readExitFile(exitPath(stateDir, name));

const readExitFile = (path: string) => readJson(path, exitSchema, 'an exit report');

function reportedDeath(
  path: string,
  record: ProcessRecord,
): { death: Death; at: Moment } | undefined {
  const file = readExitFile(path);
  if (file.kind !== 'read' || file.value.start !== record.start) return undefined;
  const { status, signal, core, oom, launch } = file.value;
  const at = momentOf(
    Math.round(statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? record.startedAt),
  );
  if (signal !== undefined)
    return { death: signalled(signal, core, oom === true ? 'likely' : undefined), at };
  if (launch !== undefined) return { death: { kind: 'unlaunched', found: launch }, at };
  if (status !== undefined) return { death: { kind: 'exited', status }, at };
  return undefined;
}

/** A death by signal as the shim, or the intent, has it. */
export const signalled = (
  signal: number,
  core = false,
  outOfMemory?: 'certain' | 'likely',
): Death => ({
  kind: 'signalled',
  signal,
  coreDumped: core,
  ...(outOfMemory && { outOfMemory }),
});

/** Moves such a report to where the old process is kept now: the instance's place is about to be another one's. */
export function keepDeathOfLeaving(stateDir: string, instance: string): void {
  const path = exitPath(stateDir, instance);
  const file = readJson(path, exitSchema, 'an exit report');
  if (file.kind !== 'read') return;
  const name = leavingName(instance, file.value.start);
  if (existsSync(recordPath(stateDir, name))) renameSync(path, exitPath(stateDir, name));
}

/** What a pidfile holds. */
export function readPidfile(path: string): PidfileState {
  const text = readText(path);
  if (text.kind === 'absent') return text;
  if (text.kind === 'broken') return { kind: 'broken', found: text.problem };
  const trimmed = text.value.trim();
  if (/^[1-9]\d{0,9}$/.test(trimmed)) return { kind: 'holds', pid: Number(trimmed) };
  return {
    kind: 'broken',
    found: trimmed === '' ? 'an empty file' : JSON.stringify(trimmed.slice(0, 40)),
  };
}

/** Writes a process's pid and a newline, and nothing else. */
export const writePidfile = (path: string, pid: number): void => {
  writeFileAtomically(path, `${pid}\n`);
  effect();
};

/** Removes a heartbeat file and what stands beside it. */
export function removeHeartbeat(path: string): void {
  for (const end of ['', '.notify', '.status']) removeFile(path + end);
}

/** What a process has last said of itself by sd_notify(3); undefined: nothing. */
export function readSaidStatus(stateDir: string, name: string, start: string): string | undefined {
  const text = readText(`${heartbeatPath(stateDir, name, start)}.status`);
  return text.kind === 'read' ? text.value.trim() || undefined : undefined;
}

/** Keeps what a process says of itself. */
export const writeSaidStatus = (
  stateDir: string,
  name: string,
  start: string,
  text: string,
): void => {
  writeFileAtomically(`${heartbeatPath(stateDir, name, start)}.status`, `${text}\n`);
};

/**
 * Removes a file that has lost its meaning; one that is gone already is no error.
 * @throws WorkerctlError `state` when it is a folder
 */
export const removeFile = (path: string): void => {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return;
  if (stats.isDirectory()) throw folderInPlace(path);
  ifThere(() => {
    unlinkSync(path);
  });
  effect();
};

/**
 * Makes the folder that shims write in. Without it none can publish its worker.
 * @throws WorkerctlError `state` when something else is in its place
 */
export function ensureFolderBeside(stateDir: string): void {
  const path = folderBeside(stateDir);
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return;
  try {
    mkdirSync(path);
  } catch (error) {
    const found =
      errnoOf(error) === 'EEXIST' ? 'something else: move it away' : describeErrno(error);
    throw new WorkerctlError('state', `${path}: expected a folder, found ${found}`, {
      cause: error,
    });
  }
}

/** What to say of a folder where we keep a file: we did not make it, and do not remove what may be in it. */
const folderInPlace = (path: string): WorkerctlError =>
  new WorkerctlError('state', `${path}: expected a file, found a folder: move it away`);

/** Writes a file of the state directory; a system error would not say which one it is where a folder is in its place. */
function writeStateFile(path: string, text: string): void {
  try {
    writeFileAtomically(path, text);
  } catch (error) {
    throw errnoOf(error) === 'EISDIR' ? folderInPlace(path) : error;
  }
  effect();
}

const identityIn = (json: {
  pid: number;
  start_time: number;
  boot_id: string;
}): ProcessIdentity => ({
  pid: json.pid,
  startTime: json.start_time,
  bootId: json.boot_id,
});

/** A JSON file that must be `what`, checked against a schema. */
export const readJson = <S extends z.ZodMiniType>(
  path: string,
  schema: () => S,
  what: string,
): StateFile<z.output<S>> =>
  readChecked(
    path,
    (value) => {
      const parsed = schema().safeParse(value);
      return parsed.success ? parsed.data : undefined;
    },
    what,
  );

function readChecked<T>(
  path: string,
  check: (value: unknown) => T | undefined,
  what: string,
): StateFile<T> {
  const text = readText(path);
  if (text.kind !== 'read') return text;
  const value = check(parseJson(text.value));
  if (value !== undefined) return { kind: 'read', value };
  const found =
    text.value.trim() === '' ? 'an empty file' : JSON.stringify(text.value.slice(0, 40));
  return { kind: 'broken', problem: `${path}: expected ${what}, found ${found}` };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const readOnly = {
  encoding: 'utf8' as const,
  // Node takes a number wherever it takes a flag; its types do not know that here.
  flag: (constants.O_RDONLY | constants.O_NONBLOCK) as unknown as string,
};

/**
 * Never waits, though somebody may have made a FIFO of the file. As UTF-8, since Node opens, reads and closes in one call
 * then: half the time of doing these one by one.
 */
function readText(path: string): StateFile<string> {
  try {
    // Asked first: Node reads whatever there is, up to gigabytes, before it says that it is too much.
    const { size } = statSync(path);
    const value = size > maxLength ? undefined : readFileSync(path, readOnly);
    if (value !== undefined && value.length <= maxLength) return { kind: 'read', value };
    return {
      kind: 'broken',
      problem: `${path}: expected at most ${maxLength} characters, found ${value?.length ?? size}`,
    };
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return { kind: 'absent' };
    return { kind: 'broken', problem: `${path}: ${describeErrno(error)}` };
  }
}
