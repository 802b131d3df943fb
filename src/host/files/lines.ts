import { readSync } from 'node:fs';

const newline = 0x0a;
const chunkBytes = 64 * 1024;

/** A longer line comes in pieces of this. */
export const longestLine = 64 * 1024;

/** A line that begins earlier than this before its end is shown from here on. */
const longestSearch = 16 * 1024 * 1024;

/** Where the last `count` lines of the first `end` bytes begin. Reads backwards, some at a time. */
export function tailOffset(fd: number, end: number, count: number): number {
  if (count === 0) return end;
  let found = 0;
  let lineEnd = end;
  for (const at of newlinesBefore(fd, end - 1)) {
    if (at === undefined) return Math.max(0, lineEnd - longestSearch);
    found += 1;
    lineEnd = at;
    if (found === count) return at + 1;
  }
  return 0;
}

/** Where the last line that has an end ends, in the first `end` bytes; 0 when none has. */
export function endOfLines(fd: number, end: number): number {
  for (const at of newlinesBefore(fd, end)) return at === undefined ? end : at + 1;
  return 0;
}

/** The newlines before `end`, the last first; undefined where there is none for too long. */
function* newlinesBefore(fd: number, end: number): Generator<number | undefined> {
  const chunk = Buffer.allocUnsafe(chunkBytes);
  let last = end;
  for (let to = end; to > 0; to -= chunkBytes) {
    const from = Math.max(0, to - chunkBytes);
    const length = readSync(fd, chunk, 0, to - from, from);
    let index = length;
    while (index > 0 && (index = chunk.lastIndexOf(newline, index - 1)) !== -1) {
      last = from + index;
      yield last;
    }
    if (last - from > longestSearch) {
      yield undefined;
      return;
    }
  }
}

/** Cuts bytes into lines, whatever the pieces in which they come. */
export interface LineCutter {
  /** The lines that these bytes complete, without their newline; pieces of those that are too long. */
  readonly push: (bytes: Buffer) => Buffer[];
  /** What has no end yet, if anything; forgets it. */
  readonly flush: () => Buffer[];
}

export function createLineCutter(): LineCutter {
  let carried: Buffer[] = [];
  let length = 0;
  const carry = (bytes: Buffer): void => {
    carried.push(Buffer.from(bytes)); // the reader's buffer is filled anew
    length += bytes.length;
  };
  const take = (): Buffer => {
    const all = Buffer.concat(carried);
    carried = [];
    length = 0;
    return all;
  };
  return {
    push: (bytes) => {
      const lines: Buffer[] = [];
      let from = 0;
      for (let at = bytes.indexOf(newline); at !== -1; at = bytes.indexOf(newline, from)) {
        carry(bytes.subarray(from, at));
        lines.push(take());
        from = at + 1;
      }
      if (from < bytes.length) carry(bytes.subarray(from));
      if (length >= longestLine) lines.push(take());
      return lines;
    },
    flush: () => (length === 0 ? [] : [take()]),
  };
}

/** The lines between two places of an open file; the last one also without an end. */
export function* linesBetween(fd: number, from: number, to: number): Generator<Buffer> {
  const chunk = Buffer.allocUnsafe(chunkBytes);
  const cutter = createLineCutter();
  for (let at = from; at < to;) {
    const length = readSync(fd, chunk, 0, Math.min(chunk.length, to - at), at);
    if (length === 0) break; // it became shorter meanwhile
    at += length;
    yield* cutter.push(chunk.subarray(0, length));
  }
  yield* cutter.flush();
}

/** Longer lines are no text: of them nothing is kept. */
const longestKept = 1024 * 1024;

/** A line of a file, without its end. */
export interface FileLine {
  /** Undefined for one that is too long. */
  readonly text: string | undefined;
  /** Where it begins, in bytes. */
  readonly from: number;
}

/**
 * The lines of the first `size` bytes of a file, the last one first, without ever holding more than a chunk and a line of
 * it. The first to come is what stands behind the last newline: empty, unless the file ends in the middle of a line.
 * @throws the system error
 */
export function* linesBackwards(fd: number, size: number): Generator<FileLine> {
  let rest = lineEnd();
  for (let from = size; from > 0;) {
    const length = Math.min(chunkBytes, from);
    from -= length;
    const chunk = readAt(fd, from, length);
    let end = chunk.length;
    for (let at = lastNewline(chunk, end); at !== -1; at = lastNewline(chunk, end)) {
      rest.prepend(chunk.subarray(at + 1, end));
      yield { text: rest.text(), from: from + at + 1 };
      rest = lineEnd();
      end = at;
    }
    rest.prepend(chunk.subarray(0, end));
  }
  if (size > 0) yield { text: rest.text(), from: 0 };
}

/** A negative position would count from the end. */
const lastNewline = (chunk: Buffer, before: number): number =>
  before === 0 ? -1 : chunk.lastIndexOf(newline, before - 1);

/** Fewer bytes where the file has become shorter meanwhile. */
function readAt(fd: number, from: number, length: number): Buffer {
  const chunk = Buffer.alloc(length);
  let count = 0;
  while (count < length) {
    const more = readSync(fd, chunk, count, length - count, from + count);
    if (more === 0) break;
    count += more;
  }
  return chunk.subarray(0, count);
}

/** What has been read of a line so far: its end. */
function lineEnd(): { prepend: (bytes: Buffer) => void; text: () => string | undefined } {
  let parts: Buffer[] = [];
  let bytes = 0;
  return {
    prepend: (part) => {
      bytes += part.length;
      if (bytes > longestKept) parts = [];
      else parts.unshift(part);
    },
    text: () => (bytes > longestKept ? undefined : Buffer.concat(parts).toString('utf8')),
  };
}
