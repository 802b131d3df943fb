import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { WorkerctlError } from '../../core/basics/error.ts';
import { kindOfFile } from '../../core/basics/file-kind.ts';
import { describeErrno, errnoOf } from '../files/errno.ts';

/** A lock that is held until it is released or the process ends. */
export interface HeldLock {
  /** The open file that the lock is on: a child that inherits it holds the lock too. Undefined for locks that are not the kernel's. */
  readonly fd: number | undefined;
  /** Aborts if the lock was lost to another process; never for kernel locks. */
  readonly compromised: AbortSignal;
  /** Gives it up. A child that inherited the lock continues to hold it. */
  readonly release: () => Promise<void>;
}

/** A way to get exclusive locks on files. */
export interface LockBackend {
  readonly name: 'flock' | 'perl' | 'portable';
  /** Whether these are flock(2) locks: freed by the kernel, inherited through an fd, shared with flock(1). */
  readonly isKernelLock: boolean;
  /**
   * Takes the lock on each of these files without waiting; creates files that are missing.
   * @returns for each path its lock, or undefined if another process holds it
   * @throws the error of a lock that could not even be tried
   */
  readonly tryLock: (paths: readonly string[]) => Promise<readonly (HeldLock | undefined)[]>;
}

/**
 * Opens a lock file for reading and writing; creates it if it is missing. Never follows a link or waits for the other end of
 * a FIFO.
 * @throws WorkerctlError `state`
 */
export function openLockFile(path: string): number {
  const { O_RDWR, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
  try {
    const fd = openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o644);
    const stats = fstatSync(fd);
    if (stats.isFile()) return fd;
    closeSync(fd);
    throw new Error(`expected a file, found ${kindOfFile(stats)}: move it away`);
  } catch (error) {
    const found =
      errnoOf(error) === 'ELOOP'
        ? 'expected a file, found a link: move it away'
        : describeErrno(error);
    throw new WorkerctlError('state', `lock file ${path}: cannot be opened: ${found}`, {
      cause: error,
    });
  }
}

/** A flock(2) lock on this open file. It is given up once, by `release`, or else by closing the file. */
export function heldLock(
  fd: number,
  release = (): Promise<void> => {
    closeQuietly(fd);
    return Promise.resolve();
  },
): HeldLock {
  let released: Promise<void> | undefined;
  return { fd, compromised: new AbortController().signal, release: () => (released ??= release()) };
}

/** Closes a lock file that may be closed already. */
export function closeQuietly(fd: number): void {
  try {
    closeSync(fd);
  } catch (error) {
    if (errnoOf(error) !== 'EBADF') throw error;
  }
}
