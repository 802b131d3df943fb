import { readSync } from 'node:fs';

/** How much of a file is read at once. */
export const chunkBytes = 64 * 1024;

const newline = 0x0a;

/** Cuts bytes into lines, in whatever pieces they arrive. */
export interface LineCutter {
  /** The lines that these bytes complete, without their newline. A line that is too long comes in pieces. */
  readonly push: (bytes: Buffer) => Buffer[];
  /** The line that has no end yet; empty if there is none. */
  readonly unfinished: () => Buffer;
  /** Returns the unfinished line, if there is one, and forgets it. */
  readonly flush: () => Buffer[];
}

/** `longest`: a line of this many bytes that still has no end is cut here. */
export function createLineCutter(longest = 64 * 1024): LineCutter {
  let carried: Buffer[] = [];
  let length = 0;
  const carry = (bytes: Buffer): void => {
    carried.push(bytes);
    length += bytes.length;
  };
  const take = (): Buffer => {
    const all = Buffer.concat(carried);
    carried = [];
    length = 0;
    return all;
  };
  return {
    push: (chunk) => {
      const bytes = Buffer.from(chunk); // the caller reuses its buffer
      const lines: Buffer[] = [];
      let from = 0;
      for (let at = bytes.indexOf(newline); at !== -1; at = bytes.indexOf(newline, from)) {
        const end = bytes.subarray(from, at);
        if (length === 0) lines.push(end);
        else {
          carry(end);
          lines.push(take());
        }
        from = at + 1;
      }
      if (from < bytes.length) carry(bytes.subarray(from));
      if (length >= longest) lines.push(take());
      return lines;
    },
    unfinished: () => Buffer.concat(carried),
    flush: () => (length === 0 ? [] : [take()]),
  };
}

/**
 * The bytes of an open file from one place on, to another one or to its end. Each piece is overwritten by the next.
 * @throws the system error
 */
export function* chunksBetween(fd: number, from: number, to = Infinity): Generator<Buffer> {
  const chunk = Buffer.allocUnsafe(chunkBytes);
  for (let at = from; at < to;) {
    const length = readSync(fd, chunk, 0, Math.min(chunk.length, to - at), at);
    if (length === 0) return; // its end, perhaps because it has become shorter
    at += length;
    yield chunk.subarray(0, length);
  }
}

/** The bytes of an open file between two places; fewer if it ends before. */
export function bytesBetween(fd: number, from: number, to: number): Buffer {
  const bytes = Buffer.allocUnsafe(to - from);
  return bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, from));
}

/** The lines between two places of an open file; the last one need not have an end. */
export function* linesBetween(fd: number, from: number, to: number): Generator<Buffer> {
  const cutter = createLineCutter();
  for (const chunk of chunksBetween(fd, from, to)) yield* cutter.push(chunk);
  yield* cutter.flush();
}

/** The lines of a text; the last one need not have an end. */
export const linesIn = (text: string): string[] =>
  text === '' ? [] : text.replace(/\n$/, '').split('\n');

/** Where the last newline before a position is; -1 if there is none. */
export const lastNewline = (bytes: Buffer, before: number): number =>
  before === 0 ? -1 : bytes.lastIndexOf(newline, before - 1); // a negative position would count from the end
