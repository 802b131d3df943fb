import { fstatSync, lstatSync } from 'node:fs';
import { statsOf } from './stats-of.ts';

/** Whether an open file is still the one at `path`: not if it was renamed, or its directory deleted, meanwhile. */
export function isStillAt(fd: number, path: string): boolean {
  const found = statsOf(path);
  const opened = fstatSync(fd);
  return found?.ino === opened.ino && found.dev === opened.dev;
}

/** Which file is at a path; undefined if there is none. As long as a file is open the kernel keeps its number for it. */
export function fileAt(path: string): string | undefined {
  try {
    const { dev, ino } = lstatSync(path);
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}
