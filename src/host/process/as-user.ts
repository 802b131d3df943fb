import { realpathSync } from 'node:fs';
import { basename } from 'node:path';
import { WorkerctlError } from '../../core/basics/error.ts';
import {
  landing,
  setprivWords,
  stagedVariables,
  type Account,
  type Rights,
} from '../../core/model/account.ts';
import { workerPath } from '../../core/model/launch.ts';
import { describeErrno } from '../files/errno.ts';
import { once } from '../files/once.ts';
import { accountOf, isAccount } from './account.ts';
import { findProgram } from './find-program.ts';

/** Whether we act as another user at the moment. */
export const isSwitched = (): boolean => process.geteuid?.() !== process.getuid?.();

/** A user who owns nothing: files of one that does not exist are opened as this one. */
const nobody: Account = { name: 'nobody', uid: 65534, gid: 65534, groups: [] };

/** The account to become for a worker's files and programs; undefined: none, because the caller is no root, or is it already. */
function accountFor({ runAs }: Rights): Account | undefined {
  if (runAs === undefined || process.getuid?.() !== 0) return undefined;
  const found = accountOf(runAs);
  if (!isAccount(found)) return nobody;
  return found.uid === 0 && found.gid === process.getgid?.() ? undefined : found;
}

/** The number of the user that a worker's processes have; undefined if that is left to them. */
export const ownerOf = (rights: Rights): number | undefined => accountFor(rights)?.uid;

/**
 * Does something with files as the user that a worker runs as: if the caller is root, the kernel grants only what that user
 * may do. Real and saved user stay root's, so that the user cannot signal or trace us meanwhile, and so that we can return.
 * No program can be started in `act`, and what access(2) says there is about root.
 * @param act must not wait: all threads of the process act as this user
 * @throws WorkerctlError `failed` if root lacks the right to do that
 */
export function asUserOf<T>(rights: Rights, act: () => T): T {
  const account = isSwitched() ? undefined : accountFor(rights);
  if (account === undefined) return act();
  const groups = process.getgroups?.() ?? [];
  const gid = process.getegid?.() ?? 0;
  try {
    become(account);
    return act();
  } finally {
    process.seteuid?.(0);
    process.setegid?.(gid);
    process.setgroups?.(groups);
  }
}

function become({ name, uid, gid, groups }: Account): void {
  try {
    process.setgroups?.([...groups]);
    process.setegid?.(gid);
    process.seteuid?.(uid);
  } catch (error) {
    throw new WorkerctlError(
      'failed',
      `user ${name}: workerctl cannot become this user: ${describeErrno(error)} (in a container: is CAP_SETUID dropped?)`,
      { cause: error },
    );
  }
}

/** A command as it is to be run, with all of its environment. */
export interface Prepared {
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * The command that gives up root's rights before it becomes this one, with the rights that the worker is to have. Until then
 * nothing that the user has chosen has an effect: neither variables such as LD_PRELOAD, nor the directory.
 * @param directory where it runs, unless it is started there
 * @throws WorkerctlError `failed` if there is no such user, or no setpriv
 */
export function withRights(
  command: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  rights: Rights,
  directory = '',
): Prepared {
  assertUsable(rights);
  const account = accountFor(rights);
  const { noNewPrivs = false } = rights;
  const words =
    account !== undefined || noNewPrivs ? setprivWords(setpriv(), account, noNewPrivs) : [];
  if (account === undefined)
    return { command: [...words, ...command], environment: environment as Prepared['environment'] };
  return {
    command: [...words, '/bin/sh', '-c', landing, 'sh', directory, ...command],
    environment: { PATH: workerPath, ...stagedVariables(environment) },
  };
}

/** The words that make a small command of ours run as the worker's user; empty if it is ours. */
export function userWords(rights: Rights): readonly string[] {
  const account = accountFor(rights);
  return account === undefined ? [] : setprivWords(setpriv(), account, false);
}

/**
 * Makes sure that programs can get these rights.
 * @throws WorkerctlError `failed` if there is no such user, or no setpriv
 */
export function assertUsable({ runAs, noNewPrivs = false }: Rights): void {
  const found = runAs === undefined ? undefined : accountOf(runAs);
  if (found !== undefined && !isAccount(found))
    throw new WorkerctlError('failed', `${found.key}: found ${found.found}; ${found.hint}`);
  if (noNewPrivs || found !== undefined) setpriv();
}

/**
 * The path of setpriv.
 * @throws WorkerctlError `failed` if there is none, or only that of busybox, which cannot change users
 */
export const setpriv = once(() => {
  const found = findProgram('setpriv', process.env);
  if (found !== undefined && basename(realpathSync(found)) !== 'busybox') return found;
  throw new WorkerctlError(
    'failed',
    'setpriv: there is no such program of util-linux: install util-linux (Alpine: apk add setpriv)',
  );
});
