import { existsSync, lstatSync, renameSync, statSync, type Stats } from 'node:fs';
import { faultPoint } from '../files/fault-point.ts';

/** The older file of a log with this number; 1 is the newest. */
export const olderLog = (path: string, number: number): string => `${path}.${number}`;

/** An older file of a log. Its number changes at each rotation, its identity does not. */
export interface OlderFile {
  readonly path: string;
  readonly id: string;
}

/** Distinguishes a file from one that was given the inode number of a removed file. */
export const fileId = ({ dev, ino, birthtimeMs }: Stats): string => `${dev}:${ino}:${birthtimeMs}`;

/** The identity of the file at a path; undefined if there is none, or none that can be examined. */
export function fileIdAt(path: string): string | undefined {
  try {
    const stats = statSync(path, { throwIfNoEntry: false });
    return stats && fileId(stats);
  } catch {
    return undefined;
  }
}

/**
 * The older files of a log, the newest first. A rotation under way leaves one number free, and so does a killed one; a file
 * that moves on to the next number meanwhile is not listed twice.
 */
export function* olderFiles(path: string): Generator<OlderFile> {
  const listed = new Set<string>();
  for (let number = 1, missing = 0; missing < 2; number += 1) {
    const file = olderLog(path, number);
    const id = fileIdAt(file);
    missing = id === undefined ? missing + 1 : 0;
    if (id === undefined || listed.has(id)) continue;
    listed.add(id);
    yield { path: file, id };
  }
}

/** Frees the number 1: all up to the first free number move on by one. If none is free, the oldest is dropped. */
export function makeRoom(path: string, keep: number): void {
  let free = 1;
  while (free < keep && existsSync(olderLog(path, free))) free += 1;
  for (let number = free - 1; number >= 1; number -= 1) {
    renameSync(olderLog(path, number), olderLog(path, number + 1));
    faultPoint();
  }
}

/**
 * Sets a whole log aside by renaming it, which takes no time. Only for a log without a writer: a writer would continue
 * to write to the older file. If killed half way, it leaves a gap in the numbers, which the next rotation fills.
 */
export function renameLog(path: string, keep: number): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isFile() !== true) return;
  makeRoom(path, keep);
  renameSync(path, olderLog(path, 1));
  faultPoint();
}
