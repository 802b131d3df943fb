import { constants, existsSync, futimesSync, statSync, statfsSync } from 'node:fs';
import { withFile } from '../files/with-file.ts';
import { beatFlags, beatPlace } from './beat-place.ts';
import { namesIn } from '../files/names-in.ts';
import { heartbeatFile, heartbeatFolder, heartbeatPath } from './paths.ts';

/** Counts only signs of life by sd_notify(3) for this run of an instance, before its silence is measured. */
export const awaitNotify = (stateDir: string, name: string, runId: string): void => {
  mustNotify(heartbeatPath(stateDir, name, runId));
};

/** A file beside the heartbeat file of a process that speaks sd_notify(3). */
const notifyMark = (path: string): string => `${path}.notify`;

/** Notes that the process with this heartbeat file speaks sd_notify(3). */
export const mustNotify = (path: string): void => {
  touch(notifyMark(path));
};

export const hasToNotify = (path: string): boolean => existsSync(notifyMark(path));

const { O_WRONLY, O_APPEND, O_CREAT, O_NONBLOCK } = constants;

/** Like touch(1): what a worker has written to the file stays. */
export function touch(path: string): void {
  try {
    const flags = O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | beatFlags();
    withFile(
      beatPlace(path),
      flags,
      (fd) => {
        const now = new Date();
        futimesSync(fd, now, now);
      },
      0o666,
    );
  } catch {
    return; // on a full disk silence does not count anyway
  }
}

const quietly = { throwIfNoEntry: false } as const;

/**
 * When a heartbeat file was last touched, in ms; 0 if there is none. This is the kernel's time of change: a process that
 * sets the same time of modification again and again gives signs of life as well.
 */
export function changedAt(path: string): number {
  try {
    return Math.round(statSync(path, quietly)?.ctimeMs ?? 0);
  } catch {
    return NaN; // never the same twice: a file that cannot be examined does not count as silence
  }
}

/** The heartbeat files that exist, as `listStateFiles` names them; undefined if they cannot be listed. */
export function beatsIn(stateDir: string): ReadonlySet<string> | undefined {
  try {
    return new Set(namesIn(heartbeatFolder(stateDir)).map(heartbeatFile));
  } catch {
    return undefined;
  }
}

/** Whether the disk is full: then a worker may be silent only because its heartbeats cannot be written. */
export function isDiskFull(stateDir: string, sizesOf: typeof roomOf = roomOf): boolean {
  try {
    const { blocks, bavail } = sizesOf(heartbeatFolder(stateDir));
    return blocks > 0 && bavail === 0; // some file systems do not report their size
  } catch {
    return false;
  }
}

const roomOf = (folder: string): { readonly blocks: number; readonly bavail: number } =>
  statfsSync(folder);
