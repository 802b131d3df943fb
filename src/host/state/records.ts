import { renameSync } from 'node:fs';
import { momentOf, durationOf } from '../../core/basics/time.ts';
import { type StopSignal, stopSignals } from '../../core/model/config.ts';
import type { LogPlace, ProcessRecord } from '../../core/model/record.ts';
import { removeHeartbeat } from './notes.ts';
import { writeFileAtomically } from '../files/atomic-file.ts';
import { readTextUpTo } from '../files/bounded-read.ts';
import { faultPoint } from '../files/fault-point.ts';
import { now } from '../process/clock.ts';
import { statsOf } from '../files/stats-of.ts';
import {
  ifThere,
  quoted,
  checkedJson,
  readText,
  removeFile,
  type StateFile,
  writeStateFile,
} from '../files/json-file.ts';
import * as paths from './paths.ts';
import { silentPaths } from '../process/silent-paths.ts';
import { withReserve } from './reserve.ts';
import type { PidfileState } from '../../core/model/observation.ts';

export interface RecordJson {
  readonly pid: number;
  readonly start_time: number;
  readonly boot_id: string;
  readonly instance: string;
  readonly run_id: string;
  readonly shim_pid: number;
  readonly started_at: string;
  readonly directory?: string;
  readonly release?: string;
  readonly config?: string;
  readonly command_digest: string;
  readonly launch_timeout_seconds?: number;
  readonly launch_exit_status?: number;
  readonly stop_signal: `SIG${StopSignal}`;
  readonly log: LogPlace;
  readonly error_log?: LogPlace;
}
const signals: ReadonlySet<unknown> = new Set(stopSignals.map((name) => `SIG${name}`));

/** Checked by hand, which is quickest: every `status` reads the record of each instance. */
export function isRecord(value: unknown): value is RecordJson {
  if (typeof value !== 'object' || value === null) return false;
  const record = value as Partial<Record<keyof RecordJson, unknown>>;
  return (
    isCount(record.pid) &&
    record.pid !== 0 &&
    isCount(record.start_time) &&
    isCount(record.shim_pid) &&
    typeof record.boot_id === 'string' &&
    typeof record.instance === 'string' &&
    typeof record.run_id === 'string' &&
    (record.directory === undefined || typeof record.directory === 'string') &&
    (record.release === undefined || typeof record.release === 'string') &&
    (record.config === undefined || typeof record.config === 'string') &&
    typeof record.command_digest === 'string' &&
    typeof record.started_at === 'string' &&
    Number.isFinite(Date.parse(record.started_at)) &&
    (record.launch_timeout_seconds === undefined ||
      Number.isFinite(record.launch_timeout_seconds)) &&
    (record.launch_exit_status === undefined || isCount(record.launch_exit_status)) &&
    signals.has(record.stop_signal) &&
    isLogPlace(record.log) &&
    (record.error_log === undefined || isLogPlace(record.error_log))
  );
}
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
function isLogPlace(log: unknown): boolean {
  if (typeof log !== 'object' || log === null) return false;
  const { path, offset, file } = log as Partial<Record<keyof LogPlace, unknown>>;
  return (
    typeof path === 'string' &&
    Number.isFinite(offset) &&
    (file === undefined || typeof file === 'string')
  );
}

/**
 * How long an empty record may be about to be written: its shim creates it, and writes it a moment later. After that, its
 * writer has died in between, or it was damaged.
 */
const writtenWithinMs = 1_000;

function isBeingWritten(path: string): boolean {
  const { mtimeMs } = statsOf(path) ?? {};
  return mtimeMs === undefined || Math.abs(now() - mtimeMs) < writtenWithinMs;
}

/** The record of an instance's last process. One that is being written is none yet. */
export function readRecord(stateDir: string, instance: string): StateFile<ProcessRecord> {
  const path = paths.recordPath(stateDir, instance);
  const text = readText(path);
  if (text.kind === 'read' && text.value === '' && isBeingWritten(path)) return { kind: 'absent' };
  const file = checkedJson(
    path,
    text,
    (value) => (isRecord(value) ? value : undefined),
    'the record of a process',
  );
  if (file.kind !== 'read') return file;
  const { value } = file;
  if (isOf(value, instance)) return { kind: 'read', value: recordOf(value) };
  return {
    kind: 'broken',
    problem: `${path}: expected the record of ${paths.refOfBase(instance).instance}, found that of ${JSON.stringify(value.instance)}`,
  };
}

const isOf = (record: RecordJson, name: string): boolean =>
  record.instance === paths.refOfBase(name).instance;

function recordOf(json: RecordJson): ProcessRecord {
  const record: {
    -readonly [Key in keyof ProcessRecord]: ProcessRecord[Key];
  } = {
    pid: json.pid, // spelt out: to spread an object takes a microsecond
    startTime: json.start_time,
    bootId: json.boot_id,
    instance: json.instance,
    runId: json.run_id,
    shimPid: json.shim_pid,
    startedAt: momentOf(Date.parse(json.started_at)),
    commandDigest: json.command_digest,
    stopSignal: json.stop_signal.slice(3) as StopSignal,
    log: json.log,
  };
  if (json.directory !== undefined) record.directory = json.directory;
  if (json.release !== undefined) record.release = json.release;
  if (json.config !== undefined) record.config = json.config;
  if (json.error_log !== undefined) record.errorLog = json.error_log;
  if (json.launch_timeout_seconds !== undefined)
    record.launch = { timeout: durationOf(json.launch_timeout_seconds * 1000) };
  if (json.launch_exit_status !== undefined) record.launchExit = json.launch_exit_status;
  return record;
}

/** The part of a record that is known before the process is: JSON members without braces, for the shim. */
export function recordMembers(
  record: Omit<ProcessRecord, 'pid' | 'startTime' | 'shimPid' | 'launch' | 'launchExit'>,
): string {
  return JSON.stringify({
    boot_id: record.bootId,
    instance: record.instance,
    run_id: record.runId,
    started_at: new Date(record.startedAt).toISOString(),
    directory: record.directory,
    release: record.release,
    config: record.config,
    command_digest: record.commandDigest,
    stop_signal: `SIG${record.stopSignal}`,
    log: record.log,
    error_log: record.errorLog,
  }).slice(1, -1);
}

/** A record as it is in its file, except for what it says about a launch. */
export function recordText(record: ProcessRecord): string {
  const known = {
    pid: record.pid,
    start_time: record.startTime,
    shim_pid: record.shimPid,
    launch_exit_status: record.launchExit,
  };
  return `${JSON.stringify(known).slice(0, -1)},${recordMembers(record)}}`;
}

/** Writes the record of a process that lost it. */
export function writeRecord(stateDir: string, record: ProcessRecord): void {
  withReserve(stateDir, () => {
    writeStateFile(paths.recordPath(stateDir, record.instance), `${recordText(record)}\n`);
  });
}

/** The notes that go with a process, and its other files: the record last, because while it is there this can be done again. */
const notePaths = [paths.stopPath, paths.quietPath, paths.readyPath, paths.killingPath];
const ownPaths = [paths.shimNotesPath, paths.lockPath, paths.recordPath];

/** A copy of what cannot be read is empty: that is a broken note, too. */
function copyNote(from: string, to: string): void {
  const text = readTextUpTo(from);
  writeFileAtomically(to, typeof text === 'string' ? text : '');
}

/**
 * Keeps the files of an instance's process under another name, so that its place is free. The record goes in one step: until
 * then the process is the instance's, with all notes about it.
 */
export function moveAside(stateDir: string, instance: string, runId: string): void {
  const name = paths.baseOf({ instance, retiring: runId });
  const move = (act: (from: string, to: string) => void, path: typeof paths.recordPath): void => {
    ifThere(() => {
      act(path(stateDir, instance), path(stateDir, name));
      faultPoint();
    });
  };
  for (const path of notePaths) move(copyNote, path);
  for (const path of ownPaths) move(renameSync, path);
}

/** Removes all files of an old process that has exited beside its replacement. */
export function removeFilesOf(
  stateDir: string,
  instance: string,
  runId: string,
  present: paths.Present = paths.mayBePresent,
): void {
  removeHeartbeat(paths.heartbeatPath(stateDir, instance, runId), present);
  const base = paths.baseOf({ instance, retiring: runId });
  for (const pathOf of [...notePaths, paths.leftPath, paths.exitPath, ...ownPaths]) {
    const path = pathOf(stateDir, base);
    if (present.has(path)) removeFile(path);
  }
}

export function readPidfile(path: string): PidfileState {
  if (silentPaths.has(path)) return { kind: 'silent' };
  const text = readText(path);
  if (text.kind === 'absent') return text;
  if (text.kind === 'broken')
    return { kind: 'broken', problem: text.problem.replace(`${path}: `, '') };
  const trimmed = text.value.trim();
  if (/^[1-9]\d{0,9}$/.test(trimmed)) return { kind: 'holds', pid: Number(trimmed) };
  return { kind: 'broken', problem: `expected a pid, found ${quoted(trimmed)}` };
}

/** Writes a process's pid and a newline, and nothing else. */
export const writePidfile = (path: string, pid: number): void => {
  if (silentPaths.has(path)) return;
  writeStateFile(path, `${pid}\n`);
};
