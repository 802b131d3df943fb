import { closeSync, constants, fstatSync, openSync, statSync } from 'node:fs';
import { WorkerctlError } from '../../core/basics/error.ts';
import { describeErrno, errnoOf } from '../files/errno.ts';
import type { HeldLock } from './lock-backend.ts';

/**
 * Opens a lock file for reading and writing, and makes it where it is missing. Never follows a link, never waits for the
 * other end of a FIFO.
 * @throws WorkerctlError `state`
 */
export function openLockFile(path: string): number {
  const { O_RDWR, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
  try {
    return openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o644);
  } catch (error) {
    throw new WorkerctlError(
      'state',
      `lock file ${path}: cannot be opened: ${describeErrno(error)}`,
      { cause: error },
    );
  }
}

/** Whether an open lock file is the one at `path`: after the state directory was deleted, it is not. */
export function isStillAt(fd: number, path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  const locked = fstatSync(fd);
  return found?.ino === locked.ino && found.dev === locked.dev;
}

/** A flock(2) lock that lies on this open file; given up by closing it, or by `release`, once. */
export function heldLock(
  fd: number,
  release = (): Promise<void> => {
    closeQuietly(fd);
    return Promise.resolve();
  },
): HeldLock {
  let released: Promise<void> | undefined;
  return {
    fd,
    compromised: new AbortController().signal,
    release: () => (released ??= release()),
  };
}

/** Closes a lock file; what is closed already stays so. */
export function closeQuietly(fd: number): void {
  try {
    closeSync(fd);
  } catch (error) {
    if (errnoOf(error) !== 'EBADF') throw error;
  }
}
