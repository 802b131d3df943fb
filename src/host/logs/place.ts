import { closeSync, fstatSync, openSync } from 'node:fs';
import type { Rights } from '../../core/model/account.ts';
import { asUserOf } from '../process/as-user.ts';
import { readFlags } from '../files/bounded-read.ts';
import { bytesBetween } from '../files/lines.ts';
import { fileId, olderFiles, type OlderFile } from './older.ts';

/** How far an open log has been read. */
export interface Place {
  readonly fd: number;
  /** The identity of the open file. */
  readonly id: string;
  /** The older files whose text no longer counts in `position`: what a rotation adds to them was cut off the log. */
  readonly known: Set<string>;
  /** Of the user whose files these are. */
  readonly rights: Rights;
  position: number;
  /** The bytes before `position`: if they differ, the file was cut or emptied. */
  before: Buffer;
}

/** An open log that is read as it is. */
export type LogFile = Pick<Place, 'fd' | 'id' | 'rights'>;

/** Text that was cut off before it was read: the rest of an open older file. */
export interface Unread {
  readonly fd: number;
  readonly from: number;
}

export interface Part {
  readonly fd: number;
  readonly id: string;
}

interface SizedPart {
  readonly fd: number;
  readonly size: number;
}

/** How many bytes must be equal for a log to count as not yet cut. */
const comparedBytes = 4096;

/** How often the search starts again because a rotation came in between. */
const maxAttempts = 100;

/** All older files of a log whose text is no longer in it. Of a rotation under way, the newest still is. */
export function knownOlderFiles(path: string, fd: number | undefined, rights: Rights): Set<string> {
  const [newest, ...others] = olderFiles(path);
  const known = new Set(others.map(({ id }) => id));
  if (newest !== undefined && (fd === undefined || !isInFront(newest, { fd, rights })))
    known.add(newest.id);
  return known;
}

/**
 * Whether nothing has been cut off the log since `known`. Ask after reading: an older file is published before its text is
 * cut off, so what was read before a "yes" was not disturbed by a cut.
 */
export function isUncut(path: string, place: Place): boolean {
  const [oldest, ...others] = newOlderFiles(path, place);
  return oldest === undefined || (others.length === 0 && isInFront(oldest, place));
}

/**
 * Finds the place again in a log that was cut, and moves it there. Calls `read` with what was cut off unread, the oldest
 * first, while these files are open. The older files and the log are one text, in which the place stays the same; that the
 * bytes before it are the same is checked, because other programs rotate too.
 */
export function* findAgain<Line>(
  path: string,
  place: Place,
  read: (unread: Unread) => Iterable<Line>,
): Generator<Line> {
  for (let attempt = 1; ; attempt += 1) {
    const parts = openParts(newOlderFiles(path, place), place.rights);
    try {
      const cut = withoutUncut(parts, place.fd);
      const sized = cut.map(({ fd }) => ({ fd, size: fstatSync(fd).size }));
      const start = startOf(place, sized);
      const isDisturbed = start === undefined && !isListed(path, place, parts);
      if (isDisturbed && attempt < maxAttempts) continue;
      if (start === undefined && isPlaceDropped(path, place)) restart(place);
      const unread = moveOn(place, sized.slice(start ?? 0));
      if (start === undefined) restart(place);
      for (const { id } of cut) place.known.add(id);
      for (const each of unread) yield* read(each);
      return;
    } finally {
      for (const { fd } of parts) closeSync(fd);
    }
  }
}

/** What rotations have added since `known`, the oldest first. If the log itself was renamed, only what is older than it. */
function newOlderFiles(path: string, { id, known }: Pick<Place, 'id' | 'known'>): OlderFile[] {
  let found: OlderFile[] = [];
  for (const file of olderFiles(path)) {
    if (known.has(file.id)) break;
    found = file.id === id ? [] : [file, ...found];
  }
  return found;
}

/** The older files of a log, open, the oldest first: those whose text is no longer in it. */
export function partsBefore(path: string, { fd, id, rights }: LogFile): readonly Part[] {
  const parts = openParts(newOlderFiles(path, { id, known: new Set() }), rights);
  const cut = withoutUncut(parts, fd).filter((part) => fstatSync(part.fd).isFile());
  for (const part of parts) if (!cut.includes(part)) closeSync(part.fd);
  return cut;
}

/** Whether an older file was published, but its text is not yet cut off the log. */
function isInFront(file: OlderFile, { fd: log, rights }: Pick<Place, 'fd' | 'rights'>): boolean {
  const parts = openParts([file], rights);
  const [part] = parts;
  if (part === undefined) return false;
  try {
    return holds(log, part.fd);
  } finally {
    closeSync(part.fd);
  }
}

/** Whether a log begins with all of an older file, judging by the last bytes of that file. */
function holds(log: number, older: number): boolean {
  const { size } = fstatSync(older);
  if (fstatSync(log).size < size) return false;
  const from = Math.max(0, size - comparedBytes);
  return bytesBetween(older, from, size).equals(bytesBetween(log, from, size));
}

function withoutUncut(parts: readonly Part[], log: number): readonly Part[] {
  const newest = parts.at(-1);
  return newest !== undefined && holds(log, newest.fd) ? parts.slice(0, -1) : parts;
}

/** Skips files that we may not read, and those that got another number in this moment. */
function openParts(files: readonly OlderFile[], rights: Rights): Part[] {
  return files.flatMap(({ path, id }) => {
    const fd = asUserOf(rights, () => tryToOpen(path));
    if (fd === undefined) return [];
    if (fileId(fstatSync(fd)) === id) return [{ fd, id }];
    closeSync(fd);
    return [];
  });
}

function tryToOpen(path: string): number | undefined {
  try {
    return openSync(path, readFlags);
  } catch {
    return undefined;
  }
}

const isListed = (path: string, place: Place, parts: readonly Part[]): boolean =>
  newOlderFiles(path, place)
    .map(({ id }) => id)
    .join(' ') === parts.map(({ id }) => id).join(' ');

/**
 * The number of the part that was the front of the log when the place was noted; as many as there are parts if that is the
 * log itself. Usually it is the first one. Undefined if the bytes before the place are in none.
 */
function startOf({ fd, position, before }: Place, parts: readonly SizedPart[]): number | undefined {
  const text = [...parts, { fd, size: Infinity }];
  const others = parts.map((_, index) => parts.length - index);
  return [0, ...others].find((start) =>
    textBetween(text.slice(start), position - before.length, position).equals(before),
  );
}

function textBetween(parts: readonly SizedPart[], from: number, to: number): Buffer {
  const pieces: Buffer[] = [];
  let begin = 0;
  for (const { fd, size } of parts) {
    const [first, last] = [Math.max(from, begin), Math.min(to, begin + size)];
    if (first < last) pieces.push(bytesBetween(fd, first - begin, last - begin));
    begin += size;
  }
  return Buffer.concat(pieces);
}

/** More was rotated away than is kept: all older files that are left are unread. */
function isPlaceDropped(path: string, { known }: Place): boolean {
  return known.size > 0 && ![...olderFiles(path)].some(({ id }) => known.has(id));
}

/** Moves the place past these parts. What it passes unread is returned. */
function moveOn(place: Place, parts: readonly SizedPart[]): Unread[] {
  const unread: Unread[] = [];
  for (const { fd, size } of parts) {
    if (place.position < size) unread.push({ fd, from: place.position });
    place.position = Math.max(0, place.position - size);
  }
  place.before = place.before.subarray(Math.max(0, place.before.length - place.position));
  return unread;
}

function restart(place: Place): void {
  place.position = 0;
  place.before = Buffer.alloc(0);
}
