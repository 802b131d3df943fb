import { closeSync, constants, fstatSync, openSync, readlinkSync } from 'node:fs';
import { WorkerctlError } from '../../core/basics/error.ts';
import { assertAccess } from '../files/access.ts';
import { describeErrno } from '../files/errno.ts';
import type { Rights } from '../../core/model/account.ts';
import { asUserOf } from '../process/as-user.ts';
import { isStillAt } from '../files/is-still-at.ts';

/**
 * A worker's directory, opened once for all that is started in it: a deploy that moves the link meanwhile does not move
 * this. No child inherits it.
 */
export interface Place {
  /** Absolute, without symbolic links. */
  readonly path: string;
  /** Leads to the very directory, also in a child before it becomes its program. */
  readonly handle: string;
  /** The same, as an open file. */
  readonly fd: number;
  /** Whether the path that it was opened by leads to it still. */
  readonly isCurrent: () => boolean;
  readonly isRemoved: () => boolean;
  readonly close: () => void;
}

/** O_PATH of open(2), which Node does not name: it needs no permission to list the directory. */
const oPath = 0o10000000;

/**
 * Opens a directory, through whatever links lead to it.
 * @param rights of the user who has to be able to enter it
 * @throws WorkerctlError `failed` if it does not exist, or cannot be entered by this user
 */
export const openPlace = (directory: string, rights: Rights = {}): Place =>
  asUserOf(rights, () => openHere(directory, rights));

function openHere(directory: string, rights: Rights): Place {
  let fd: number | undefined;
  try {
    fd = openSync(directory, oPath | constants.O_DIRECTORY);
    const opened = fd;
    const handle = `/proc/self/fd/${opened}`;
    assertAccess(handle, constants.X_OK);
    return {
      path: readlinkSync(handle),
      handle,
      fd: opened,
      isCurrent: () => asUserOf(rights, () => isStillAt(opened, directory)),
      isRemoved: () => fstatSync(opened).nlink === 0,
      close: () => {
        closeSync(opened);
      },
    };
  } catch (error) {
    if (fd !== undefined) closeSync(fd);
    throw new WorkerctlError('failed', `directory ${directory}: ${describeErrno(error)}`, {
      cause: error,
    });
  }
}
