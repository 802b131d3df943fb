import { closeSync, constants, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { describeErrno, errnoOf } from '../files/errno.ts';
import { createLineCutter, endOfLines, linesBetween, tailOffset } from '../files/lines.ts';
import { olderLog } from './older.ts';

/** A log that is read from its last lines on, and followed through whatever rotates it. */
export interface FollowedLog {
  readonly path: string;
  /** Its last lines, each once; `all`: also what has no end yet, since nobody will look again. */
  readonly lastLines: (count: number, all: boolean) => Iterable<Buffer>;
  /** When it was last written to, in milliseconds since 1970; 0 when it is not there. */
  readonly writtenAt: () => number;
  /** The lines that have come since. */
  readonly newLines: () => Iterable<Buffer>;
  /** Why it cannot be read, in words; undefined: it can, or is not there yet. */
  readonly problem: () => string | undefined;
  readonly isThere: () => boolean;
  readonly close: () => void;
}

/** An open log, and how far it has been read. */
interface Reading {
  readonly fd: number;
  readonly inode: string;
  position: number;
  /** The bytes before `position`: when they are others, the file was cut at its front. */
  before: Buffer;
  /** The file that bore the number 1 when we looked last. */
  older: string | undefined;
  /** Size and time of the last look: when they are the same there is nothing new. */
  seen: string;
}

const chunkBytes = 64 * 1024;
const beforeBytes = 256;

/** So much is read of one log at a time, so that the others get their turn. */
const maxChunks = 64;

/**
 * Opens a log, which may not be there yet. Rotation is noticed by a new file of that name, by a shorter file, and by other
 * bytes before the place where we are. What was cut off before it was read is found in the older files: together with the log
 * they are one text, in which our place is still the same.
 */
export function followLog(path: string): FollowedLog {
  let reading: Reading | undefined;
  let problem: string | undefined;
  const cutter = createLineCutter();

  const reopen = (): Reading | undefined => {
    reading = undefined;
    try {
      const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
      const stats = fstatSync(fd);
      problem = stats.isFile() ? undefined : 'it is no plain file';
      const older = inodeAt(olderLog(path, 1));
      if (problem !== undefined) closeSync(fd);
      else reading = { fd, inode: inodeOf(stats), position: 0, before: none, older, seen: '' };
    } catch (error) {
      problem = errnoOf(error) === 'ENOENT' ? undefined : describeErrno(error);
    }
    return reading;
  };

  function* newLines(): Generator<Buffer> {
    const before = reading ?? reopen();
    if (before === undefined) return;
    yield* read(before, path, cutter.push);
    const inode = inodeAt(path);
    if (inode === undefined || inode === before.inode) return;
    // Another file bears the name. Whoever wrote to the old one has written his last: rest and all.
    yield* read(before, path, cutter.push);
    yield* cutter.flush();
    closeSync(before.fd);
    const after = reopen();
    if (after !== undefined) yield* read(after, path, cutter.push);
  }

  reopen();
  return {
    path,
    lastLines: (count, all) => {
      if (reading === undefined) return [];
      const { fd } = reading;
      const { size } = fstatSync(fd);
      const end = all ? size : endOfLines(fd, size);
      reading.position = end;
      reading.before = bytesBefore(fd, end);
      return linesBetween(fd, tailOffset(fd, end, count), end);
    },
    writtenAt: () => (reading === undefined ? 0 : fstatSync(reading.fd).mtimeMs),
    newLines,
    problem: () => problem,
    isThere: () => reading !== undefined,
    close: () => {
      if (reading !== undefined) closeSync(reading.fd);
      reading = undefined;
    },
  };
}

const none = Buffer.alloc(0);
const chunk = Buffer.allocUnsafe(chunkBytes + beforeBytes);

type Take = (bytes: Buffer) => Iterable<Buffer>;

/** What an open log has that was not read yet. The bytes before it are read along: they tell whether it was cut meanwhile. */
function* read(reading: Reading, path: string, take: Take): Generator<Buffer> {
  const { fd } = reading;
  const { size, mtimeMs } = fstatSync(fd);
  const seen = `${size} ${mtimeMs}`;
  if (seen === reading.seen) return;
  for (let count = 0; count < maxChunks; count += 1) {
    const { position, before } = reading;
    const length = readSync(fd, chunk, 0, chunk.length, position - before.length);
    if (!chunk.subarray(0, Math.min(length, before.length)).equals(before)) {
      yield* catchUp(reading, path, take);
      continue;
    }
    if (length === before.length) {
      reading.seen = seen;
      return;
    }
    reading.position += length - before.length;
    reading.before = Buffer.from(chunk.subarray(Math.max(0, length - beforeBytes), length));
    yield* take(chunk.subarray(before.length, length));
  }
}

/**
 * Finds our place again in a log that was cut, and reads what was cut off before we had read it. All files are opened, and
 * the log is read on from there, before anything is handed out: the next cut may come while that is printed.
 */
function* catchUp(reading: Reading, path: string, take: Take): Generator<Buffer> {
  const files = youngerThan(reading.older, path);
  const opened = files.map(({ file, size }) => ({ fd: tryToOpen(file), size }));
  try {
    const unread: { fd: number; from: number }[] = [];
    let left = reading.position;
    for (const { fd, size } of opened) {
      if (fd !== undefined && left < size) unread.push({ fd, from: left });
      left = Math.max(0, left - size);
    }
    reposition(reading, files.length === 0 ? 0 : left);
    reading.older = inodeAt(olderLog(path, 1));
    const next = readOn(reading);
    for (const { fd, from } of unread) yield* readFrom(fd, from, take);
    yield* take(next);
  } finally {
    for (const { fd } of opened) if (fd !== undefined) closeSync(fd);
  }
}

function reposition(reading: Reading, position: number): void {
  const { fd, before } = reading;
  reading.position = position;
  reading.before = before.subarray(Math.max(0, before.length - position));
  const { size } = fstatSync(fd);
  // Cut by somebody who left nothing beside it that would fit: all of it is new to us.
  if (position > size || !bytesBefore(fd, position, reading.before.length).equals(reading.before)) {
    reading.position = 0;
    reading.before = none;
  }
}

/** The bytes that follow our place. With them there is something to know the next cut by. */
function readOn(reading: Reading): Buffer {
  const bytes = Buffer.alloc(chunkBytes);
  const length = readSync(reading.fd, bytes, 0, bytes.length, reading.position);
  reading.position += length;
  reading.before = Buffer.concat([reading.before, bytes.subarray(0, length)]).subarray(
    -beforeBytes,
  );
  return bytes.subarray(0, length);
}

/** The older files that have come since the one with this inode was number 1, the oldest first. */
function youngerThan(
  older: string | undefined,
  path: string,
): { readonly file: string; readonly size: number }[] {
  const found: { file: string; size: number }[] = [];
  for (let number = 1; ; number += 1) {
    const file = olderLog(path, number);
    const stats = statSync(file, { throwIfNoEntry: false });
    if (stats === undefined || inodeOf(stats) === older) return found.reverse();
    // The one that we know is gone: of the others only the first is surely new.
    if (older !== undefined && number > 1 && !isAmong(older, path, number)) return found.reverse();
    found.push({ file, size: stats.size });
  }
}

function isAmong(inode: string, path: string, from: number): boolean {
  for (let number = from; ; number += 1) {
    const found = inodeAt(olderLog(path, number));
    if (found === undefined) return false;
    if (found === inode) return true;
  }
}

/** Undefined when it was rotated away meanwhile, or is not ours to read. */
function tryToOpen(file: string): number | undefined {
  try {
    return openSync(file, 'r');
  } catch {
    return undefined;
  }
}

function* readFrom(fd: number, from: number, take: Take): Generator<Buffer> {
  const bytes = Buffer.allocUnsafe(chunkBytes);
  for (let at = from; ;) {
    const length = readSync(fd, bytes, 0, bytes.length, at);
    if (length === 0) return;
    at += length;
    yield* take(bytes.subarray(0, length));
  }
}

function bytesBefore(fd: number, position: number, count = beforeBytes): Buffer {
  const bytes = Buffer.alloc(Math.min(count, position));
  const length = readSync(fd, bytes, 0, bytes.length, position - bytes.length);
  return bytes.subarray(0, length);
}

const inodeOf = ({ dev, ino }: { dev: number; ino: number }): string => `${dev}:${ino}`;

function inodeAt(path: string): string | undefined {
  try {
    const stats = statSync(path, { throwIfNoEntry: false });
    return stats && inodeOf(stats);
  } catch {
    return undefined;
  }
}
