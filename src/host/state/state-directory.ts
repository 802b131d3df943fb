import { accessSync, constants, lstatSync, statSync, type Stats } from 'node:fs';
import { WorkerctlError } from '../../core/basics/error.ts';
import { describeErrno } from '../files/errno.ts';
import { makeDirectory } from '../files/make-directory.ts';
import { readOrEmpty } from '../files/read-or-empty.ts';

/**
 * Creates the state directory if it is missing, and refuses one that cannot be trusted: a user who can write there can
 * name any process as a worker, and have it signalled.
 * @throws WorkerctlError `state` (exit code 73)
 */
export function ensureStateDirectory(path: string): void {
  try {
    makeDirectory(path, 0o755);
    accessSync(path, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new WorkerctlError(
      'state',
      `state directory ${path}: cannot be written: ${describeErrno(error)}`,
      {
        hint: 'run workerctl as the user who owns it, or set state_dir in the config',
        cause: error,
      },
    );
  }
  checkStateDirectory(path);
}

/**
 * Refuses a state directory that cannot be trusted. A missing one counts as empty.
 * @throws WorkerctlError `state` (exit code 73)
 */
export function checkStateDirectory(path: string): void {
  const stats = lstat(path);
  if (stats === undefined) return;
  const problem = untrusted(path, stats, process.geteuid?.() ?? 0);
  if (problem === undefined) return;
  throw new WorkerctlError('state', `state directory ${path}: ${problem.found}`, {
    hint: problem.hint,
  });
}

function lstat(path: string): Stats | undefined {
  try {
    // With a slash, a symbolic link is followed: current/.workerctl may be a link into a shared directory.
    return lstatSync(`${path}/`, { throwIfNoEntry: false });
  } catch (error) {
    throw new WorkerctlError('state', `state directory ${path}: ${describeErrno(error)}`, {
      cause: error,
    });
  }
}

function untrusted(
  path: string,
  stats: Stats,
  user: number,
): { found: string; hint: string } | undefined {
  if (!stats.isDirectory())
    return { found: 'expected a directory, found a file', hint: 'set state_dir in the config' };
  if ((stats.mode & 0o002) !== 0) {
    return {
      found: 'every user can write to it',
      hint: `close it, because that lets every user have processes signalled: chmod o-w ${path}`,
    };
  }
  if (stats.uid !== user) {
    return {
      found: `belongs to ${userName(stats.uid)}, you are ${userName(user)}`,
      hint: `run workerctl as the owner of the workers: sudo -u ${userName(stats.uid)} workerctl …`,
    };
  }
  return undefined;
}

/** The owner of a state directory that is not the caller's, and the caller; undefined if it is, or if there is none. */
export function foreignOwner(path: string): { owner: string; caller: string } | undefined {
  const stats = statSync(path, { throwIfNoEntry: false });
  const user = process.geteuid?.() ?? 0;
  if (stats?.isDirectory() !== true || stats.uid === user) return undefined;
  return { owner: userName(stats.uid), caller: userName(user) };
}

/** A user by name, or as sudo(8) takes a number: `#1003`. */
const userName = (id: number): string =>
  new RegExp(`^([^:]+):[^:]*:${id}:`, 'm').exec(readOrEmpty('/etc/passwd'))?.[1] ?? `#${id}`;
