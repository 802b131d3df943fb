import { closeSync, fstatSync } from 'node:fs';
import {
  journalParts,
  journalPath,
  mostBytes,
  understood,
  unreadable,
  type JournalLine,
  type JournalPart,
} from './parts.ts';
import type { JournalPlace } from './read.ts';
import { isStillAt } from '../files/is-still-at.ts';
import { chunksBetween, createLineCutter, type LineCutter } from '../files/lines.ts';
import { watchDirectory } from '../files/watch-directory.ts';

/** The longest time between two looks: on some file systems inotify reports nothing. */
const lookMs = 1_000;

/**
 * Calls `report` with each line that is added to the journal after `from`, through any number of rotations, until `signal`
 * aborts.
 * @param from undefined if there was no journal yet
 * @throws WorkerctlError `state` if it cannot be read
 */
export async function followJournal(
  stateDir: string,
  from: JournalPlace | undefined,
  report: (line: JournalLine) => void,
  signal: AbortSignal,
): Promise<void> {
  const files = watchDirectory(stateDir, (name) => name === 'events.ndjson');
  let tails: Tail[] = [];
  let place = from;
  try {
    while (!signal.aborted) {
      tails.push(...newTails(stateDir, tails, place));
      place = undefined;
      for (const tail of tails) readOn(tail, report);
      const kept = keptOf(tails);
      for (const tail of tails) if (!kept.includes(tail)) closeSync(tail.part.fd);
      tails = kept;
      await files.changes(lookMs, signal);
    }
  } finally {
    files.close();
    for (const { part } of tails) closeSync(part.fd);
  }
}

/** A file of the journal and how far it has been read. */
interface Tail {
  readonly part: JournalPart;
  offset: number;
  readonly cutter: LineCutter;
}

/**
 * The files that are newer than the last known one, the oldest first. At the beginning: the file in which reading continues,
 * the newer ones, and the one before it.
 */
function newTails(
  stateDir: string,
  tails: readonly Tail[],
  place: JournalPlace | undefined,
): Tail[] {
  const last = tails.at(-1);
  if (last !== undefined && isNewest(stateDir, last)) return [];
  const known = new Set(tails.map(({ part }) => part.id));
  const found: Tail[] = [];
  let isBehindPlace = true;
  for (const part of journalParts(stateDir)) {
    if (known.has(part.id)) {
      closeSync(part.fd);
      break;
    }
    const isAtPlace = part.id === place?.id;
    const begin = isAtPlace ? place.offset : 0;
    const offset = isBehindPlace ? begin : part.size;
    found.unshift({ part, offset, cutter: createLineCutter(longestLine) });
    if (!isBehindPlace) break;
    isBehindPlace = !isAtPlace;
  }
  return found;
}

/**
 * A command that had the last file open during a rotation may still write to it. One more file that still has a name is
 * kept as a landmark: if the newer ones are removed, what is older than the landmark is not taken for new. While it is
 * open, no other file gets its id.
 */
function keptOf(tails: readonly Tail[]): Tail[] {
  const landmark = tails.slice(0, -2).findLast(({ part }) => fstatSync(part.fd).nlink > 0);
  return [...(landmark ? [landmark] : []), ...tails.slice(-2)];
}

/** If there is no file at the moment, there may have been several rotations since the last look. */
const isNewest = (stateDir: string, { part }: Tail): boolean =>
  isStillAt(part.fd, journalPath(stateDir));

/** A longer line was not written by workerctl; it arrives in pieces, which are no entries. */
const longestLine = 1024 * 1024;

function readOn(tail: Tail, report: (line: JournalLine) => void): void {
  const { part, cutter } = tail;
  try {
    const { size } = fstatSync(part.fd);
    if (size < tail.offset) {
      tail.offset = 0; // it was emptied
      cutter.flush();
    }
    tail.offset = Math.max(tail.offset, size - mostBytes);
    for (const chunk of chunksBetween(part.fd, tail.offset)) {
      tail.offset += chunk.length;
      for (const text of cutter.push(chunk)) {
        const line = text.length === 0 ? undefined : understood(text.toString('utf8'));
        if (line !== undefined && line !== 'blank') report(line);
      }
    }
  } catch (error) {
    throw unreadable(part.path, error);
  }
}
