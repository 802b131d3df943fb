import { existsSync } from 'node:fs';
import * as z from 'zod/mini';
import { isSameProcess, type ProcessIdentity } from '../../core/model/process.ts';
import { type Killing, type Quieting, type Stop } from '../../core/model/record.ts';
import { durationOf, momentOf, type Duration } from '../../core/basics/time.ts';
import { quietSignals } from '../../core/model/config.ts';
import { faultPoint } from '../files/fault-point.ts';
import { writeFileAtomically } from '../files/atomic-file.ts';
import { once } from '../files/once.ts';
import {
  readJson,
  readText,
  removeFile,
  writeStateFile,
  type StateFile,
} from '../files/json-file.ts';
import {
  stopPath,
  quietPath,
  killingPath,
  dumpPath,
  leftPath,
  successorPath,
  readyPath,
  heartbeatPath,
} from './paths.ts';

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

const heirSchema = once(() =>
  z.object({
    run_id: z.string(),
    pid: z.int().check(z.positive()),
    start_time: z.int().check(z.nonnegative()),
    boot_id: z.string(),
  }),
);

/** Whether, and how, an instance's process was asked to finish. */
export const readStop = (stateDir: string, instance: string): StateFile<Stop> =>
  readNote(stopPath(stateDir, instance), 'a stop');

/** Whether, and how, an instance's process was asked to take no new job. */
export const readQuiet = (stateDir: string, instance: string): StateFile<Quieting> =>
  readNote(quietPath(stateDir, instance), 'a note that a process was made quiet');

function readNote(path: string, what: string): StateFile<Quieting> {
  // Usually there is none, and catching an error takes longer than asking first.
  if (!existsSync(path)) return { kind: 'absent' };
  const file = readJson(path, stopSchema, what);
  if (file.kind !== 'read') return file;
  const { sent, signal, at, cause, deadline } = file.value;
  const { is_prelude: stopsWhenIdle = false, is_recycle: isRecycle = false } = file.value;
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
      stopsWhenIdle,
    },
  };
}

/** Notes that a process is about to be asked to finish. */
export function writeStop(stateDir: string, instance: string, stop: Stop): void {
  writeNote(stopPath(stateDir, instance), stop, {});
}

/** Notes that a process is about to be asked to take no new job. */
export function writeQuiet(stateDir: string, instance: string, quiet: Quieting): void {
  writeNote(quietPath(stateDir, instance), quiet, { is_prelude: quiet.stopsWhenIdle });
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

/** That a process was asked to dump what it is doing, and when, in time since the boot of the host. */
export interface DumpNote {
  readonly process: ProcessIdentity;
  readonly at: Duration;
}

const dumpSchema = once(() =>
  z.object({
    pid: z.int().check(z.positive()),
    start_time: z.int(),
    boot_id: z.string(),
    since_boot_seconds: z.number(),
  }),
);

export function readDumpNote(stateDir: string, instance: string): StateFile<DumpNote> {
  const path = dumpPath(stateDir, instance);
  if (!existsSync(path)) return { kind: 'absent' };
  const file = readJson(path, dumpSchema, 'a note of a dump');
  if (file.kind !== 'read') return file;
  const at = durationOf(Math.round(file.value.since_boot_seconds * 1000));
  return { kind: 'read', value: { process: identityIn(file.value), at } };
}

/** When the process with this record was asked to dump what it is doing, in time since the boot of the host. */
export function readDump(
  stateDir: string,
  instance: string,
  process: ProcessIdentity,
): Duration | undefined {
  const file = readDumpNote(stateDir, instance);
  if (file.kind !== 'read' || !isSameProcess(file.value.process, process)) return undefined;
  return file.value.at;
}

export function writeDump(stateDir: string, instance: string, { process, at }: DumpNote): void {
  const { pid, startTime: start_time, bootId: boot_id } = process;
  const json = { pid, start_time, boot_id, since_boot_seconds: at / 1000 };
  writeStateFile(dumpPath(stateDir, instance), `${JSON.stringify(json)}\n`);
}

/** What is known about the processes that a dead one has left behind. */
export interface LeftNote {
  /** The dead one. */
  readonly process: ProcessIdentity;
  /** When it died, in time since the boot of the host, if known. */
  readonly diedAt?: Duration;
  /** The processes that were found and reported; undefined: no command has looked yet. */
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

/** The note about what the last dead process of an instance has left behind; undefined: none. */
export function readLeft(stateDir: string, instance: string): LeftNote | undefined {
  const path = leftPath(stateDir, instance);
  if (!existsSync(path)) return undefined;
  const file = readJson(path, leftSchema, 'a note of what a process has left behind');
  if (file.kind !== 'read') return undefined;
  const { died_at: diedAt, members } = file.value;
  return {
    process: identityIn(file.value),
    ...(diedAt !== undefined && { diedAt: durationOf(diedAt) }),
    ...(members && { members: members.map(([pid, startTime]) => ({ pid, startTime })) }),
  };
}

/** Notes what a dead process has left behind, or that no command has looked for it yet. */
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
  faultPoint();
}

/** The process that this run has named as its successor. */
export function readSuccessor(
  stateDir: string,
  instance: string,
  runId: string,
): ProcessIdentity | undefined {
  const path = successorPath(stateDir, instance);
  if (!existsSync(path)) return undefined;
  const file = readJson(path, heirSchema, 'a successor');
  return file.kind === 'read' && file.value.run_id === runId ? identityIn(file.value) : undefined;
}

/** Notes which process this run has named as its successor. */
export function writeHeir(
  stateDir: string,
  instance: string,
  runId: string,
  { pid, startTime, bootId }: ProcessIdentity,
): void {
  const json = { run_id: runId, pid, start_time: startTime, boot_id: bootId };
  writeFileAtomically(successorPath(stateDir, instance), `${JSON.stringify(json)}\n`);
}

/** Whether this run was seen ready. */
export function wasSeenReady(stateDir: string, instance: string, runId: string): boolean {
  const path = readyPath(stateDir, instance);
  if (!existsSync(path)) return false;
  const text = readText(path);
  return text.kind === 'read' && text.value.trim() === runId;
}

/** Notes that this run is ready. Any command that sees it may do this. */
export function noteReady(stateDir: string, instance: string, runId: string): void {
  writeStateFile(readyPath(stateDir, instance), `${runId}\n`);
}

/** Removes a heartbeat file and the files beside it. */
export function removeHeartbeat(path: string): void {
  for (const end of ['', '.notify', '.status']) removeFile(path + end);
}

/** What a process has last said about itself by sd_notify(3); undefined: nothing. */
export function readSaidStatus(stateDir: string, name: string, runId: string): string | undefined {
  const text = readText(`${heartbeatPath(stateDir, name, runId)}.status`);
  return text.kind === 'read' ? text.value.trim() || undefined : undefined;
}

/** Keeps what a process says about itself. */
export const writeSaidStatus = (
  stateDir: string,
  name: string,
  runId: string,
  text: string,
): void => {
  writeFileAtomically(`${heartbeatPath(stateDir, name, runId)}.status`, `${text}\n`);
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
