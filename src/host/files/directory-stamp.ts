import { statSync } from 'node:fs';

/** When a directory last changed. */
export interface DirectoryStamp {
  /** The same as long as it is the same directory, and no file in it has come, gone or been renamed. */
  readonly stamp: string;
  /** In ms, by the clock of its file system. */
  readonly changedMs: number;
}

/**
 * For this long nothing may have changed in a directory before a stamp stands for what is in it: the clock of a file system may
 * tick only every 2 seconds.
 */
const restMs = 3_000;

/** The stamp of a directory; undefined if there is none, or it cannot be seen. By `ctime`, which no program can set back. */
export function directoryStamp(path: string): DirectoryStamp | undefined {
  try {
    const { dev, ino, ctimeNs, ctimeMs } = statSync(path, { bigint: true });
    return { stamp: `${dev} ${ino} ${ctimeNs}`, changedMs: Number(ctimeMs) };
  } catch {
    return undefined;
  }
}

/** Whether all that was seen since this stamp was read is still so, and can be kept under it. */
export function canBeKept(path: string, stamp: string): boolean {
  const now = directoryStamp(path);
  return now?.stamp === stamp && Date.now() - now.changedMs > restMs;
}
