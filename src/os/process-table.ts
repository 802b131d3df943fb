import { closeSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import type { LiveProcess, ProcessIdentity } from '../core/process.ts';
import { durationOf, type Duration } from '../core/time.ts';

const buffer = Buffer.allocUnsafe(4096);
let bootId: string | undefined;

/** The id of this boot: start times count from it. */
export function currentBootId(): string {
  bootId ??= readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  return bootId;
}

/**
 * The process that has this pid now, or undefined when there is none, or only a zombie.
 * Source: proc_pid_stat(5). The command in parentheses may itself hold `)` and spaces, so fields count from the last one.
 */
export function readProcess(pid: number): LiveProcess | undefined {
  const stat = readProcFile(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  const [state = 'X', parentPid, , sessionId, ...rest] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ', 20);
  const threads = Number(rest[13]);
  // A process whose first thread alone has ended shows that thread's Z, and lives.
  if ((state === 'Z' && threads <= 1) || state === 'X' || state === 'x') return undefined;
  return {
    pid,
    startTime: Number(rest[15]),
    bootId: currentBootId(),
    parentPid: Number(parentPid),
    sessionId: Number(sessionId),
    activity: state === 'T' || state === 't' ? 'stopped' : 'runs',
  };
}

/** The process with this identity if it is still alive: the pid may have been given to another one since. */
export function findProcess(identity: ProcessIdentity): LiveProcess | undefined {
  if (identity.bootId !== currentBootId()) return undefined;
  const process = readProcess(identity.pid);
  return process?.startTime === identity.startTime ? process : undefined;
}

/** The pids of all processes that can be seen, in numeric order. */
export const listPids = (): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .sort((a, b) => a - b);

/** The arguments of a process; empty when it is gone, a kernel thread, or not ours to see. */
export const readArguments = (pid: number): string[] => readStrings(`/proc/${pid}/cmdline`);

/** The environment that a process was started with, as `NAME=value`; empty when it is gone or not ours to see. */
export const readEnvironment = (pid: number): string[] => readStrings(`/proc/${pid}/environ`);

function readStrings(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\0');
  } catch {
    return [];
  }
}

/** A small file of /proc in one read into a buffer that is used again: a third of the cost of readFileSync. */
function readProcFile(path: string): string | undefined {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch {
    return undefined;
  }
  try {
    return buffer.toString('latin1', 0, readSync(fd, buffer, 0, buffer.length, 0));
  } catch {
    return undefined; // ESRCH: it died between open and read
  } finally {
    closeSync(fd);
  }
}

/** Clock ticks are 10 ms on every Linux that Node runs on (USER_HZ). */
const msPerTick = 10;

let ownStartMs: number | undefined;

/**
 * How long the host has been up, on the clock that start times count from: our own start time, and how long ago that
 * was. (/proc/uptime may be the container's, while start times always are the host's.)
 */
export function sinceBoot(): Duration {
  ownStartMs ??= (readProcess(process.pid)?.startTime ?? 0) * msPerTick;
  return durationOf(Math.round(ownStartMs + performance.now()));
}
