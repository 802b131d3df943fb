import { mkdtempSync, chmodSync, unlinkSync, rmSync, lstatSync, linkSync } from 'node:fs';
import { type Server, type ListenOptions, connect, createServer, type Socket } from 'node:net';
import { join, dirname } from 'node:path';
import { WorkerctlError } from '../../core/basics/error.ts';
import { errnoOf, describeErrno } from '../files/errno.ts';
import { lockBackend } from '../lock/choose-backend.ts';
import { sleep } from '../process/clock.ts';

/** Half-open: who sends no more still gets his answers. */
export const serverOptions = { allowHalfOpen: true };

export function listening(server: Server, where: ListenOptions): Promise<Server> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, () => {
      server.off('error', reject);
      server.on('error', () => undefined); // one client could not be accepted; the next one may be
      resolve(server);
    });
  });
}

interface UnixListen {
  readonly server: Server;
  /** Removes the socket, unless another one is in its place. */
  readonly unlink: () => void;
}

/** Source: unix(7); `sun_path` has room for so many bytes and a NUL, and Node cuts longer ones silently. */
const longestPath = 107;

/**
 * Binds in a folder of our own and publishes by a hard link: nobody can connect before the mode is set, and a link,
 * unlike a rename, never takes the place of another one's socket.
 */
export async function listenOnPath(
  path: string,
  accept: (socket: Socket) => void,
): Promise<UnixListen> {
  const server = createServer(serverOptions, accept);
  let folder: string | undefined;
  try {
    folder = mkdtempSync(join(dirname(path), '.c-'));
    const hidden = join(folder, 's');
    checkLength(path, Math.max(Buffer.byteLength(path), Buffer.byteLength(hidden)));
    await listening(server, { path: hidden });
    chmodSync(hidden, 0o600);
    const inode = inodeAt(hidden);
    await publish(hidden, path);
    return {
      server,
      unlink: () => {
        try {
          if (inodeAt(path) === inode) unlinkSync(path);
        } catch {
          // it stays behind: a stale one, which the next server removes
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

function checkLength(path: string, bytes: number): void {
  if (bytes <= longestPath) return;
  throw new WorkerctlError(
    'state',
    `control socket ${path}: expected a path of at most ${longestPath} bytes, found ${bytes}`,
    { hint: 'that is the limit of the kernel; set a shorter state_dir in the config' },
  );
}

/** Held by the kernel for as long as we listen: it names no other file. */
function inodeAt(path: string): string | undefined {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  return stats === undefined ? undefined : `${stats.dev}:${stats.ino}`;
}

/** So often others who start at the same time may be waited for. */
const maxLooks = 100;
const lookAgainMs = 20;

async function publish(hidden: string, path: string): Promise<void> {
  for (let look = 0; look < maxLooks; look += 1) {
    if (link(hidden, path)) return;
    if (!(await isRemoved(path))) await sleep(lookAgainMs);
  }
  throw refusal(path, 'that of one who comes and goes');
}

/** False when there is something at `path`. */
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
 * Removes a stale socket, under a lock: between the look and the removal nobody else removes it, and as long as it is
 * there nobody can put a living one in its place. False when somebody else is at it.
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

/** False when nothing is there; throws when it is not ours to remove. */
async function isStale(path: string): Promise<boolean> {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return false;
  if (!stats.isSocket()) throw refusal(path, 'another kind of file');
  if (stats.uid !== process.geteuid?.()) throw refusal(path, `that of user ${stats.uid}`);
  if (await isAnswered(path)) throw taken(path);
  return true;
}

/** Whether somebody listens on a socket; also when he is too busy to accept. */
function isAnswered(path: string): Promise<boolean> {
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
    hint: 'remove it; workerctl watch makes a new one',
  });
const unusable = (path: string, cause: unknown): WorkerctlError =>
  new WorkerctlError('state', `control socket ${path}: cannot be made: ${describeErrno(cause)}`, {
    cause,
  });
const taken = (path: string): WorkerctlError =>
  new WorkerctlError('locked', `control socket ${path}: another process answers on it`, {
    hint: 'only one workerctl watch can run for a state directory',
  });
