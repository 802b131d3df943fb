import type { Moment } from '../../core/basics/time.ts';
import {
  createLineReader,
  isWanted,
  type LogQuery,
  type ReadLine,
} from '../../core/rules/log-selection.ts';
import { lineBeginAt, linesOf, type LogText } from './log-text.ts';
import { placesOf } from './time-place.ts';

/** A line that was read, with its bytes. */
export type LogLine = ReadLine<Buffer>;

/** What was seen of the lines that were looked at. */
export interface SeenLines {
  lines: number;
  /** Of them, those whose time is known. */
  dated: number;
  /** Those whose level is known. */
  graded: number;
}

export const noneSeen = (): SeenLines => ({ lines: 0, dated: 0, graded: 0 });

/** Reads the lines of one log, one after the other. */
export const logLineReader = (now: Moment) =>
  createLineReader<Buffer>((line) => line.toString('utf8'), now);

export interface Selecting {
  readonly query: LogQuery;
  /** The last lines of what the query selects; undefined: all of it. */
  readonly count: number | undefined;
  readonly now: Moment;
  readonly seen: SeenLines;
}

/**
 * How much earlier than a line before it a line may be, in milliseconds: several processes write to a log, a clock is set
 * back, and at the end of summer time local times repeat an hour.
 */
const disorderMs = 3_600_000;

/** The first piece that is searched backwards, in bytes; each next one is twice as long. */
const firstPiece = 256 * 1024;
const longestPiece = 8 * 1024 * 1024;

type Text = Pick<LogText, 'size' | 'read'>;

/** The lines of a text that a query selects. Reads no more of it than is necessary, and holds `count` lines at most. */
export function selectLines(text: Text, selecting: Selecting): Iterable<LogLine> {
  const { query, count, now } = selecting;
  const { since, until } = query;
  const from = since === undefined ? 0 : placesOf(text, since - disorderMs, now).from;
  const to = until === undefined ? text.size : placesOf(text, until + disorderMs + 1, now).to;
  if (count === undefined) return wantedLines(text, { from, to }, selecting);
  return lastWanted(text, { from, to }, { ...selecting, count });
}

interface Range {
  readonly from: number;
  readonly to: number;
}

function* wantedLines(
  text: Text,
  { from, to }: Range,
  { query, now, seen }: Selecting,
): Generator<LogLine> {
  const read = logLineReader(now);
  for (const { line } of linesOf(text, from, to)) {
    const one = read(line);
    note(seen, one);
    if (isWanted(one, query)) yield one;
  }
}

function note(seen: SeenLines, { at, level }: LogLine): void {
  seen.lines += 1;
  if (at !== undefined) seen.dated += 1;
  if (level !== undefined) seen.graded += 1;
}

/** Searches piece by piece backwards, each from the first line that continues none before it. */
function lastWanted(
  text: Text,
  { from, to }: Range,
  selecting: Selecting & { readonly count: number },
): readonly LogLine[] {
  const { count } = selecting;
  let found: readonly LogLine[] = [];
  let length = firstPiece;
  for (let end = to; end > from && found.length < count; length *= 2) {
    const near = lineBeginAt(text, Math.max(from, end - length), end);
    const begin = end - length <= from ? from : headAfter(text, near, end, selecting.now);
    if (begin === undefined && length < longestPiece) continue;
    const piece = { from: begin ?? near, to: end };
    if (piece.from >= end) continue; // in the middle of a line that is longer than the piece
    found = [...lastOf(wantedLines(text, piece, selecting), count - found.length), ...found];
    end = piece.from;
    length = Math.min(length, longestPiece / 2);
  }
  return found;
}

/** The last lines; copied, because each would keep the piece of the file that it was read with. */
function lastOf(lines: Iterable<LogLine>, count: number): readonly LogLine[] {
  const last: LogLine[] = [];
  for (const one of lines) {
    last.push({ ...one, line: Buffer.from(one.line) });
    if (last.length > 2 * count) last.splice(0, count);
  }
  return last.slice(-count);
}

function headAfter(text: Text, from: number, to: number, now: Moment): number | undefined {
  const read = logLineReader(now);
  for (const { line, from: begin } of linesOf(text, from, to)) if (read(line).isHead) return begin;
  return undefined;
}
