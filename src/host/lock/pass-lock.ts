import {
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statSync,
  writeSync,
} from 'node:fs';
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
import { currentBootId, readProcess } from '../process/process-table.ts';
import type { HeldLock } from './lock-backend.ts';
import type { LockHelper } from './lock-helper.ts';

/** Written over whatever is there, at one length, in one write: a reader sees no half of it. */
const holderLength = 256;

/** How often a waiting command tries again. */
const retryMs = 20;

/** The lock of a pass. */
export interface PassLock extends HeldLock {
  /** Whether no pass of anybody else had it since we gave it up last: what we knew then has not changed since by others. */
  readonly wasOursLast: boolean;
}

/**
 * Takes the lock of which each pass needs one, waiting at most this long for whoever holds it. `command` is how others
 * are told who has it. Where there is a `keeper`, it is asked first. An abort of `signal` ends the waiting.
 * @throws WorkerctlError `locked` (exit code 75), naming the holder and since when it holds the lock
 */
export async function takePassLock(
  path: string,
  options: { command: string; wait: Duration; signal?: AbortSignal; lockHelper?: LockHelper },
): Promise<PassLock> {
  const deadline = monotonicMs() + options.wait;
  const { tryLocks } = await import('./lock-helper.ts'); // a boot check that has nothing to do takes no lock
  for (;;) {
    // A holder that has signed in is found without starting a process.
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
 * Refuses when somebody has signed in as the holder of the lock, without trying to take it.
 * @throws WorkerctlError `locked` (exit code 75)
 */
export function refuseIfLocked(path: string): void {
  if (livingHolder(path) !== undefined) throw lockedError(path, noWait);
}

/** Who has signed in as the holder of the lock, and since when; undefined when nobody has who lives. */
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

/** Nobody else writes this, also not one of another container who has our pid there. */
const ourMark = Math.random().toString(36).slice(2);

/** What we have written last when we gave the lock up. */
let left: string | undefined;

/**
 * Whoever uses flock(1) on the file leaves no name there, and must not be taken for us. What we leave names no holder; the
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

/** A name is a convenience: a full disk keeps nobody from holding the lock. */
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
  if (fd === undefined) return readFileSync(path, 'utf8');
  const buffer = Buffer.alloc(holderLength + 1);
  return buffer.toString('utf8', 0, readSync(fd, buffer, 0, buffer.length, 0));
}

function lockedError(path: string, waited: Duration): WorkerctlError {
  const patience = waited > 0 ? ` (waited ${formatDuration(waited)} for it)` : '';
  return new WorkerctlError(
    'locked',
    `another pass holds the lock: ${describeHolder(path)}${patience}`,
  );
}

/** Who holds the lock and for how long, as far as the file tells: whoever uses flock(1) on it leaves no name. */
function describeHolder(path: string): string {
  const holder = namedHolder(path);
  if (holder === undefined) return `a process that left no name in ${path}`;
  const age = formatDuration(elapsed(momentOf(holder.since), now()));
  return `pid ${holder.pid} (workerctl ${holder.command}), for ${age}`;
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

/** Whether an open file of a process has a flock(2) lock on this path. Source: proc_pid_fdinfo(5), `lock:`. */
export function hasFlockOn(pid: number, path: string): boolean {
  const folder = `/proc/${pid}/fdinfo`;
  try {
    const lock = new RegExp(`FLOCK .*:${statSync(path).ino} `);
    // The last ones first: a lock file is opened late.
    const fds = readdirSync(folder).reverse();
    return fds.some((fd) => lock.test(readFileSync(`${folder}/${fd}`, 'latin1')));
  } catch {
    return false; // another user's, or gone: the lock itself will tell
  }
}

function readHolder(
  path: string,
): { pid: number; startTime: number; since: number; command: string } | undefined {
  try {
    const { pid, start_time, since, command, boot_id } = JSON.parse(
      readFileSync(path, 'utf8'),
    ) as Record<string, unknown>;
    const isComplete =
      typeof pid === 'number' &&
      typeof start_time === 'number' &&
      typeof since === 'number' &&
      typeof command === 'string';
    if (!isComplete || boot_id !== currentBootId()) return undefined;
    return { pid, startTime: start_time, since, command };
  } catch {
    return undefined; // empty or foreign: nobody has signed in
  }
}

/** Not waiting at all. */
export const noWait = durationOf(0);
