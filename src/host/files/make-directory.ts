import { existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { errnoOf } from './errno.ts';
import { statsOf } from './stats-of.ts';

/**
 * Creates a directory and its parents if they are missing. Node's recursive mkdir never ends in /proc and /dev/fd, where
 * nothing can be created.
 * @throws the system error (EACCES, ENOTDIR, ENOENT, …)
 */
export function makeDirectory(path: string, mode = 0o777): void {
  if (statsOf(path)?.isDirectory() === true) return; // asked first: an exception takes ten times as long
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    if (errnoOf(error) === 'EEXIST' && statsOf(path)?.isDirectory() === true) return;
    const above = dirname(path);
    if (errnoOf(error) !== 'ENOENT' || existsSync(above)) throw error;
    makeDirectory(above, mode);
    makeDirectory(path, mode);
  }
}
