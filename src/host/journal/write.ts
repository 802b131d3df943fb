import { closeSync, constants, fstatSync, openSync, renameSync, writeSync } from 'node:fs';
import { kindOfFile } from '../../core/basics/file-kind.ts';
import { ifThere } from '../files/json-file.ts';
import { faultPoint } from '../files/fault-point.ts';
import { lockBackend } from '../lock/choose-backend.ts';
import { journalPath } from './parts.ts';
import type { JournalEntry } from '../../core/events/journal.ts';
import { monotonicMs } from '../process/clock.ts';
import { describeErrno, errnoOf } from '../files/errno.ts';
import { isStillAt } from '../files/is-still-at.ts';
import { bytesBetween } from '../files/lines.ts';
import { statsOf } from '../files/stats-of.ts';

/** When the journal is rotated, and how many older files are kept. */
export interface JournalLimits {
  readonly maxBytes: number;
  readonly keep: number;
}

/**
 * Renames the journal to `events.ndjson.1`, the previous `.1` to `.2` and so on; the oldest file is overwritten. A command
 * that writes at the same time loses nothing: its line goes into the file that it has open, whatever the name is by then.
 * @returns whether the journal is small again; false if another command is rotating it
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
    // Another command may have been first: the file is new and small then.
    if ((statsOf(path)?.size ?? 0) < maxBytes) return true;
    for (let age = keep - 1; age >= 1; age -= 1)
      renameIfThere(`${path}.${age}`, `${path}.${age + 1}`);
    renameIfThere(path, `${path}.1`);
    return true;
  } finally {
    await lock.release();
  }
}

function renameIfThere(from: string, to: string): void {
  ifThere(() => {
    renameSync(from, to);
    faultPoint();
  });
}

/** The journal as commands write to it. */
export interface Journal {
  /**
   * Adds a line for each entry, each by one write(2): two writers never tear a line. It never throws; an entry that cannot
   * be written is lost. If there is no state directory, nothing is written.
   */
  readonly append: (entries: readonly JournalEntry[]) => void;
  /** Why the last entry was not written, or the journal cannot be rotated. */
  readonly problem: () => string | undefined;
}

const defaultLimits: JournalLimits = { maxBytes: 10_000_000, keep: 3 };

/** How long after a failed rotation the next one is tried, in ms. */
const rotateAgainMs = 1_000;

/** Opens the journal; its file is opened with the first entry. */
export function openJournal(stateDir: string, options: Partial<JournalLimits> = {}): Journal {
  const limits = { ...defaultLimits, ...options };
  const path = journalPath(stateDir);
  const file = keptOpen(path);
  let unwritten: string | undefined;
  let unrotated: string | undefined;
  let rotatesFrom = 0;

  const describe = (error: unknown): string => `${path}: ${describeErrno(error)}`;
  const rotate = async (): Promise<void> => {
    rotatesFrom = monotonicMs() + rotateAgainMs;
    try {
      if (await rotateJournal(stateDir, limits)) rotatesFrom = 0;
      unrotated = undefined;
    } catch (error) {
      unrotated = describe(error);
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
        // If the state directory was removed, nothing must be created in it.
        if (errnoOf(error) !== 'ENOENT') unwritten = describe(error);
      }
    },
    problem: () => unwritten ?? unrotated,
  };
}

/** The file at a path; it stays open until another file is at that path. */
interface KeptOpen {
  /** @throws the system error (ENOENT if its directory does not exist) */
  readonly open: () => { readonly fd: number; readonly size: number };
  readonly close: () => void;
}

function keptOpen(path: string): KeptOpen {
  let fd: number | undefined;
  const close = (): void => {
    if (fd !== undefined) closeSync(fd);
    fd = undefined;
  };
  return {
    open: () => {
      // Another command may have rotated the open file, or it was removed.
      if (fd !== undefined && !isStillAt(fd, path)) close();
      fd ??= openFile(path);
      return { fd, size: fstatSync(fd).size };
    },
    close,
  };
}

function openFile(path: string): number {
  const { O_RDWR, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
  const fd = openSync(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o644);
  const stats = fstatSync(fd);
  if (stats.isFile()) return fd;
  closeSync(fd);
  throw new Error(`expected a file, found ${kindOfFile(stats)}`);
}

/** How often a line is written again because its file was removed meanwhile: that takes several rotations. */
const attempts = 3;

/** Writes a line. @returns the size of the file after that */
function appendLine(file: KeptOpen, line: string): number {
  for (let attempt = 1; ; attempt += 1) {
    const { fd, size: before } = file.open();
    // A writer that was killed in the middle of a line, or had no room for it, has left it without its end.
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
  const [last = newline] = bytesBetween(fd, size - 1, size);
  return last === newline;
}
