import type { LogPlace, ProcessRecord } from '../../core/model/record.ts';
import { fstatSync, statSync } from 'node:fs';
import { errorIn } from '../../core/rules/error-in-log.ts';
import { readFlags } from '../files/bounded-read.ts';
import { bytesBetween, linesIn } from '../files/lines.ts';
import { withFile } from '../files/with-file.ts';
import { silentPaths } from '../process/silent-paths.ts';
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
export const lastLines = (path: string, offset: number, count: number): string[] =>
  linesIn(endOf(path, offset, tailBytes)).slice(-count);

/** At most this much of a log is read to find the error above its last lines, in bytes. */
const errorBytes = 64 * 1024;

/** What a process wrote before it died. */
export interface LastWords {
  readonly log: readonly string[];
  /** The error that it seems to have died of, see `errorIn`. */
  readonly logError?: string;
}

/** The last lines, see `lastLines`, and the error, which may stand far above them. */
export function lastWords(path: string, offset: number, count: number): LastWords {
  const logError = errorIn(linesIn(endOf(path, offset, errorBytes)));
  return {
    log: lastLines(path, offset, count),
    ...(logError !== undefined && { logError }),
  };
}

/** The same of a process: of its standard error, if that has a log of its own with any lines; and in which log they are. */
export function lastWordsOf(
  { log, errorLog }: Pick<ProcessRecord, 'log' | 'errorLog'>,
  count: number,
): LastWords & { readonly logFile: string } {
  const said = { logFile: log.path, ...lastWords(log.path, log.offset, count) };
  if (errorLog === undefined) return said;
  const wrong = lastWords(errorLog.path, errorLog.offset, count);
  return wrong.log.length === 0 ? said : { ...said, logFile: errorLog.path, ...wrong };
}

/** Empty if the log is missing, a directory, or on an unreadable disk. */
function endOf(path: string, offset: number, mostBytes: number): string {
  if (silentPaths.has(path)) return '';
  try {
    return withFile(path, readFlags, (fd) => {
      const { size } = fstatSync(fd);
      const from = Math.max(size < offset ? 0 : offset, size - mostBytes);
      return bytesBetween(fd, from, Math.max(from, size)).toString('utf8');
    });
  } catch {
    return '';
  }
}
