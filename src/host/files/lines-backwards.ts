import { bytesBetween, chunkBytes, lastNewline } from './lines.ts';

/** A line that begins more than this before its end is shown from here on. */
const longestSearch = 16 * 1024 * 1024;

/** Where the last `count` lines of the first `end` bytes begin; not before `start`, in the middle of a line if need be. */
export function tailOffset(fd: number, end: number, count: number, start = 0): number {
  if (count === 0) return end;
  let found = 0;
  let lineEnd = end;
  for (const at of newlinesBefore(fd, end - 1, start)) {
    if (at === undefined) return Math.max(0, lineEnd - longestSearch);
    found += 1;
    lineEnd = at;
    if (found === count) return at + 1;
  }
  return start;
}

/** Where the last line that has an end ends, in the first `end` bytes; 0 if none has one. */
export function endOfLines(fd: number, end: number): number {
  for (const at of newlinesBefore(fd, end)) return at === undefined ? end : at + 1;
  return 0;
}

/** The newlines before `end`, the last one first; undefined, at the end, if the search for the next one was given up. */
function* newlinesBefore(fd: number, end: number, start = 0): Generator<number | undefined> {
  let last = end;
  for (const { bytes, from } of chunksBackwards(fd, end, start)) {
    for (let at = lastNewline(bytes, bytes.length); at !== -1; at = lastNewline(bytes, at)) {
      last = from + at;
      yield last;
    }
    if (last - from > longestSearch) {
      yield undefined;
      return;
    }
  }
}

/** A longer line is no text: nothing of it is kept. */
const longestKept = 1024 * 1024;

export interface FileLine {
  /** Undefined if it is too long. */
  readonly text: string | undefined;
  /** Where it begins, in bytes. */
  readonly from: number;
}

/**
 * The lines of the first `size` bytes of a file, the last one first, without holding more than a chunk and a line of it.
 * What is before `start` is not read.
 * The first one is what follows the last newline: empty, unless the file ends in the middle of a line.
 * @throws the system error
 */
export function* linesBackwards(fd: number, size: number, start = 0): Generator<FileLine> {
  let rest = lineEnd();
  for (const { bytes, from } of chunksBackwards(fd, size, start)) {
    let end = bytes.length;
    for (let at = lastNewline(bytes, end); at !== -1; at = lastNewline(bytes, end)) {
      rest.prepend(bytes.subarray(at + 1, end));
      yield { text: rest.text(), from: from + at + 1 };
      rest = lineEnd();
      end = at;
    }
    rest.prepend(bytes.subarray(0, end));
  }
  if (size > 0) yield { text: start > 0 ? undefined : rest.text(), from: start };
}

/** What has been read of a line so far: its end. */
function lineEnd(): { prepend: (bytes: Buffer) => void; text: () => string | undefined } {
  let parts: Buffer[] = [];
  let length = 0;
  return {
    prepend: (part) => {
      length += part.length;
      if (length > longestKept) parts = [];
      else parts.unshift(part);
    },
    text: () => (length > longestKept ? undefined : Buffer.concat(parts).toString('utf8')),
  };
}

/** The bytes of a file between two places in pieces, the last one first. */
function* chunksBackwards(
  fd: number,
  end: number,
  start = 0,
): Generator<{ bytes: Buffer; from: number }> {
  for (let to = end; to > start; to -= chunkBytes) {
    const from = Math.max(start, to - chunkBytes);
    yield { bytes: bytesBetween(fd, from, to), from };
  }
}
