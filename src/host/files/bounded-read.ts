import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { formatSize } from '../../core/basics/bytes.ts';
import { mismatchText, type Mismatch } from '../../core/basics/config-problem.ts';
import { kindOfFile } from '../../core/basics/file-kind.ts';
import { errnoOf } from './errno.ts';
import { chunkBytes } from './lines.ts';

/** Opens a file to be read without waiting for the other end of a FIFO, and without making a terminal ours. */
export const readFlags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

/** In bytes, where nothing else is said: what is of one worker or process is far shorter. */
export const usualBound = 1024 * 1024;

/** For files that may have some hundred bytes of each instance: enough for far more of them than a host can run. */
export const longBound = 64 * 1024 * 1024;

/**
 * A whole file as text. What is no file (a FIFO, a device, a directory), or longer than `maxBytes`, is not read: the size
 * that the kernel reports is only a hint, because files of /proc, and files that grow, have more than it says.
 * @throws the system error
 */
export const readTextUpTo = (path: string, maxBytes = usualBound): string | Mismatch =>
  readUpTo(path, maxBytes, (bytes) => bytes.toString('utf8'));

/** A whole file as bytes, see `readTextUpTo`. */
export const readBytesUpTo = (path: string, maxBytes = usualBound): Buffer | Mismatch =>
  readUpTo(path, maxBytes, (bytes) => Buffer.from(bytes));

/** The text of a file; empty if it cannot be read, or is not read, see `readTextUpTo`. */
export function textOrEmpty(path: string, maxBytes = usualBound): string {
  try {
    const text = readTextUpTo(path, maxBytes);
    return typeof text === 'string' ? text : '';
  } catch {
    return '';
  }
}

/**
 * The text of an open file, see `readTextUpTo`.
 * @throws Error in words if it is not read
 */
export function textOfOpen(fd: number, maxBytes = usualBound): string {
  const bytes = contentOf(fd, maxBytes);
  if (!Buffer.isBuffer(bytes)) throw new Error(mismatchText(bytes));
  return bytes.toString('utf8');
}

function readUpTo<T>(path: string, maxBytes: number, use: (bytes: Buffer) => T): T | Mismatch {
  let fd: number | undefined;
  try {
    fd = openSync(path, readFlags);
    const content = contentOf(fd, maxBytes);
    return Buffer.isBuffer(content) ? use(content) : content;
  } catch (error) {
    if (errnoOf(error) !== 'ENXIO') throw error;
    return { expected: 'a file', found: 'a socket, or a device that does not exist' };
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** Almost all files fit into it. */
const shared = Buffer.allocUnsafe(chunkBytes);

/** What an open file holds, until the next call. */
function contentOf(fd: number, maxBytes: number): Buffer | Mismatch {
  const stats = fstatSync(fd);
  if (!stats.isFile()) return { expected: 'a file', found: kindOfFile(stats) };
  if (stats.size > maxBytes) return tooLong(maxBytes, `${stats.size} bytes`);
  const pieces: Buffer[] = [];
  for (let length = 0; ;) {
    const count = readSync(fd, shared, 0, shared.length, null);
    length += count;
    if (length > maxBytes) return tooLong(maxBytes, 'more');
    const isAll = count === 0 || length === stats.size;
    if (isAll && pieces.length === 0) return shared.subarray(0, count);
    pieces.push(Buffer.from(shared.subarray(0, count)));
    if (isAll) return Buffer.concat(pieces);
  }
}

const tooLong = (maxBytes: number, found: string): Mismatch => ({
  expected: `at most ${formatSize(maxBytes)}`,
  found,
});
