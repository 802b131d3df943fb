import {
  chmodSync,
  closeSync,
  constants,
  linkSync,
  lstatSync,
  mkdtempSync,
  openSync,
  rmSync,
  unlinkSync,
} from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { WorkerctlError } from '../../core/basics/error.ts';
import { describeErrno, errnoOf } from '../files/errno.ts';
import { fileAt } from '../files/is-still-at.ts';
import { lockBackend } from '../lock/choose-backend.ts';
import { sleep } from '../process/clock.ts';
import { listening } from './tcp.ts';

/** Half-open: a client that sends no more still gets its answers. */
export const serverOptions = { allowHalfOpen: true };

interface UnixListen {
  readonly server: Server;
  /** Removes the socket, unless another one is in its place. */
  readonly unlink: () => void;
}

/** The longest path, in bytes: `sun_path` has room for a NUL more, and Node truncates longer ones silently. Source: unix(7). */
const longestPath = 107;

/**
 * Listens on a socket that only its owner can use. It is bound in a directory of its own and published by a hard link: nothing can
 * connect before the mode is set, and a link, unlike a rename, never replaces the socket of another process.
 * @throws WorkerctlError `locked` if another process answers on it, `state` if it cannot be made
 */
export async function listenOnPath(
  path: string,
  accept: (socket: Socket) => void,
): Promise<UnixListen> {
  const server = createServer(serverOptions, accept);
  let folder: string | undefined;
  try {
    folder = mkdtempSync(join(dirname(path), '.c-'));
    const hidden = join(folder, 'control.sock');
    await withShortPath(hidden, (short) => listening(server, { path: short }));
    chmodSync(hidden, 0o600);
    const inode = fileAt(hidden);
    await publish(hidden, path);
    return {
      server,
      unlink: () => {
        try {
          if (fileAt(path) === inode) unlinkSync(path);
        } catch {
          // it is stale now, and the next server removes it
        }
      },
    };
  } catch (error) {
    server.close();
    throw error instanceof WorkerctlError ? error : unusable(path, error);
  } finally {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  }
}

/** Calls `use` with a path of the same socket that the kernel accepts: a long one goes through the open directory. */
async function withShortPath<T>(path: string, use: (short: string) => Promise<T>): Promise<T> {
  if (Buffer.byteLength(path) <= longestPath) return use(path);
  const { O_RDONLY, O_DIRECTORY } = constants;
  const fd = openSync(dirname(path), O_RDONLY | O_DIRECTORY);
  try {
    return await use(`/proc/self/fd/${fd}/${basename(path)}`);
  } finally {
    closeSync(fd);
  }
}

/** How often to look again while other servers start at the same time. */
const maxLooks = 100;
const lookAgainMs = 20;

async function publish(hidden: string, path: string): Promise<void> {
  for (let look = 0; look < maxLooks; look += 1) {
    if (link(hidden, path)) return;
    if (!(await isRemoved(path))) await sleep(lookAgainMs);
  }
  throw refusal(path, 'one that appears and disappears');
}

/** False if there is something at `path`. */
function link(from: string, path: string): boolean {
  try {
    linkSync(from, path);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/**
 * Removes a stale socket, under a lock: nothing else removes it between the check and the removal, and while it exists no
 * server can publish its own in its place. False if another process holds the lock.
 */
async function isRemoved(path: string): Promise<boolean> {
  if (!(await isStale(path))) return true;
  const lockFile = `${path}.lock`;
  const [lock] = await lockBackend().tryLock([lockFile]);
  if (lock === undefined) return false;
  try {
    if (await isStale(path)) unlinkSync(path);
    rmSync(lockFile, { force: true });
    return true;
  } finally {
    await lock.release();
  }
}

/** False if nothing is there; throws if it is not ours to remove. */
async function isStale(path: string): Promise<boolean> {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return false;
  if (!stats.isSocket()) throw refusal(path, 'another kind of file');
  if (stats.uid !== process.geteuid?.()) throw refusal(path, `one of user ${stats.uid}`);
  if (await isAnswered(path)) throw taken(path);
  return true;
}

/** Whether a process listens on a socket, even one that is too busy to accept. */
const isAnswered = (path: string): Promise<boolean> =>
  withShortPath(path, (short) => isAnsweredAt(short));

function isAnsweredAt(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error) => {
      resolve(!['ECONNREFUSED', 'ENOENT'].includes(errnoOf(error) ?? ''));
    });
  });
}

const refusal = (path: string, found: string): WorkerctlError =>
  new WorkerctlError('state', `control socket ${path}: expected a socket of ours, found ${found}`, {
    hint: 'remove it; workerctl watch creates a new one',
  });
const unusable = (path: string, cause: unknown): WorkerctlError =>
  new WorkerctlError(
    'state',
    `control socket ${path}: cannot be created: ${describeErrno(cause)}`,
    { cause },
  );
const taken = (path: string): WorkerctlError =>
  new WorkerctlError('locked', `control socket ${path}: another process answers on it`, {
    hint: 'only one workerctl watch can run for a state directory',
  });
