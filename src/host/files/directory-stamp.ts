import { statSync } from 'node:fs';
import { monotonicMs } from '../process/clock.ts';

/** When a directory last changed. */
export interface DirectoryStamp {
  /** The same as long as it is the same directory, and no file in it has come, gone or been renamed. */
  readonly stamp: string;
  /** Whether this stamp stands for all that is read in the directory from now on: its next change will have another one. */
  readonly isCalm: boolean;
}

/** The clock of a file system that counts in nanoseconds ticks at least this often: a Linux host every 10 ms, others every 16. */
export const fineTickMs = 50;

/** Others count in milliseconds or in seconds, up to two. */
const coarseTickMs = 3_000;

/** Since when this process has seen the stamp of each directory, by its own clock. */
const firstSeen = new Map<string, { readonly stamp: string; readonly at: number }>();

/**
 * The stamp of a directory; undefined if there is none, or it cannot be seen. By `ctime`, which no program can set back. The
 * clock of the file system may be another host's, so our own tells for how long nothing has changed. Only a process that sees
 * the directory for the first time compares the two. (If that host's clock is more than these 3 s behind, it may take two
 * changes in one tick of it for one, until the next change.)
 */
export function directoryStamp(path: string): DirectoryStamp | undefined {
  try {
    const { dev, ino, ctimeNs, ctimeMs } = statSync(path, { bigint: true });
    const stamp = `${dev} ${ino} ${ctimeNs}`;
    const before = firstSeen.get(path);
    const seen = before?.stamp === stamp ? before : { stamp, at: monotonicMs() };
    firstSeen.set(path, seen);
    const isFine = ctimeNs % 1_000_000n !== 0n;
    const isCalm =
      monotonicMs() - seen.at > (isFine ? fineTickMs : coarseTickMs) ||
      Date.now() - Number(ctimeMs) > coarseTickMs;
    return { stamp, isCalm };
  } catch {
    return undefined;
  }
}

/** Whether what was read in a directory since it had this stamp can be kept under it. */
export const canBeKept = (path: string, { stamp, isCalm }: DirectoryStamp): boolean =>
  isCalm && directoryStamp(path)?.stamp === stamp;
