import type { ObservedLog } from '../../core/model/observation.ts';
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';

/** At most this much of a log is read to find its last lines, in bytes. */
const tailBytes = 16 * 1024;

/** The size of a log in bytes; 0 if it does not exist. */
export const logSize = (path: string): number =>
  statSync(path, { throwIfNoEntry: false })?.size ?? 0;

/** A log and its size; nothing undefined if it is not a regular file, or cannot be examined. */
export function measureLog(path: string): ObservedLog | undefined {
  try {
    const stats = statSync(path, { throwIfNoEntry: false });
    return stats?.isFile() === true ? { path, size: stats.size } : undefined;
  } catch {
    return undefined;
  }
}

/** The last lines that were written to a log since it was `offset` bytes long. */
export function lastLines(path: string, offset: number, count: number): string[] {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch {
    return [];
  }
  try {
    const { size } = fstatSync(fd);
    const from = Math.max(size < offset ? 0 : offset, size - tailBytes);
    const bytes = Buffer.alloc(Math.max(0, size - from));
    const length = readSync(fd, bytes, 0, bytes.length, from);
    const lines = bytes.toString('utf8', 0, length).split('\n');
    if (lines.at(-1) === '') lines.pop();
    return lines.slice(-count);
  } catch {
    return []; // a directory, or an unreadable disk: there are no lines to show
  } finally {
    closeSync(fd);
  }
}
