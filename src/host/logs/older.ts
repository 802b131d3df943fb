import { existsSync, lstatSync, renameSync } from 'node:fs';
import { faultPoint } from '../files/fault-point.ts';

/** The older file of a log with this number; 1 is the youngest. */
export const olderLog = (path: string, number: number): string => `${path}.${number}`;

/** Frees the number 1: all up to the first free number move on by one. With none free the oldest goes. */
export function makeRoom(path: string, keep: number): void {
  let free = 1;
  while (free < keep && existsSync(olderLog(path, free))) free += 1;
  for (let number = free - 1; number >= 1; number -= 1) {
    renameSync(olderLog(path, number), olderLog(path, number + 1));
    faultPoint();
  }
}

/**
 * Puts a whole log aside by its name, in no time. Only for a log that nobody writes to: whoever does goes on writing to the
 * older file. Killed half way, it leaves a gap in the numbers, which the next one fills.
 */
export function renameLog(path: string, keep: number): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isFile() !== true) return;
  makeRoom(path, keep);
  renameSync(path, olderLog(path, 1));
  faultPoint();
}
