import {
  closeSync,
  existsSync,
  fdatasyncSync,
  fsyncSync,
  linkSync,
  readdirSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { errnoOf } from './errno.ts';
import { faultPoint } from './fault-point.ts';
import { openNewFile } from './new-file.ts';
import { statsOf } from './stats-of.ts';
import { withFile } from './with-file.ts';

/**
 * Writes a file so that a reader sees either the old or the new text, never half of one; on a full disk the old one stays.
 * After a crash of the host, a `whole` file is the old or the new one (without this it may be empty, because most file systems
 * write names before contents), and a `durable` file is the new one.
 * @throws the system error (ENOSPC, EACCES, …)
 */
export function writeFileAtomically(
  path: string,
  text: string,
  { outlives, mode = 0o644 }: { outlives?: 'whole' | 'durable'; mode?: number } = {},
): void {
  const staged = stageFile(path, text, { isSynced: outlives !== undefined, mode });
  faultPoint();
  staged.commit();
  if (outlives === 'durable') syncDirectory(dirname(path));
}

/**
 * Creates a file with this text, complete and durable. Of several processes that do so at the same time, one succeeds.
 * @returns false if there is one already
 * @throws the system error (ENOSPC, EACCES, …)
 */
export function createFile(path: string, text: string): boolean {
  const staged = stageFile(path, text, { isSynced: true });
  faultPoint();
  try {
    linkSync(staged.temporary, path);
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    throw error;
  } finally {
    staged.discard();
  }
  faultPoint();
  syncDirectory(dirname(path));
  return true;
}

/** New text of a file, complete under a temporary name. To put it in its place needs no space. */
export interface Staged {
  /** @throws the system error; then the old text is unchanged */
  readonly commit: () => void;
  readonly discard: () => void;
}

/** The same of one file. */
export interface StagedFile extends Staged {
  readonly temporary: string;
}

/**
 * Writes new text beside a file. A full disk shows here, before anything has changed.
 * @param options `isSynced`: after a crash of the host the text is complete
 * @throws the system error (ENOSPC, EACCES, …)
 */
export function stageFile(
  path: string,
  text: string,
  { isSynced = false, mode = 0o644 }: { isSynced?: boolean; mode?: number } = {},
): StagedFile {
  const temporary = `${path}.${process.pid}.new`;
  const discard = (): void => {
    rmSync(temporary, { force: true });
  };
  const orDiscard = (act: () => void): void => {
    try {
      act();
    } catch (error) {
      discard();
      throw error;
    }
  };
  const write = (fd: number): void => {
    writeAll(fd, Buffer.from(text));
    if (isSynced) fdatasyncSync(fd);
  };
  orDiscard(() => {
    const fd = openNewFile(temporary, mode);
    try {
      write(fd);
    } finally {
      closeSync(fd);
    }
  });
  return {
    temporary,
    discard,
    commit: () => {
      orDiscard(() => {
        renameSync(temporary, path);
      });
    },
  };
}

/** A new name is on the disk only after its directory is. */
export const syncDirectory = (path: string): void => {
  withFile(path, 'r', fsyncSync);
};

function writeAll(fd: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
}

const swept = new Set<string>();

/**
 * Removes the half-written files of killed writers from a directory; once per command is enough. What cannot be removed
 * stays: a start that needs a place in this directory reports what is wrong with it.
 */
export function removeHalfWritten(folder: string): void {
  if (swept.has(folder)) return;
  swept.add(folder);
  try {
    if (statsOf(folder)?.isDirectory() !== true) return;
    for (const file of readdirSync(folder)) {
      const writer = /\.(\d+)\.new$/.exec(file)?.[1];
      if (writer === undefined || existsSync(`/proc/${writer}`)) continue;
      rmSync(`${folder}/${file}`, { force: true });
    }
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
  }
}
