import { closeSync, constants, fstatSync, openSync, readSync, statSync, writeSync } from 'node:fs';
import type { JournalEntry } from '../../core/events/journal.ts';
import { monotonicMs } from '../process/clock.ts';
import { describeErrno, errnoOf } from '../files/errno.ts';
import { renameSync } from 'node:fs';
import { lockBackend } from '../lock/choose-backend.ts';
import { faultPoint } from '../files/fault-point.ts';

/** Where what has happened is kept. */
export interface Journal {
  /**
   * Adds a line for each entry, each by one write(2): two writers never tear a line. Never throws; what could not be
   * written is lost. Nothing is written where there is no state directory.
   */
  readonly append: (entries: readonly JournalEntry[]) => void;
  /** Why the last entry was not written, or the journal cannot be put aside, in words. */
  readonly problem: () => string | undefined;
}

/** When a journal is put aside, and how many of those are kept. */
export interface JournalLimits {
  readonly maxBytes: number;
  readonly keep: number;
}

const defaultLimits: JournalLimits = { maxBytes: 10_000_000, keep: 3 };

/** How long after a rotation that came to nothing the next one is tried, in ms. */
const rotateAgainMs = 1_000;

/** Opens no file before there is something to write. */
export function openJournal(stateDir: string, options: Partial<JournalLimits> = {}): Journal {
  const limits = { ...defaultLimits, ...options };
  const path = journalPath(stateDir);
  const file = keptOpen(path);
  let unwritten: string | undefined;
  let unrotated: string | undefined;
  let rotatesFrom = 0;

  const inWords = (error: unknown): string => `${path}: ${describeErrno(error)}`;
  const rotate = async (): Promise<void> => {
    rotatesFrom = monotonicMs() + rotateAgainMs;
    try {
      if (await rotateJournal(stateDir, limits)) rotatesFrom = 0;
      unrotated = undefined;
    } catch (error) {
      unrotated = inWords(error);
    }
  };
  const appendOne = (entry: JournalEntry): void => {
    const size = appendLine(file, JSON.stringify(entry));
    unwritten = undefined;
    if (size >= limits.maxBytes && monotonicMs() >= rotatesFrom) void rotate();
  };
  return {
    append: (entries) => {
      try {
        entries.forEach(appendOne);
      } catch (error) {
        file.close();
        // Whoever has removed the state directory wants no files in it.
        if (errnoOf(error) !== 'ENOENT') unwritten = inWords(error);
      }
    },
    problem: () => unwritten ?? unrotated,
  };
}

/** The file at a path, open for as long as it is the one at that path. */
interface KeptOpen {
  /** @throws the system error (ENOENT where there is no folder for it) */
  readonly open: () => { readonly fd: number; readonly size: number };
  readonly close: () => void;
}

function keptOpen(path: string): KeptOpen {
  let open: { fd: number; dev: number; ino: number } | undefined;
  const close = (): void => {
    if (open !== undefined) closeSync(open.fd);
    open = undefined;
  };
  return {
    open: () => {
      const found = statSync(path, { throwIfNoEntry: false });
      // Another writer has put aside the one that we hold, or somebody has removed it.
      if (found === undefined || found.ino !== open?.ino || found.dev !== open.dev) close();
      if (open !== undefined && found !== undefined) return { fd: open.fd, size: found.size };
      const { fd, dev, ino, size } = openFile(path);
      open = { fd, dev, ino };
      return { fd, size };
    },
    close,
  };
}

function openFile(path: string): { fd: number; dev: number; ino: number; size: number } {
  const { O_RDWR, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
  const fd = openSync(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o644);
  const stats = fstatSync(fd);
  if (stats.isFile()) return { fd, dev: stats.dev, ino: stats.ino, size: stats.size };
  closeSync(fd);
  throw new Error('expected a file, found something else in its place');
}

/** How often a line is written anew because the file was removed under it: it takes several rotations for that. */
const attempts = 3;

/** Writes a line; how large the file is then. */
function appendLine(file: KeptOpen, line: string): number {
  for (let attempt = 1; ; attempt += 1) {
    const { fd, size: before } = file.open();
    // Whoever was killed in the middle of a line, or had no room for it, has left it without its end.
    const bytes = Buffer.from(`${endsLine(fd, before) ? '' : '\n'}${line}\n`);
    const count = writeSync(fd, bytes);
    if (count < bytes.length) throw new Error('only a part of a line could be written');
    const { nlink, size } = fstatSync(fd);
    if (nlink > 0 || attempt === attempts) return size;
  }
}

const newline = 0x0a;

function endsLine(fd: number, size: number): boolean {
  if (size === 0) return true;
  const last = Buffer.alloc(1);
  return readSync(fd, last, 0, 1, size - 1) === 0 || last[0] === newline;
}

export const journalPath = (stateDir: string): string => `${stateDir}/events.ndjson`;

/**
 * Puts the journal aside as `events.ndjson.1`, what had that name as `.2` and so on, and lets the oldest go. Whoever writes
 * at the same time loses nothing: a line goes into the file that its writer has open, whatever its name is by then.
 * @returns whether the journal is small again; false where somebody else is at it
 * @throws the system error
 */
export async function rotateJournal(
  stateDir: string,
  { maxBytes, keep }: JournalLimits,
): Promise<boolean> {
  const path = journalPath(stateDir);
  const [lock] = await lockBackend().tryLock([`${stateDir}/events.lock`]);
  if (lock === undefined) return false;
  try {
    // Another writer may have been first: then a new, small one is there.
    if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) < maxBytes) return true;
    for (let age = keep - 1; age >= 1; age -= 1)
      renameIfThere(`${path}.${age}`, `${path}.${age + 1}`);
    renameIfThere(path, `${path}.1`);
    return true;
  } finally {
    await lock.release();
  }
}

function renameIfThere(from: string, to: string): void {
  try {
    renameSync(from, to);
    faultPoint();
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}
