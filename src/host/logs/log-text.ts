import { closeSync, fstatSync } from 'node:fs';
import { bytesBetween, chunkBytes } from '../files/lines.ts';
import { partsBefore, type LogFile } from './place.ts';

/** A log and its older files as one text, the oldest first. */
export interface LogText {
  /** In bytes. */
  readonly size: number;
  /** At least one byte, unless the text ends here (it was cut or emptied meanwhile). */
  readonly read: (from: number, to: number) => Buffer;
  /** Closes the older files. */
  readonly close: () => void;
}

interface Part {
  readonly fd: number;
  readonly from: number;
  readonly size: number;
}

/** The text up to byte `end` of the open log. Compressed older files are not part of it. */
export function logTextOf(path: string, log: LogFile, end: number): LogText {
  const older = partsBefore(path, log);
  let size = 0;
  const parts = [
    ...older.map(({ fd }) => ({ fd, size: fstatSync(fd).size })),
    { fd: log.fd, size: end },
  ].map((part): Part => {
    const from = size;
    size += part.size;
    return { ...part, from };
  });
  return {
    size,
    read: (from, to) => {
      const part = parts.find((one) => from >= one.from && from < one.from + one.size);
      if (part === undefined) return Buffer.alloc(0);
      return bytesBetween(part.fd, from - part.from, Math.min(to - part.from, part.size));
    },
    close: () => {
      for (const { fd } of older) closeSync(fd);
    },
  };
}

/** A line without its newline, and where it begins in its text. */
export interface PlacedLine {
  readonly line: Buffer;
  readonly from: number;
}

const newline = 0x0a;

/** A longer line comes in pieces of this length, in bytes. */
const longest = 64 * 1024;

type Bytes = Pick<LogText, 'read'>;

/** The lines between two places of a text; the last one need not have an end. */
export function* linesOf(text: Bytes, from: number, to: number): Generator<PlacedLine> {
  let rest: Buffer = Buffer.alloc(0);
  let begin = from;
  for (let at = from; at < to;) {
    const bytes = text.read(at, Math.min(at + chunkBytes, to));
    if (bytes.length === 0) break;
    at += bytes.length;
    rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    for (let cut = cutOf(rest); cut !== undefined; cut = cutOf(rest)) {
      yield { line: rest.subarray(0, cut.end), from: begin };
      rest = rest.subarray(cut.next);
      begin += cut.next;
    }
  }
  if (rest.length > 0) yield { line: rest, from: begin };
}

/** Where the first line, or a piece of it, ends, and where the next begins; undefined if that is not known yet. */
function cutOf(bytes: Buffer): { end: number; next: number } | undefined {
  const end = bytes.indexOf(newline);
  if (end !== -1 && end <= longest) return { end, next: end + 1 };
  return bytes.length > longest ? { end: longest, next: longest } : undefined;
}

/** Where the first line begins that does not begin before `at`; `to` if none does before `to`. */
export function lineBeginAt(text: Bytes, at: number, to: number): number {
  if (at === 0) return 0;
  for (let from = at - 1; from < to;) {
    const bytes = text.read(from, Math.min(from + chunkBytes, to));
    if (bytes.length === 0) return to;
    const end = bytes.indexOf(newline);
    if (end !== -1) return from + end + 1;
    from += bytes.length;
  }
  return to;
}
