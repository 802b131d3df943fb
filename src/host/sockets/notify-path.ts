import { lstatSync } from 'node:fs';
import type * as Net from 'node:net';
import { dirname, join } from 'node:path';
import { digest } from '../files/crypto.ts';
import { describeErrno, errnoOf } from '../files/errno.ts';
import { makeDirectory } from '../files/make-directory.ts';
import { realPathOrSelf } from '../files/real-path.ts';

/**
 * What the environment of a worker must hold if another process than the listener starts it: NOTIFY_SOCKET if a helper
 * receives at this moment. (Sidekiq exits if it cannot say that it is ready.)
 */
export async function notifyEnvironment(stateDir: string): Promise<Record<string, string>> {
  const path = notifySocketPath(stateDir);
  return folderProblem(path) === undefined && (await isReceived(path))
    ? { NOTIFY_SOCKET: path }
    : {};
}

/** Why a worker with `ready.notify` is not started if there is no such variable. */
export const nobodyListens = 'ready.notify needs workerctl watch, and none is listening';

/** Longer paths do not fit into the kernel's address, under the name with which they are created (`….4194304`). */
const longestPath = 107 - '.4194304'.length;

/**
 * The path of the socket: in the state directory or, if that path is too long, in a directory of this user under /tmp. It is the
 * same for all commands, whatever their environment.
 */
export function notifySocketPath(stateDir: string): string {
  const path = join(realPathOrSelf(stateDir), 'notify.sock');
  if (Buffer.byteLength(path) <= longestPath) return path;
  return `/tmp/workerctl-${String(userId())}/${digest(path, 16)}.sock`;
}

const userId = (): number => process.geteuid?.() ?? 0;

/** Creates the directory of the socket; returns why it cannot be used. */
export function makeSocketFolder(path: string): string | undefined {
  try {
    makeDirectory(dirname(path), 0o711);
  } catch (error) {
    return `${dirname(path)}: ${describeErrno(error)}`;
  }
  return folderProblem(path);
}

/** Every user can write to /tmp: another one may have made our directory there. */
function folderProblem(path: string): string | undefined {
  const folder = dirname(path);
  const stats = lstatSync(folder, { throwIfNoEntry: false });
  if (stats === undefined) return `${folder}: it does not exist`;
  const isOurs = stats.isDirectory() && stats.uid === userId() && (stats.mode & 0o022) === 0;
  if (isOurs || !folder.startsWith('/tmp/workerctl-')) return undefined;
  return `${folder}: expected a directory of user ${String(userId())} to which no other user can write; set a shorter state_dir, or remove it`;
}

/** A stream cannot connect to a socket of datagrams, but the kernel says so only if a process listens on it. */
const isReceived = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const net: typeof Net = process.getBuiltinModule('node:net');
    const probe = net.connect(path);
    probe.once('error', (error) => {
      resolve(errnoOf(error) === 'EPROTOTYPE');
    });
    probe.once('connect', () => {
      probe.destroy();
      resolve(false);
    });
  });
