import { closeSync, constants, openSync } from 'node:fs';
import { WorkerctlError } from '../../core/basics/error.ts';
import { describeErrno, errnoOf } from '../files/errno.ts';
import type { HeldLock } from './lock-backend.ts';

/**
 * Opens a lock file for reading and writing; creates it if it is missing. Never follows a link or waits for the other end of
 * a FIFO.
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

/** A flock(2) lock on this open file. It is given up once, by `release`, or else by closing the file. */
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

/** Closes a lock file that may be closed already. */
export function closeQuietly(fd: number): void {
  try {
    closeSync(fd);
  } catch (error) {
    if (errnoOf(error) !== 'EBADF') throw error;
  }
}
