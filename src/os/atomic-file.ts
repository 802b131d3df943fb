import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { effect } from './fault-point.ts';

/**
 * Writes a file so that a reader sees either the old or the new text, never half of one, and so that a full disk
 * leaves the old one as it was. `durable` makes it outlive a crash of the host as well; `mode` is who may read it.
 * @throws the system error (ENOSPC, EACCES, …)
 */
export function writeFileAtomically(
  path: string,
  text: string,
  { durable = false, mode = 0o644 }: { durable?: boolean; mode?: number } = {},
): void {
  const temporary = `${path}.${process.pid}.new`;
  try {
    const fd = openSync(temporary, 'w', mode);
    try {
      writeAll(fd, Buffer.from(text));
      if (durable) fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    effect();
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

function writeAll(fd: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
}

const swept = new Set<string>();

/** Removes from a folder what the writers who were killed have left half written there; once in a command is enough. */
export function removeHalfWritten(folder: string): void {
  if (swept.has(folder)) return;
  swept.add(folder);
  if (!existsSync(folder)) return;
  for (const file of readdirSync(folder)) {
    const writer = /\.(\d+)\.new$/.exec(file)?.[1];
    if (writer === undefined || existsSync(`/proc/${writer}`)) continue;
    rmSync(`${folder}/${file}`, { force: true });
  }
}
