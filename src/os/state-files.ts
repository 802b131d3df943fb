import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  openSync,
  readFileSync,
  readSync,
  readdirSync,
  rmSync,
  statSync,
} from 'node:fs';
import * as z from 'zod/mini';
import { WorkerctlError } from '../core/error.ts';
import type { PidfileState } from '../core/observation.ts';
import type { ProcessIdentity } from '../core/process.ts';
import type { Death, ProcessRecord, Stop } from '../core/record.ts';
import { momentOf, type Moment } from '../core/time.ts';
import { stopSignals, type StopSignal } from '../core/worker.ts';
import { writeFileAtomically } from './atomic-file.ts';
import { describeErrno, errnoOf } from './errno.ts';

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
  readonly command_digest: string;
  readonly stop_signal: StopSignal;
  readonly log: { readonly path: string; readonly offset: number };
}

const signals: ReadonlySet<unknown> = new Set(stopSignals);

/** By hand, since each instance's record is read on every `status`: zod takes 30 µs for one. */
function isRecord(value: unknown): value is RecordJson {
  if (typeof value !== 'object' || value === null) return false;
  const {
    pid,
    start_time,
    boot_id,
    instance,
    start,
    shim_pid,
    started_at,
    command_digest,
    stop_signal,
    log,
  } = value as Partial<Record<keyof RecordJson, unknown>>;
  return (
    [pid, start_time, shim_pid].every(
      (number) => Number.isSafeInteger(number) && (number as number) >= 0,
    ) &&
    pid !== 0 &&
    [boot_id, instance, start, command_digest].every((text) => typeof text === 'string') &&
    Number.isFinite(started_at) &&
    signals.has(stop_signal) &&
    isLogPlace(log)
  );
}

const isLogPlace = (log: unknown): boolean =>
  typeof log === 'object' &&
  log !== null &&
  typeof (log as RecordJson['log']).path === 'string' &&
  Number.isFinite((log as RecordJson['log']).offset);

const pid = z.int().check(z.positive());
const ticks = z.int().check(z.nonnegative());

const stopSchema = z.object({
  sent: z.boolean(),
  pid,
  start_time: ticks,
  boot_id: z.string(),
  signal: z.enum(stopSignals),
  at: z.number(),
  cause: z.string(),
});

const exitSchema = z.object({
  start: z.string(),
  status: z.optional(z.int()),
  signal: z.optional(z.int()),
  core: z.optional(z.boolean()),
});

/** Files larger than this were not written by workerctl. */
const maxBytes = 1024 * 1024;

const fileOf = (stateDir: string, instance: string, kind: string): string =>
  `${stateDir}/${instance}.${kind}`; // path.join takes longer than reading the file

export const recordPath = (stateDir: string, instance: string): string =>
  fileOf(stateDir, instance, 'json');
export const stopPath = (stateDir: string, instance: string): string =>
  fileOf(stateDir, instance, 'stop');
export const exitPath = (stateDir: string, instance: string): string =>
  fileOf(stateDir, instance, 'exit');
export const lockPath = (stateDir: string, instance: string): string =>
  fileOf(stateDir, instance, 'lock');
/** Where the shim's shell tells of a death by signal. */
export const shimNotesPath = (stateDir: string, instance: string): string =>
  fileOf(stateDir, instance, 'shim');

/**
 * The names of all instances of which there is a record.
 * @throws WorkerctlError `state` (exit code 73) when the directory cannot be read
 */
export function recordedInstances(stateDir: string): string[] {
  try {
    return readdirSync(stateDir)
      .filter((name) => /^[\w-]+\.[\w-]+\.json$/.test(name))
      .map((name) => name.slice(0, -'.json'.length));
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
  if (value.instance !== instance) {
    return {
      kind: 'broken',
      problem: `${path}: expected the record of ${instance}, found that of ${JSON.stringify(value.instance)}`,
    };
  }
  return {
    kind: 'read',
    value: {
      ...identityIn(value),
      instance,
      start: value.start,
      shimPid: value.shim_pid,
      startedAt: momentOf(value.started_at),
      commandDigest: value.command_digest,
      stopSignal: value.stop_signal,
      log: value.log,
    },
  };
}

/** The part of a record that is known before the process is: JSON members without braces, for the shim. */
export function recordMembers(
  record: Omit<ProcessRecord, 'pid' | 'startTime' | 'shimPid'>,
): string {
  return JSON.stringify({
    boot_id: record.bootId,
    instance: record.instance,
    start: record.start,
    started_at: record.startedAt,
    command_digest: record.commandDigest,
    stop_signal: record.stopSignal,
    log: record.log,
  }).slice(1, -1);
}

/** Writes the record of a process that lost it. */
export function writeRecord(stateDir: string, record: ProcessRecord): void {
  const known = { pid: record.pid, start_time: record.startTime, shim_pid: record.shimPid };
  const text = `${JSON.stringify(known).slice(0, -1)},${recordMembers(record)}}\n`;
  writeFileAtomically(recordPath(stateDir, record.instance), text);
}

/** Whether, and how, an instance's process was asked to finish. */
export function readStop(stateDir: string, instance: string): StateFile<Stop> {
  const path = stopPath(stateDir, instance);
  // Mostly there is none, and to catch an error takes longer than to ask.
  if (!existsSync(path)) return { kind: 'absent' };
  const file = readJson(path, stopSchema, 'a stop');
  if (file.kind !== 'read') return file;
  const { sent, signal, at, cause } = file.value;
  return {
    kind: 'read',
    value: { process: identityIn(file.value), sent, signal, at: momentOf(at), cause },
  };
}

/** Notes that a process is about to be asked to finish. `sent` comes first: signal.sh writes over it. */
export function writeStop(stateDir: string, instance: string, stop: Stop): void {
  const { process, sent, signal, at, cause } = stop;
  const json = {
    sent,
    pid: process.pid,
    start_time: process.startTime,
    boot_id: process.bootId,
    signal,
    at,
    cause,
  };
  writeFileAtomically(stopPath(stateDir, instance), `${JSON.stringify(json)}\n`);
}

/** What the shim reported of the death of the process with this record; undefined when it reported none. */
export function readDeath(
  stateDir: string,
  record: ProcessRecord,
): { death: Death; at: Moment } | undefined {
  const path = exitPath(stateDir, record.instance);
  const file = readJson(path, exitSchema, 'an exit report');
  if (file.kind !== 'read' || file.value.start !== record.start) return undefined;
  const { status, signal, core = false } = file.value;
  const at = momentOf(
    Math.round(statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? record.startedAt),
  );
  if (signal !== undefined) return { death: { kind: 'signalled', signal, coreDumped: core }, at };
  if (status !== undefined) return { death: { kind: 'exited', status }, at };
  return undefined;
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
};

/** Removes a file that has lost its meaning; one that is gone already is no error. */
export const removeFile = (path: string): void => {
  rmSync(path, { force: true });
};

const identityIn = (json: {
  pid: number;
  start_time: number;
  boot_id: string;
}): ProcessIdentity => ({
  pid: json.pid,
  startTime: json.start_time,
  bootId: json.boot_id,
});

/** A JSON file that must be `what`, checked against `schema`. */
export const readJson = <S extends z.ZodMiniType>(
  path: string,
  schema: S,
  what: string,
): StateFile<z.output<S>> =>
  readChecked(
    path,
    (value) => {
      const checked = schema.safeParse(value);
      return checked.success ? checked.data : undefined;
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
  const checked = check(parseJson(text.value));
  if (checked !== undefined) return { kind: 'read', value: checked };
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

const buffer = Buffer.allocUnsafe(64 * 1024);

/**
 * Never waits, though somebody may have made a FIFO of the file. One buffer for all: readFileSync asks for the size twice
 * and makes a new one each time.
 */
function readText(path: string): StateFile<string> {
  let fd: number | undefined;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const length = readSync(fd, buffer, 0, buffer.length, 0);
    if (length < buffer.length) return { kind: 'read', value: buffer.toString('utf8', 0, length) };
    const { size } = fstatSync(fd);
    if (size <= maxBytes) return { kind: 'read', value: readFileSync(path, 'utf8') };
    return {
      kind: 'broken',
      problem: `${path}: expected at most ${maxBytes} bytes, found ${size}`,
    };
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return { kind: 'absent' };
    return { kind: 'broken', problem: `${path}: ${describeErrno(error)}` };
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
