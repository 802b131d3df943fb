import {
  constants,
  fstatSync,
  ftruncateSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import type { Rotation } from '../../core/model/plan.ts';
import { open, statfs, type FileHandle } from 'node:fs/promises';
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
  /** Reads and writes the log itself. */
  readonly log: FileHandle;
  /** The copy, under a temporary name. */
  readonly copy: FileHandle;
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
  lost?: Lost,
): Promise<CopiedLog | undefined> {
  const opened = lost?.open ?? path;
  const log = await open(opened, constants.O_RDWR);
  try {
    const { size, mode, uid, gid } = await log.stat();
    const block = (await statfs(opened)).bsize;
    const bytes = Math.floor((size - 1) / block) * block;
    // The pid may belong to another process by now.
    if (bytes <= 0 || (lost !== undefined && fileKeyAt(`/proc/self/fd/${log.fd}`) !== lost.file)) {
      await log.close();
      return undefined;
    }
    if (lost !== undefined) makeDirectory(dirname(path));
    rmSync(copyPath(path), { force: true });
    const copy = await open(copyPath(path), 'wx', mode & 0o777);
    try {
      await copy.chown(uid, gid).catch(() => undefined); // only root can do that, and only root needs to
      await copyFirst(log, copy, bytes);
      await copy.datasync();
      faultPoint();
      return { path, opened, keep, bytes, log, copy };
    } catch (error) {
      await copy.close();
      rmSync(copyPath(path), { force: true });
      throw error;
    }
  } catch (error) {
    await log.close();
    throw error;
  }
}

async function copyFirst(source: FileHandle, target: FileHandle, bytes: number): Promise<void> {
  const piece = Buffer.allocUnsafe(Math.min(pieceBytes, bytes));
  let at = 0;
  while (at < bytes) {
    const wanted = Math.min(piece.length, bytes - at);
    const { bytesRead } = await source.read(piece, 0, wanted, at);
    if (bytesRead === 0) throw new Error('the log became shorter meanwhile');
    for (let done = 0; done < bytesRead;) {
      const { bytesWritten } = await target.write(piece, done, bytesRead - done);
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
  const { path, opened, keep, bytes, log } = copied;
  if (!isStillAt(log.fd, opened) || fstatSync(log.fd).size <= bytes) return { kind: 'changed' };
  makeRoom(path, keep);
  renameSync(copyPath(path), olderLog(path, 1));
  faultPoint();
  const problem = collapse(log.fd, bytes);
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
    const length = readSync(log.fd, piece, 0, piece.length, at);
    if (length === 0) {
      ftruncateSync(log.fd, 0);
      return at;
    }
    for (let done = 0; done < length;) done += writeSync(copy.fd, piece, done, length - done);
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
export async function closeCopy(
  { path, log, copy }: CopiedLog,
  cut: Cut | undefined,
): Promise<void> {
  if (cut === undefined || cut.kind === 'changed') rmSync(copyPath(path), { force: true });
  await log.close();
  await copy.close();
}
