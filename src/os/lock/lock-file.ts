import { constants, openSync } from 'node:fs';
import { WorkerctlError } from '../../core/error.ts';
import { describeErrno } from '../errno.ts';

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
