import type { LogPlace } from '../../core/model/record.ts';
import { fstatSync, statSync } from 'node:fs';
import { readFlags } from '../files/bounded-read.ts';
import { bytesBetween, linesIn } from '../files/lines.ts';
import { withFile } from '../files/with-file.ts';
import { fileKeyAt } from './lost-log.ts';

/** At most this much of a log is read to find its last lines, in bytes. */
const tailBytes = 16 * 1024;

/** The size of a log in bytes; 0 if it does not exist. */
export const logSize = (path: string): number =>
  statSync(path, { throwIfNoEntry: false })?.size ?? 0;

/** A log, and where the lines of a process begin that is given it now. */
export function logPlaceAt(path: string): LogPlace {
  const file = fileKeyAt(path);
  return { path, offset: logSize(path), ...(file !== undefined && { file }) };
}

/** The last lines that were written to a log since it was `offset` bytes long. */
export function lastLines(path: string, offset: number, count: number): string[] {
  try {
    const text = withFile(path, readFlags, (fd) => {
      const { size } = fstatSync(fd);
      const from = Math.max(size < offset ? 0 : offset, size - tailBytes);
      return bytesBetween(fd, from, Math.max(from, size)).toString('utf8');
    });
    return linesIn(text).slice(-count);
  } catch {
    return []; // missing, a directory, or an unreadable disk: there are no lines to show
  }
}
