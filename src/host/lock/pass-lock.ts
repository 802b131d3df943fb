import { closeSync, openSync, readdirSync, readSync, statSync, writeSync } from 'node:fs';
import { WorkerctlError } from '../../core/basics/error.ts';
import {
  durationOf,
  elapsed,
  formatDuration,
  momentOf,
  type Duration,
} from '../../core/basics/time.ts';
import { monotonicMs, now, sleep } from '../process/clock.ts';
import { faultPoint } from '../files/fault-point.ts';
import { textOrEmpty } from '../files/bounded-read.ts';
import { readOrEmpty } from '../files/read-or-empty.ts';
import { statsOf } from '../files/stats-of.ts';
import { currentBootId, nameOf, readProcess } from '../process/process-table.ts';
import type { HeldLock } from './lock-file.ts';
import type { LockHelper } from './lock-helper.ts';

/** The holder's name has a fixed length and is written at once over what is there: a reader never sees half of it. */
const holderLength = 256;

/** How often a waiting command tries again. */
const retryMs = 20;

export interface PassLock extends HeldLock {
  /** Whether no other process has had it since we gave it up: what we knew then was not changed by another pass. */
  readonly wasOursLast: boolean;
}

/**
 * Takes the lock that each pass needs, waiting at most `wait` while another process holds it. `command` names us to the
 * others. A `lockHelper` is asked first. An abort of `signal` ends the waiting.
 * @throws WorkerctlError `locked` (exit code 75), naming the holder and since when it holds the lock
 */
export async function takePassLock(
  path: string,
  options: { command: string; wait: Duration; signal?: AbortSignal; lockHelper?: LockHelper },
): Promise<PassLock> {
  const deadline = monotonicMs() + options.wait;
  const { tryLocks } = await import('./lock-helper.ts'); // a bootcheck that has nothing to do takes no lock
  for (;;) {
    // A holder that has signed in is recognised without starting a process.
    const [lock] =
      livingHolder(path) === undefined ? await tryLocks(options.lockHelper, [path]) : [];
    if (lock !== undefined) {
      const wasOursLast = left !== undefined && read(lock, path) === left;
      signIn(lock, path, options.command);
      faultPoint();
      return { ...lock, wasOursLast, release: () => signOutAndRelease(lock, path) };
    }
    if (monotonicMs() >= deadline || options.signal?.aborted === true)
      throw lockedError(path, options.wait);
    await sleep(retryMs, options.signal);
  }
}

/**
 * Refuses if another process has signed in as the holder of the lock; does not try to take it.
 * @throws WorkerctlError `locked` (exit code 75)
 */
export function refuseIfLocked(path: string): void {
  if (livingHolder(path) !== undefined) throw lockedError(path, noWait);
}

/** A pass takes seconds, and a few minutes at most. */
const longHold = durationOf(5 * 60_000);

/** The holder of the lock, in words that name it and no other, if it has held it for long, or has not signed in. */
export function longHolder(path: string): string | undefined {
  const holder = namedHolder(path);
  if (holder === undefined) return lockHolder(path);
  const { pid, since } = holder;
  return elapsed(momentOf(since), now()) < longHold ? undefined : `pid ${pid} since ${since}`;
}

/** The living process that has signed in as the holder of the lock, and for how long it has held it. */
export function passHolder(
  path: string,
): { pid: number; age: Duration; command: string } | undefined {
  const holder = namedHolder(path);
  if (holder === undefined) return undefined;
  const { pid, since, command } = holder;
  return { pid, command, age: elapsed(momentOf(since), now()) };
}

function signIn(lock: HeldLock, path: string, command: string): void {
  const self = readProcess(process.pid);
  const holder = JSON.stringify({
    pid: process.pid,
    start_time: self?.startTime,
    boot_id: currentBootId(),
    since: now(),
    command: command.slice(0, 60),
  });
  write(lock, path, holder);
}

let passes = 0;

/** No other process writes this, not even one that has our pid in another container. */
const ourMark = Math.random().toString(36).slice(2);

/** What we wrote when we last gave the lock up. */
let left: string | undefined;

/**
 * flock(1) on this file signs in with no name, and must not be mistaken for us: what we leave behind names no holder. The
 * next pass writes over it.
 */
async function signOutAndRelease(lock: HeldLock, path: string): Promise<void> {
  if (!lock.compromised.aborted) {
    passes += 1;
    const words = JSON.stringify({ released_by: process.pid, mark: ourMark, passes });
    left = write(lock, path, words) ? padded(words) : undefined;
  }
  await lock.release();
}

const padded = (text: string): string => `${text.padEnd(holderLength - 1)}\n`;

/** The name is a convenience: on a full disk the lock is held without one. */
function write(lock: HeldLock, path: string, text: string): boolean {
  try {
    const fd = lock.fd ?? openSync(path, 'r+');
    writeSync(fd, padded(text), 0);
    if (fd !== lock.fd) closeSync(fd);
    return true;
  } catch {
    return false;
  }
}

function read({ fd }: HeldLock, path: string): string {
  if (fd === undefined) return textOrEmpty(path, holderLength);
  const buffer = Buffer.alloc(holderLength + 1);
  return buffer.toString('utf8', 0, readSync(fd, buffer, 0, buffer.length, 0));
}

function lockedError(path: string, waited: Duration): WorkerctlError {
  const patience = waited > 0 ? ` (waited ${formatDuration(waited)} for it)` : '';
  return new WorkerctlError('locked', `${describeHolder(path)}${patience}`);
}

function describeHolder(path: string): string {
  const holder = namedHolder(path);
  if (holder === undefined) return `${lockHolder(path)} holds the lock ${path}`;
  const age = formatDuration(elapsed(momentOf(holder.since), now()));
  return `another pass holds the lock: pid ${holder.pid} (workerctl ${holder.command}), for ${age}`;
}

/** flock(1) leaves no name in the file; the kernel knows which process took the lock. Source: proc_locks(5). */
export function lockHolder(path: string): string {
  const inode = statsOf(path)?.ino;
  const lock = new RegExp(`: FLOCK .* (\\d+) [^ ]*:${inode} `).exec(readOrEmpty('/proc/locks'));
  const pid = Number(lock?.[1]);
  // A helper that took it for another process may be dead.
  return readProcess(pid) === undefined ? 'another process' : `pid ${pid} (${nameOf(pid)})`;
}

type Holder = NonNullable<ReturnType<typeof readHolder>>;

/** The holder that has signed in and not out again, if that very process lives. */
function namedHolder(path: string): Holder | undefined {
  const holder = readHolder(path);
  if (holder === undefined) return undefined;
  return readProcess(holder.pid)?.startTime === holder.startTime ? holder : undefined;
}

/** The named holder, if it is another process and the kernel knows of its lock. */
function livingHolder(path: string): Holder | undefined {
  const holder = namedHolder(path);
  if (holder === undefined || holder.pid === process.pid) return undefined;
  return hasFlockOn(holder.pid, path) ? holder : undefined;
}

/** Whether a process has this path open with a flock(2) lock on it. Source: proc_pid_fdinfo(5), `lock:`. */
export function hasFlockOn(pid: number, path: string): boolean {
  const folder = `/proc/${pid}/fdinfo`;
  try {
    const lock = new RegExp(`FLOCK .*:${statSync(path).ino} `);
    // The last ones first, because a lock file is opened late.
    const fds = readdirSync(folder).reverse();
    return fds.some((fd) => lock.test(readOrEmpty(`${folder}/${fd}`)));
  } catch {
    return false; // another user's, or gone: taking the lock will tell
  }
}

function readHolder(
  path: string,
): { pid: number; startTime: number; since: number; command: string } | undefined {
  try {
    const { pid, start_time, since, command, boot_id } = JSON.parse(
      textOrEmpty(path, holderLength),
    ) as Record<string, unknown>;
    const isComplete =
      typeof pid === 'number' &&
      typeof start_time === 'number' &&
      typeof since === 'number' &&
      typeof command === 'string';
    if (!isComplete || boot_id !== currentBootId()) return undefined;
    return { pid, startTime: start_time, since, command };
  } catch {
    return undefined; // empty or foreign: no holder has signed in
  }
}

/** For commands that do not wait for the lock. */
export const noWait = durationOf(0);
