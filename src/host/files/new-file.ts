import { openSync, rmSync } from 'node:fs';
import { errnoOf } from './errno.ts';

/**
 * Creates a file for writing, in place of whatever has its name: a link would be followed, and a FIFO would block us.
 * @throws the system error
 */
export function openNewFile(path: string, mode: number): number {
  try {
    return openSync(path, 'wx', mode); // O_EXCL: no link is followed
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
    rmSync(path, { force: true });
    return openSync(path, 'wx', mode);
  }
}
