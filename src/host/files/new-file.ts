import { openSync, unlinkSync } from 'node:fs';
import { linkStatsOf } from './stats-of.ts';

/**
 * Creates a file for writing, in place of whatever has its name: a link would be followed, and a FIFO would block us.
 * @throws the system error
 */
export function openNewFile(path: string, mode: number): number {
  if (linkStatsOf(path) !== undefined) unlinkSync(path);
  return openSync(path, 'wx', mode); // O_EXCL: no link is followed
}
