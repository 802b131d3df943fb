import { readSync } from 'node:fs';

const newline = 0x0a;

/** So much is read at once. */
const chunkBytes = 64 * 1024;

/** Longer lines are no text: of them nothing is kept. */
const longestLine = 1024 * 1024;

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
      if (bytes > longestLine) parts = [];
      else parts.unshift(part);
    },
    text: () => (bytes > longestLine ? undefined : Buffer.concat(parts).toString('utf8')),
  };
}
