import { closeSync, fstatSync, statSync } from 'node:fs';
import { journalParts, unreadable, type JournalPart } from './parts.ts';
import { understood, type JournalLine, type JournalPlace } from './read.ts';
import { journalPath } from './write.ts';
import { chunksBetween, createLineCutter, type LineCutter } from '../files/lines.ts';
import { watchDirectory } from '../files/watch-directory.ts';

/** How long the kernel's word is waited for before a look: it tells nothing on some file systems. */
const lookMs = 1_000;

/**
 * Tells of each line that is added to the journal behind `from` (undefined: behind nothing, there was none), through any
 * number of rotations, until `signal` aborts.
 * @throws WorkerctlError `state` when it cannot be read
 */
export async function followJournal(
  stateDir: string,
  from: JournalPlace | undefined,
  tell: (line: JournalLine) => void,
  signal: AbortSignal,
): Promise<void> {
  const files = watchDirectory(stateDir, (name) => name === 'events.ndjson');
  let tails: Tail[] = [];
  let place = from;
  try {
    while (!signal.aborted) {
      tails.push(...newTails(stateDir, tails, place));
      place = undefined;
      for (const tail of tails) readOn(tail, tell);
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

/** A file of the journal and how far it has been told. */
interface Tail {
  readonly part: JournalPart;
  offset: number;
  readonly cutter: LineCutter;
}

/**
 * The files that have come since the last one, the oldest first; at the beginning the one in which reading goes on too, and
 * the one before it.
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
 * Whoever had the last file open when it was put aside may still write to that one. One more that has a name is a landmark:
 * somebody may remove the newer ones, and what is older than it is not new for that. While it is open, no other file gets
 * its id.
 */
function keptOf(tails: readonly Tail[]): Tail[] {
  const landmark = tails.slice(0, -2).findLast(({ part }) => fstatSync(part.fd).nlink > 0);
  return [...(landmark ? [landmark] : []), ...tails.slice(-2)];
}

/** Where there is none at the moment, several may have been put aside since we looked. */
function isNewest(stateDir: string, { part }: Tail): boolean {
  const found = statSync(journalPath(stateDir), { throwIfNoEntry: false });
  return found !== undefined && `${found.dev}:${found.ino}` === part.id;
}

/** A line that goes on for longer was not written by workerctl; it comes in pieces, which are no entries. */
const longestLine = 1024 * 1024;

function readOn(tail: Tail, tell: (line: JournalLine) => void): void {
  const { part, cutter } = tail;
  try {
    if (fstatSync(part.fd).size < tail.offset) {
      tail.offset = 0; // it was emptied
      cutter.flush();
    }
    for (const chunk of chunksBetween(part.fd, tail.offset)) {
      tail.offset += chunk.length;
      for (const text of cutter.push(chunk)) {
        const line = understood(text.toString('utf8'));
        if (line !== undefined && line !== 'blank') tell(line);
      }
    }
  } catch (error) {
    throw unreadable(part.path, error);
  }
}
