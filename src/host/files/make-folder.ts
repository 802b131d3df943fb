import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { errnoOf } from './errno.ts';

/**
 * Makes a folder and those above it, where they are not there. Node's own way of that never ends in /proc and below
 * /dev/fd, where nothing can be made.
 * @throws the system error (EACCES, ENOTDIR, ENOENT, …)
 */
export function makeFolder(path: string, mode = 0o777): void {
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    if (errnoOf(error) === 'EEXIST' && isFolder(path)) return;
    const above = dirname(path);
    if (errnoOf(error) !== 'ENOENT' || existsSync(above)) throw error;
    makeFolder(above, mode);
    makeFolder(path, mode);
  }
}

const isFolder = (path: string): boolean =>
  statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
