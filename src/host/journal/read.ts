import { closeSync } from 'node:fs';
import type { JournalEntry } from '../../core/events/journal.ts';
import type { Moment } from '../../core/basics/time.ts';
import {
  journalParts,
  mostBytes,
  understood,
  unreadable,
  type JournalLine,
  type JournalPart,
} from './parts.ts';
import { linesBackwards, type FileLine } from '../files/lines-backwards.ts';

/** Which lines are wanted. */
export interface JournalQuery {
  /** Nothing older. */
  readonly since?: Moment;
  /** Look through no more than this many lines. */
  readonly scan?: number;
  /** At most this many, the latest ones. */
  readonly limit?: number;
  readonly matches?: (entry: JournalEntry) => boolean;
  /** Only lines that contain this text; the others are neither parsed nor counted. */
  readonly mention?: string;
}

/** How far the journal has been read: in which of its files, and to which byte. */
export interface JournalPlace {
  readonly id: string;
  readonly offset: number;
}

export interface JournalFound {
  /** In the order of the file. */
  readonly lines: readonly JournalLine[];
  /** How many of the lines that were read could not be understood. */
  readonly skipped: number;
  /** Where to continue reading; undefined if there is no journal yet. */
  readonly end: JournalPlace | undefined;
}

/** If the clock was set back, an older line follows a newer one: this much is searched for such lines. */
const disorderMs = 3_600_000;

/**
 * Reads the journal backwards, through all its files, and no further than necessary.
 * @throws WorkerctlError `state` if one of its files cannot be read
 */
export function readJournal(stateDir: string, query: JournalQuery = {}): JournalFound {
  const lines: JournalLine[] = [];
  let skipped = 0;
  let end: JournalPlace | undefined;
  const { limit = Infinity, scan = Infinity } = query;
  let scanned = 0;
  for (const line of allLines(stateDir)) {
    end ??= behind(line);
    if (limit === 0 || (scanned += 1) > scan) break;
    const found = answerOf(line.text, query);
    if (found === 'long before') break;
    if (found === 'garbage') skipped += 1;
    if (typeof found === 'object') lines.push(found);
    if (lines.length >= limit) break; // the next line may begin gigabytes before
  }
  return { lines: lines.reverse(), skipped, end };
}

/** Where to continue after the last line: at its beginning if it is not complete. */
const behind = ({ part, from, text }: PartLine): JournalPlace => ({
  id: part.id,
  offset: text === undefined || understood(text) === undefined ? from : part.size,
});

/** The line if it is wanted; otherwise why it is not. */
function answerOf(
  text: string | undefined,
  { since, matches, mention }: JournalQuery,
): JournalLine | 'other' | 'long before' | 'garbage' {
  if (mention !== undefined && text?.includes(mention) !== true) return 'other';
  const found = text === undefined ? undefined : understood(text);
  if (found === undefined) return 'garbage';
  if (found === 'blank') return 'other';
  const at = Date.parse(found.entry.at);
  if (since !== undefined && at < since) return at < since - disorderMs ? 'long before' : 'other';
  return matches?.(found.entry) === false ? 'other' : found;
}

type PartLine = FileLine & { readonly part: JournalPart };

/** All lines of all files, the last one first. */
function* allLines(stateDir: string): Generator<PartLine> {
  for (const part of journalParts(stateDir)) {
    try {
      if (part.size === 0) yield { part, from: 0, text: '' };
      const start = Math.max(0, part.size - mostBytes);
      for (const line of linesBackwards(part.fd, part.size, start)) yield { part, ...line };
    } catch (error) {
      throw unreadable(part.path, error);
    } finally {
      closeSync(part.fd);
    }
  }
}
