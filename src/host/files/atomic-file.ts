import {
  existsSync,
  fdatasyncSync,
  fsyncSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { faultPoint } from './fault-point.ts';
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
  const temporary = `${path}.${process.pid}.new`;
  try {
    const write = (fd: number): void => {
      writeAll(fd, Buffer.from(text));
      if (outlives !== undefined) fdatasyncSync(fd);
    };
    withFile(temporary, 'w', write, mode);
    faultPoint();
    renameSync(temporary, path);
    if (outlives === 'durable') withFile(dirname(path), 'r', fsyncSync); // a new name is on the disk only after its directory is
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

function writeAll(fd: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
}

const swept = new Set<string>();

/** Removes the half-written files of killed writers from a directory; once per command is enough. */
export function removeHalfWritten(folder: string): void {
  if (swept.has(folder)) return;
  swept.add(folder);
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) return; // if a file is in its place, a start reports it
  for (const file of readdirSync(folder)) {
    const writer = /\.(\d+)\.new$/.exec(file)?.[1];
    if (writer === undefined || existsSync(`/proc/${writer}`)) continue;
    rmSync(`${folder}/${file}`, { force: true });
  }
}
