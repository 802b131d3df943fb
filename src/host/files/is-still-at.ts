import { fstatSync, statSync } from 'node:fs';

/** Whether an open file is still the one at `path`: not if it was renamed, or its directory deleted, meanwhile. */
export function isStillAt(fd: number, path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  const opened = fstatSync(fd);
  return found?.ino === opened.ino && found.dev === opened.dev;
}
