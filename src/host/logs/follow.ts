import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { Rights } from '../../core/model/account.ts';
import { asUserOf } from '../process/as-user.ts';
import { readFlags } from '../files/bounded-read.ts';
import { describeErrno, errnoOf } from '../files/errno.ts';
import {
  bytesBetween,
  chunkBytes,
  chunksBetween,
  createLineCutter,
  linesBetween,
} from '../files/lines.ts';
import { endOfLines, tailOffset } from '../files/lines-backwards.ts';
import { fileKeyAt } from './lost-log.ts';
import { logTextOf, type LogText } from './log-text.ts';
import { fileId, fileIdAt } from './older.ts';
import { findAgain, isUncut, knownOlderFiles, type Place, type Unread } from './place.ts';

/** A log that is read from its last lines on, and followed through whatever rotates it. */
export interface FollowedLog {
  readonly path: string;
  /**
   * Its last lines, each once, within its last `mostBytes`; `all`: also an unfinished one, if nothing will be read later.
   */
  readonly lastLines: (count: number, all: boolean, mostBytes?: number) => Iterable<Buffer>;
  /**
   * It and its older files as one text, up to the end of its last line, from where `newLines` continues; `all`: as above.
   * Undefined if it cannot be read.
   */
  readonly text: (all: boolean) => LogText | undefined;
  /** When it was last written to, in milliseconds since 1970; 0 if it does not exist. */
  readonly writtenAt: () => number;
  /** The lines that have been added since. */
  readonly newLines: () => Iterable<Buffer>;
  /** Why it cannot be read, in words; undefined if it can, or does not exist yet. */
  readonly problem: () => string | undefined;
  readonly isThere: () => boolean;
  /** Which file is read, as `device:inode`; undefined if none is. */
  readonly file: () => string | undefined;
  /** Whether it never moves on to the file at its path, but ends with the processes that write to the one that is read. */
  readonly stays: () => boolean;
  /** From now on it stays. */
  readonly stay: () => void;
  readonly close: () => void;
}

/** The processes whose log is followed. */
export interface Writers {
  /** By which path to open a log that they have lost: it has no name, or another one. */
  readonly open?: string;
  /** Whether one of them writes to this file (`device:inode`). */
  readonly writeTo: (file: string) => boolean;
  /** Theirs: the log is opened with these. */
  readonly rights?: Rights;
}

/** An open log, and how far it has been read. */
interface Reading extends Place {
  /** Size and time of the last look: if they are the same, there is nothing new. */
  seen: string;
}

const beforeBytes = 256;

/** How much is read of one log at a time, so that the others get their turn. */
const maxChunks = 64;

/**
 * Opens a log, which need not exist yet. Rotation is noticed by a new older file, by a new file of the log's name, and by other
 * bytes before the place up to which it has been read. As long as a process writes to the file that is read, no other file of
 * that name takes its place: the process does not know of it.
 */
export function followLog(path: string, writers: Writers = noWriters): FollowedLog {
  let reading: Reading | undefined;
  let problem: string | undefined;
  let known: Set<string> | undefined;
  let stays = false;
  let isOver = false;
  const cutter = createLineCutter();
  const { rights = {} } = writers;

  const reopen = (at = path): Reading | undefined => {
    reading = undefined;
    try {
      const fd = asUserOf(rights, () => openSync(at, readFlags));
      const stats = fstatSync(fd);
      problem = stats.isFile() ? undefined : 'it is not a regular file';
      known ??= knownOlderFiles(path, fd, rights);
      if (problem !== undefined) closeSync(fd);
      else
        reading = {
          ...{ fd, id: fileId(stats), known, rights },
          ...{ position: 0, before: Buffer.alloc(0), seen: '' },
        };
    } catch (error) {
      known ??= knownOlderFiles(path, undefined, rights);
      problem = errnoOf(error) === 'ENOENT' ? undefined : describeErrno(error);
    }
    return reading;
  };

  function* newLines(): Generator<Buffer> {
    const before = isOver ? undefined : (reading ?? reopen());
    if (before === undefined) return;
    yield* read(before, path, cutter.push);
    const id = fileIdAt(path);
    if (!stays && (id === undefined || id === before.id)) return;
    if (writers.writeTo(keyOf(before))) return;
    // Another file has the name. The writer of the old one has written its last: unfinished line and all.
    const isAtEnd = yield* read(before, path, cutter.push);
    if (!isAtEnd) return;
    yield* cutter.flush();
    closeSync(before.fd);
    reading = undefined;
    isOver = stays;
    if (isOver) return;
    known?.add(before.id);
    const after = reopen();
    if (after !== undefined) yield* read(after, path, cutter.push);
  }

  stays = writers.open !== undefined && reopen(writers.open) !== undefined;
  if (!stays) reopen();

  /** Takes all there is as read: `newLines` continues there. */
  const toEnd = (place: Reading, all: boolean): number => {
    const { size } = fstatSync(place.fd);
    const end = all ? size : endOfLines(place.fd, size);
    place.position = end;
    place.before = bytesBetween(place.fd, Math.max(0, end - beforeBytes), end);
    return end;
  };

  return {
    path,
    lastLines: (count, all, mostBytes = Infinity) => {
      if (reading === undefined) return [];
      const end = toEnd(reading, all);
      const start = Math.max(0, end - mostBytes);
      return linesBetween(reading.fd, tailOffset(reading.fd, end, count, start), end);
    },
    text: (all) => reading && logTextOf(path, reading, toEnd(reading, all)),
    writtenAt: () => (reading === undefined ? 0 : fstatSync(reading.fd).mtimeMs),
    newLines,
    problem: () => problem,
    isThere: () => reading !== undefined,
    file: () => reading && keyOf(reading),
    stays: () => stays,
    stay: () => {
      stays = true;
    },
    close: () => {
      if (reading !== undefined) closeSync(reading.fd);
      reading = undefined;
    },
  };
}

const noWriters: Writers = { writeTo: () => false };

const keyOf = ({ fd }: Reading): string => fileKeyAt(`/proc/self/fd/${fd}`) ?? '';

const chunk = Buffer.allocUnsafe(chunkBytes + beforeBytes);

type Take = (bytes: Buffer) => Iterable<Buffer>;

/**
 * What an open log has that was not read yet; returns whether that was all. A read(2) that a cut runs into mixes text from
 * before and after it, so what was read counts only if the log was not cut meanwhile.
 */
function* read(reading: Reading, path: string, take: Take): Generator<Buffer, boolean> {
  const { fd } = reading;
  const { size, mtimeMs } = fstatSync(fd);
  const seen = `${size} ${mtimeMs}`;
  if (seen === reading.seen) return true;
  for (let count = 0; count < maxChunks; count += 1) {
    const { position, before } = reading;
    const length = readSync(fd, chunk, 0, chunk.length, position - before.length);
    const isSame = chunk.subarray(0, Math.min(length, before.length)).equals(before);
    if (!isSame || !isUncut(path, reading)) {
      yield* findAgain(path, reading, (unread) => readRest(unread, take));
      continue;
    }
    if (length === before.length) {
      reading.seen = seen;
      return true;
    }
    reading.position += length - before.length;
    reading.before = Buffer.from(chunk.subarray(Math.max(0, length - beforeBytes), length));
    yield* take(chunk.subarray(before.length, length));
  }
  return false;
}

function* readRest({ fd, from }: Unread, take: Take): Generator<Buffer> {
  for (const bytes of chunksBetween(fd, from)) yield* take(bytes);
}
