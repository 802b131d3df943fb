import { accessSync, constants, lstatSync, type Stats } from 'node:fs';
import { WorkerctlError } from '../../core/basics/error.ts';
import { describeErrno } from '../files/errno.ts';
import { makeFolder } from '../files/make-folder.ts';

/**
 * Makes the state directory if it is not there, and refuses one that cannot be trusted: whoever can write there can
 * name any process as a worker, and have it signalled.
 * @throws WorkerctlError `state` (exit code 73)
 */
export function ensureStateDirectory(path: string): void {
  try {
    makeFolder(path, 0o755);
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
 * Refuses a state directory that cannot be trusted. One that is not there is as good as empty.
 * @throws WorkerctlError `state` (exit code 73)
 */
export function checkStateDirectory(path: string): void {
  const stats = lstat(path);
  if (stats === undefined) return;
  const problem = untrusted(stats, process.geteuid?.() ?? 0);
  if (problem === undefined) return;
  throw new WorkerctlError('state', `state directory ${path}: ${problem.found}`, {
    hint: problem.hint,
  });
}

function lstat(path: string): Stats | undefined {
  try {
    // With a slash, a symbolic link is followed: current/.workerctl may be a link into a shared folder.
    return lstatSync(`${path}/`, { throwIfNoEntry: false });
  } catch (error) {
    throw new WorkerctlError('state', `state directory ${path}: ${describeErrno(error)}`, {
      cause: error,
    });
  }
}

function untrusted(stats: Stats, user: number): { found: string; hint: string } | undefined {
  if (!stats.isDirectory())
    return { found: 'expected a directory, found a file', hint: 'set state_dir in the config' };
  if ((stats.mode & 0o002) !== 0) {
    return {
      found: 'expected that only its owner can write there, found that everybody can',
      hint: `run chmod o-w on it`,
    };
  }
  if (stats.uid !== user) {
    return {
      found: `expected that user ${user} owns it, found user ${stats.uid}`,
      hint: 'run workerctl as the user who owns the workers (root must not start them in its place)',
    };
  }
  return undefined;
}
