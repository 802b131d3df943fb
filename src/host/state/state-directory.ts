import { accessSync, constants, lstatSync, type Stats } from 'node:fs';
import { WorkerctlError } from '../../core/basics/error.ts';
import { shellWord } from '../../core/basics/shell-word.ts';
import { describeErrno, errnoOf } from '../files/errno.ts';
import { makeDirectory } from '../files/make-directory.ts';
import { statsOf } from '../files/stats-of.ts';
import { linkProblem } from '../files/trusted-path.ts';
import { groupName, isPrivateGroup, userName } from '../files/users.ts';
import { readOnlyRemedy } from '../files/write-problem.ts';
import { ownCommand } from '../process/own-command.ts';

/**
 * Creates the state directory if it is missing, and refuses one that cannot be trusted: a user who can write there can
 * name any process as a worker, and have it signalled.
 * @throws WorkerctlError `state` (exit code 73)
 */
export function ensureStateDirectory(path: string): void {
  const problem = linkProblem(path);
  if (problem !== undefined)
    throw refusal(path, { found: problem, hint: 'or set state_dir in the config' });
  try {
    makeDirectory(path, 0o755);
    accessSync(path, constants.W_OK | constants.X_OK);
  } catch (error) {
    const users = foreignOwner(path);
    if (users !== undefined) throw ofAnother(path, users);
    throw new WorkerctlError(
      'state',
      `state directory ${path}: cannot be written: ${describeErrno(error)}`,
      { hint: accessHint(error), cause: error },
    );
  }
  checkStateDirectory(path);
}

/** What to do about a state directory that cannot be written. */
export const accessHint = (error: unknown): string =>
  errnoOf(error) === 'EROFS'
    ? `${readOnlyRemedy}; or set state_dir in the config`
    : 'run workerctl as the user who owns it, or set state_dir in the config';

/**
 * Refuses a state directory that others can write, or that is not the caller's. A missing one counts as empty.
 * @throws WorkerctlError `state` (exit code 73)
 */
export function checkStateDirectory(path: string): void {
  checkForLook(path);
  const users = foreignOwner(path);
  if (users !== undefined) throw ofAnother(path, users);
}

/**
 * The same for a command that only looks: the state directory may be another user's, if the caller can read it.
 * @throws WorkerctlError `state` (exit code 73)
 */
export function checkForLook(path: string): void {
  const stats = lstat(path);
  const problem = stats === undefined ? undefined : untrusted(path, stats);
  if (problem !== undefined) throw refusal(path, problem);
  const users = foreignOwner(path);
  if (users !== undefined && !isReadable(path)) throw ofAnother(path, users);
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Who owns a state directory that is not the caller's, and who the caller is. */
interface Users {
  readonly owner: string;
  readonly caller: string;
}

const ofAnother = (path: string, { owner, caller }: Users): WorkerctlError =>
  refusal(path, {
    found: `belongs to ${owner}, you are ${caller}`,
    hint: `run workerctl as the owner of the workers: sudo -u ${shellWord(owner)} ${ownCommand()}`,
  });

/** What is wrong with a state directory, and what to do. */
interface Refused {
  readonly found: string;
  readonly hint: string;
}

const refusal = (path: string, { found, hint }: Refused): WorkerctlError =>
  new WorkerctlError('state', `state directory ${path}: ${found}`, { hint });

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

function untrusted(path: string, stats: Stats): Refused | undefined {
  const { uid, gid, mode } = stats;
  if (!stats.isDirectory())
    return { found: 'expected a directory, found a file', hint: 'set state_dir in the config' };
  if ((mode & 0o002) !== 0)
    return {
      found: 'every user can write to it',
      hint: `close it, because that lets every user have processes signalled: chmod o-w ${shellWord(path)}`,
    };
  if ((mode & 0o020) === 0 || isPrivateGroup(gid, new Set([0, uid]))) return undefined;
  return {
    found: `the group ${groupName(gid)} can write to it`,
    hint: `close it, because that lets its members have processes signalled: chmod g-w ${shellWord(path)}`,
  };
}

/** The owner of a state directory that is not the caller's, and the caller; undefined if it is, or if there is none. */
export function foreignOwner(path: string): Users | undefined {
  const stats = statsOf(path);
  const user = process.geteuid?.() ?? 0;
  if (stats?.isDirectory() !== true || stats.uid === user) return undefined;
  return { owner: userName(stats.uid), caller: userName(user) };
}
