import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs';
import type { JournalEntry } from '../../core/events/journal.ts';
import { monotonicMs } from '../process/clock.ts';
import { describeErrno, errnoOf } from '../files/errno.ts';
import { isStillAt } from '../files/is-still-at.ts';
import { bytesBetween } from '../files/lines.ts';
import { journalPath } from './path.ts';
import { rotateJournal, type JournalLimits } from './rotate.ts';

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
  if (fstatSync(fd).isFile()) return fd;
  closeSync(fd);
  throw new Error('expected a file, found something else');
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
