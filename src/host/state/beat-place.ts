import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  mkdirSync,
  openSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs';
import { basename } from 'node:path';
import { errnoOf } from '../files/errno.ts';
import { namesIn } from '../files/names-in.ts';
import { linkStatsOf } from '../files/stats-of.ts';
import { jobFolder } from './paths.ts';

// A worker of another user gives its signs of life in a directory of its own, to which links of ours lead from the directory of
// heartbeats: there, only we can write. So the last part of a path is all that the user can turn to something else.

const isRoot = (): boolean => process.geteuid?.() === 0;

/** How root opens what another user may have put there: it follows no link. The others have only their own rights. */
export const beatFlags = (): number => (isRoot() ? constants.O_NOFOLLOW : 0);

/** Makes the place for the heartbeats of a run of this user; returns the path of the file for the worker. */
export function giveBeatPlace(heartbeat: string, user: number): string {
  const name = basename(heartbeat);
  const folder = `${heartbeat}.d`;
  mkdirSync(folder);
  chmodSync(folder, 0o755);
  chownSync(folder, user, -1);
  symlinkSync(`${name}.d/${name}`, heartbeat);
  symlinkSync(`${name}.d/${jobFolder(name)}`, jobFolder(heartbeat));
  return `${folder}/${name}`;
}

/** Where the heartbeats of a run are written: for a user of its own, where our link leads to. */
export function beatPlace(heartbeat: string): string {
  if (!isRoot()) return heartbeat;
  const isLink = linkStatsOf(heartbeat)?.isSymbolicLink() === true;
  return isLink ? `${heartbeat}.d/${basename(heartbeat)}` : heartbeat;
}

/** Does something in a directory that others may write, which is no link; undefined if there is none. */
export function insideOf<T>(folder: string, act: (handle: string) => T): T | undefined {
  let fd: number;
  try {
    fd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY | beatFlags());
  } catch {
    return undefined;
  }
  try {
    return act(`/proc/self/fd/${fd}`);
  } finally {
    closeSync(fd);
  }
}

/** Workers make one directory within their place. */
const mostLevels = 4;

/** Removes the place of a run, and all in it. What cannot be removed stays: it disturbs nothing. */
export function removeBeatPlace(heartbeat: string): void {
  const folder = `${heartbeat}.d`;
  const jobs = jobFolder(heartbeat);
  // Asked first, because most workers have neither: an exception takes ten times as long as an answer.
  if (linkStatsOf(folder) !== undefined) removeFolder(folder);
  if (linkStatsOf(jobs) !== undefined && !removeLink(jobs)) removeFolder(jobs);
}

function removeFolder(path: string, level = 0): void {
  insideOf(path, (handle) => {
    for (const name of namesIn(handle)) {
      const inside = `${handle}/${name}`;
      if (!removeLink(inside) && level < mostLevels) removeFolder(inside, level + 1);
    }
  });
  try {
    rmdirSync(path);
  } catch {
    return;
  }
}

/** Whether what has this name is gone: directories are not removed like this. */
function removeLink(path: string): boolean {
  try {
    unlinkSync(path);
    return true;
  } catch (error) {
    return errnoOf(error) === 'ENOENT';
  }
}
