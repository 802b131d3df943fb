import { closeSync, openSync, readSync, rmSync, statfsSync, statSync, writeSync } from 'node:fs';
import { WorkerctlError } from '../../core/basics/error.ts';
import { describeErrno, errnoOf } from '../files/errno.ts';
import { syncDirectory } from '../files/atomic-file.ts';
import { withFile } from '../files/with-file.ts';
import { stagingDirectory } from './paths.ts';

/** In the staging directory: the time of the state directory says whether the records that were read are still good. */
export const reservePath = (stateDir: string): string => `${stagingDirectory(stateDir)}/reserve`;

/** state.json, its copy and the ledger once more, and two notes for each instance, a block each. */
export const reserveBytes = (instances: number): number => 128 * 1024 + instances * 2 * 4096;

/** A new reserve must not be what fills the disk. */
const mostOfSpace = 1 / 4;

/** Whether this process has deleted one: then it takes back what is left of it, before something else does. */
let wasSpent = false;

/** A block of a file system that compresses; it shrinks no random bytes. */
const blockBytes = 128 * 1024;

/**
 * Sees to it that there is a file of this size to delete when the disk is full. If there is not enough space, there is none.
 * Never fails.
 */
export function ensureReserve(stateDir: string, bytes: number): void {
  const path = reservePath(stateDir);
  try {
    if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) >= bytes) return;
    const { bavail, bsize } = statfsSync(stateDir);
    if (!wasSpent && bytes > bavail * bsize * mostOfSpace) return;
    wasSpent = false;
    withFile(path, 'w', (fd) => {
      const block = randomBytes(blockBytes);
      for (let left = bytes; left > 0;)
        left -= writeSync(fd, block, 0, Math.min(left, block.length));
    });
  } catch {
    return; // the disk is full again: what was written so far is kept. Or there is no staging directory
  }
}

function randomBytes(count: number): Buffer {
  const bytes = Buffer.alloc(count);
  const fd = openSync('/dev/urandom', 'r');
  readSync(fd, bytes);
  closeSync(fd);
  return bytes;
}

/**
 * Does what writes to this file of the state directory.
 * @throws WorkerctlError `state` if it fails; then `otherwise` holds
 */
export function orCannotWrite<T>(path: string, otherwise: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    const problem = `${path}: cannot be written: ${describeErrno(error)}; ${otherwise}`;
    throw new WorkerctlError('state', problem, { cause: error });
  }
}

/**
 * Writes to the state directory. If the disk or a quota is full, the reserve is deleted, and `write` is called again.
 * @throws what `write` throws
 */
export function withReserve<T>(stateDir: string, write: () => T): T {
  try {
    return write();
  } catch (error) {
    if (!isFull(error) || !hasSpent(stateDir)) throw error;
  }
  try {
    return write();
  } catch (error) {
    if (!isFull(error)) throw error;
  }
  // btrfs frees the blocks of a deleted file with its next transaction; this makes it end the current one.
  syncDirectory(stateDir);
  return write();
}

const isFull = (error: unknown): boolean => ['ENOSPC', 'EDQUOT'].includes(errnoOf(error) ?? '');

function hasSpent(stateDir: string): boolean {
  try {
    rmSync(reservePath(stateDir));
    wasSpent = true;
    return true;
  } catch {
    return false;
  }
}
