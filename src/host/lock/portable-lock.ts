import { closeSync } from 'node:fs';
import { WorkerctlError } from '../../core/basics/error.ts';
import { describeErrno, errnoOf } from '../files/errno.ts';
import { openLockFile, type HeldLock, type LockBackend } from './lock-file.ts';

/** A holder that has not renewed its lock for this long counts as dead; the library's minimum is 2 s. */
const staleAfterMs = 10_000;

/**
 * Locks by a directory that is created and renewed, for hosts with neither flock(1) nor perl. It is weaker than a kernel
 * lock: a holder that is stopped for longer than `staleAfterMs` loses it, and learns of that only later. Therefore a
 * pass ends as soon as `compromised` aborts, and process identities are checked in any case.
 */
export const portableBackend: LockBackend = {
  name: 'portable',
  isKernelLock: false,
  tryLock: async (paths) => {
    const tried = await Promise.allSettled(paths.map(tryLock));
    const failed = tried.find((one) => one.status === 'rejected');
    const locks = tried.map((one) => (one.status === 'fulfilled' ? one.value : undefined));
    if (failed === undefined) return locks;
    for (const lock of locks) await lock?.release();
    throw failed.reason;
  },
};

async function tryLock(path: string): Promise<HeldLock | undefined> {
  const { default: lockfile } = await import('proper-lockfile');
  const lost = new AbortController();
  try {
    closeSync(openLockFile(path));
    const release = await lockfile.lock(path, {
      realpath: false,
      stale: staleAfterMs,
      retries: 0,
      lockfilePath: `${path}.d`,
      onCompromised: () => {
        lost.abort();
      },
    });
    return {
      fd: undefined,
      compromised: lost.signal,
      release: () => released(release, lost.signal),
    };
  } catch (error) {
    if (errnoOf(error) === 'ELOCKED') return undefined;
    if (error instanceof WorkerctlError) throw error;
    throw new WorkerctlError('state', `lock file ${path}: ${describeErrno(error)}`, {
      cause: error,
    });
  }
}

/** Releases the lock, unless another process holds it by now. */
async function released(release: () => Promise<void>, lost: AbortSignal): Promise<void> {
  if (!lost.aborted) await release();
}
