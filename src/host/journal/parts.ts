import { parseJournalLine, type JournalEntry } from '../../core/events/journal.ts';
import { closeSync, fstatSync, openSync } from 'node:fs';
import { kindOfFile } from '../../core/basics/file-kind.ts';
import { WorkerctlError } from '../../core/basics/error.ts';
import { shellWord } from '../../core/basics/shell-word.ts';
import { readFlags } from '../files/bounded-read.ts';
import { describeErrno, errnoOf } from '../files/errno.ts';
import { namesIn } from '../files/names-in.ts';

/** The file that the journal is written to; older files have the same name with `.1`, `.2` and so on. */
export const journalPath = (stateDir: string): string => `${stateDir}/events.ndjson`;

/** A line of the journal: its text in the file, and what it says. */
export interface JournalLine {
  readonly line: string;
  readonly entry: JournalEntry;
}

/** A line as it was understood; undefined if it is not a line of a journal. */
export function understood(line: string): JournalLine | 'blank' | undefined {
  if (line === '') return 'blank'; // two writers have ended the same torn line
  const entry = parseJournalLine(line);
  return entry && { line, entry };
}

/**
 * As much of one file of the journal is read, in bytes, the latest: a file is rotated at 10 MB, and what is far longer was not
 * written by workerctl.
 */
export const mostBytes = 128 * 1024 * 1024;

/** One file of the journal, open for reading. */
export interface JournalPart {
  readonly fd: number;
  readonly path: string;
  /** Identifies the file, whatever its name is by now. */
  readonly id: string;
  readonly size: number;
}

/**
 * The files of the journal, the newest first, each opened when it is asked for; the caller closes them. If a rotation
 * renames files meanwhile, none is left out and none comes twice.
 * @throws WorkerctlError `state` for a file that cannot be read
 */
export function* journalParts(stateDir: string): Generator<JournalPart> {
  const seen = new Set<string>();
  let oldest: number | undefined; // asked for late: most readers stop before, and there may be thousands of files
  for (let number = 0; ; number += 1) {
    const part = openPart(
      number === 0 ? journalPath(stateDir) : `${journalPath(stateDir)}.${number}`,
    );
    if (part === undefined) {
      oldest ??= oldestNumber(stateDir);
      if (number > oldest) return;
      continue;
    }
    if (seen.has(part.id)) closeSync(part.fd);
    else yield part;
    seen.add(part.id);
  }
}

/** The highest number among the names. There may be gaps below it, left by a rotation that was killed. */
function oldestNumber(stateDir: string): number {
  try {
    const numbers = namesIn(stateDir).map((name) =>
      Number(/^events\.ndjson\.(\d{1,6})$/.exec(name)?.[1] ?? 0),
    );
    return Math.max(0, ...numbers);
  } catch (error) {
    throw unreadable(stateDir, error);
  }
}

function openPart(path: string): JournalPart | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(path, readFlags);
    const stats = fstatSync(fd);
    if (!stats.isFile()) throw new Error(`expected a file, found ${kindOfFile(stats)}`);
    return { fd, path, id: `${stats.dev}:${stats.ino}`, size: stats.size };
  } catch (error) {
    if (fd !== undefined) closeSync(fd);
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw unreadable(path, error);
  }
}

/** The error for a journal that exists and cannot be read. */
export const unreadable = (path: string, error: unknown): WorkerctlError =>
  new WorkerctlError('state', `journal ${path}: cannot be read: ${describeErrno(error)}`, {
    hint:
      errnoOf(error) === undefined
        ? `move it away: mv ${shellWord(path)} ${shellWord(`${path}.moved`)}`
        : 'run workerctl as the user who owns the state directory',
    cause: error,
  });
