import {
  closeSync,
  constants,
  fchownSync,
  fdatasync,
  fstatSync,
  ftruncateSync,
  openSync,
  read,
  readSync,
  renameSync,
  rmSync,
  statfsSync,
  write,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import type { Rotation } from '../../core/model/plan.ts';
import type { Rights } from '../../core/model/account.ts';
import { asUserOf } from '../process/as-user.ts';
import { childProcess } from '../process/spawn.ts';
import { monotonicMs } from '../process/clock.ts';
import { describeErrno } from '../files/errno.ts';
import { faultPoint } from '../files/fault-point.ts';
import { isStillAt } from '../files/is-still-at.ts';
import { findProgram } from '../process/find-program.ts';
import { makeDirectory } from '../files/make-directory.ts';
import { fileKeyAt } from './lost-log.ts';
import { makeRoom, olderLog } from './older.ts';

/** The first bytes of a log, copied to a file beside it and written to the disk. */
export interface CopiedLog {
  readonly path: string;
  /** By which path the log was opened: the same, or that of an output of its process. */
  readonly opened: string;
  readonly keep: number;
  readonly bytes: number;
  /** The log itself, open for reading and writing. */
  readonly log: number;
  /** The copy, under a temporary name. */
  readonly copy: number;
  /** Of the user whose files these are. */
  readonly rights: Rights;
}

/** The result of a rotation. Only `truncated` can have lost a line: one that was written just before. */
export type Cut =
  | { readonly kind: 'cut'; readonly bytes: number }
  | { readonly kind: 'truncated'; readonly bytes: number; readonly problem: string }
  /** The log is another file by now, or shorter: nothing was done. */
  | { readonly kind: 'changed' };

const pieceBytes = 1024 * 1024;

/** Catching up with a writer takes milliseconds; a writer that never pauses must not hold up a pass for longer than this. */
const catchUpMs = 5_000;

const copyPath = (path: string): string => `${path}.new`;

/** A file that no longer is at the path of the log; see Action. */
type Lost = Rotation['lost'];

/**
 * Copies what can be cut off the front of a log: whole blocks, all but the last. Its process continues to write meanwhile. A
 * copy that a killed rotation has left is replaced. Waits for the disk, so that a power failure after the cut loses nothing.
 * A log that was deleted or renamed under its process is opened by that, and its directory made again.
 * @throws the system error (ENOSPC, EACCES, …)
 */
export async function copyLog(
  path: string,
  keep: number,
  { lost, rights = {} }: { readonly lost?: Lost; readonly rights?: Rights } = {},
): Promise<CopiedLog | undefined> {
  const copied = asUserOf(rights, () => openCopy(path, keep, lost));
  if (copied === undefined) return undefined;
  try {
    await copyFirst(copied);
    await promisify(fdatasync)(copied.copy);
    faultPoint();
    return { ...copied, rights };
  } catch (error) {
    closeCopy({ ...copied, rights }, undefined);
    throw error;
  }
}

/** Opens both files. Nothing here takes long, because all threads of this process may act as another user meanwhile. */
function openCopy(path: string, keep: number, lost: Lost): Omit<CopiedLog, 'rights'> | undefined {
  const opened = lost?.open ?? path;
  const log = openSync(opened, constants.O_RDWR | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    const { size, mode, uid, gid } = fstatSync(log);
    const block = statfsSync(`/proc/self/fd/${log}`).bsize;
    const bytes = Math.floor((size - 1) / block) * block;
    // The pid may belong to another process by now.
    const isOther = lost !== undefined && fileKeyAt(`/proc/self/fd/${log}`) !== lost.file;
    if (bytes > 0 && !isOther) {
      if (lost !== undefined) makeDirectory(dirname(path));
      rmSync(copyPath(path), { force: true });
      const copy = openSync(copyPath(path), 'wx', mode & 0o777);
      giveTo(copy, uid, gid);
      return { path, opened, keep, bytes, log, copy };
    }
  } catch (error) {
    closeSync(log);
    throw error;
  }
  closeSync(log);
  return undefined;
}

/** Only root can do that, and only root needs to. */
function giveTo(fd: number, uid: number, gid: number): void {
  try {
    fchownSync(fd, uid, gid);
  } catch {
    return;
  }
}

const readAsync = promisify(read);
const writeAsync = promisify(write);

async function copyFirst({
  log,
  copy,
  bytes,
}: Pick<CopiedLog, 'log' | 'copy' | 'bytes'>): Promise<void> {
  const piece = Buffer.allocUnsafe(Math.min(pieceBytes, bytes));
  let at = 0;
  while (at < bytes) {
    const wanted = Math.min(piece.length, bytes - at);
    const { bytesRead } = await readAsync(log, piece, 0, wanted, at);
    if (bytesRead === 0) throw new Error('the log became shorter meanwhile');
    for (let done = 0; done < bytesRead;) {
      const { bytesWritten } = await writeAsync(copy, piece, done, bytesRead - done, null);
      done += bytesWritten;
    }
    at += bytesRead;
  }
}

/**
 * Publishes the copy and removes the same bytes from the front of the log: atomically if the file system can do that (ext4,
 * xfs). Otherwise it copies the rest, and truncates. If killed between the two steps, it leaves a piece of the log in both
 * files.
 */
export function cutLog(copied: CopiedLog): Cut {
  const { path, opened, keep, bytes, log, rights } = copied;
  const isPublished = asUserOf(rights, () => {
    if (!isStillAt(log, opened) || fstatSync(log).size <= bytes) return false;
    makeRoom(path, keep);
    renameSync(copyPath(path), olderLog(path, 1));
    return true;
  });
  if (!isPublished) return { kind: 'changed' };
  faultPoint();
  const problem = collapse(log, bytes);
  faultPoint();
  if (problem === undefined) return { kind: 'cut', bytes };
  const all = catchUpAndTruncate(copied, bytes);
  faultPoint();
  return { kind: 'truncated', bytes: all, problem };
}

/**
 * Copies what was added since, and truncates at once: between the read that finds nothing more and the truncation are some
 * microseconds, and a line that is written then is lost. Returns how many bytes were copied in all.
 */
function catchUpAndTruncate({ log, copy }: CopiedLog, from: number): number {
  const piece = Buffer.allocUnsafe(pieceBytes);
  const deadline = monotonicMs() + catchUpMs;
  for (let at = from; ;) {
    const length = readSync(log, piece, 0, piece.length, at);
    if (length === 0) {
      ftruncateSync(log, 0);
      return at;
    }
    for (let done = 0; done < length;) done += writeSync(copy, piece, done, length - done);
    at += length;
    if (monotonicMs() > deadline) throw new Error('the log grows faster than it can be copied');
  }
}

/** Removes the first bytes of an open file. Returns why that cannot be done. */
function collapse(fd: number, bytes: number): string | undefined {
  const program = findProgram('fallocate', process.env);
  if (program === undefined) return 'fallocate(1) is not installed';
  // By its descriptor: this is the file that was copied, whatever has its name now.
  const words = ['--collapse-range', '--offset', '0', '--length', String(bytes), '/proc/self/fd/3'];
  const stdio = ['ignore', 'ignore', 'pipe', fd] as const;
  const done = childProcess().spawnSync(program, words, { stdio: [...stdio], encoding: 'utf8' });
  if (done.status === 0) return undefined;
  if (done.error !== undefined) return describeErrno(done.error);
  return done.stderr.trim().replace(/^.*: /, '') || 'fallocate(1) failed';
}

/** Closes the files, and removes a copy that was not published. */
export function closeCopy(copied: CopiedLog, cut: Cut | undefined): void {
  const { path, log, copy, rights } = copied;
  try {
    if (cut === undefined || cut.kind === 'changed')
      asUserOf(rights, () => {
        rmSync(copyPath(path), { force: true });
      });
  } finally {
    closeSync(log);
    closeSync(copy);
  }
}
