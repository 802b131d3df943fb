import { constants, fstatSync, writeSync } from 'node:fs';

/** Descriptors to which nothing can be written any more. */
const lost = new Set<number>();

/**
 * Writes to standard output at once. process.stdout would load streams, terminals and sockets first, which takes longer
 * than `status` itself. A reader who has left (`| head -1`) keeps nobody from working on; a full disk is told once.
 */
export const print = (text: string): void => {
  write(1, Buffer.from(text));
};

/** The same for bytes that are no text. */
export const printBytes = (bytes: Buffer): void => {
  write(1, bytes);
};

/** False as soon as a write to standard output has failed. */
export const hasReader = (): boolean => !lost.has(1);

/** The same for standard error. */
export const printError = (text: string): void => {
  write(2, Buffer.from(text));
};

/** Whether the reader of standard output has left, as far as the kernel tells: it does when something is written. */
export const hasReaderLeft = (): boolean => lost.has(1);

function write(fd: number, bytes: Buffer): void {
  try {
    for (let at = 0; at < bytes.length && !lost.has(fd);) at += writeSome(fd, bytes, at);
  } catch (error) {
    lost.add(fd);
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== 'EPIPE' && fd === 1) printError(`workerctl: standard output: ${message}\n`);
  }
}

/** A pipe that somebody made non-blocking may be full: then wait a little for its reader. */
function writeSome(fd: number, bytes: Buffer, at: number): number {
  try {
    return writeSync(fd, bytes, at);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    return 0;
  }
}

/** The size of the terminal that is our standard output; undefined when it is none, or does not say. */
export function terminalSize(): { columns: number; rows: number } | undefined {
  if (!mayBeTerminal() || !process.stdout.isTTY) return undefined;
  const { columns, rows } = process.stdout;
  // Some terminals (script, docker exec -t) say 0.
  return columns > 0 && rows > 0 ? { columns, rows } : undefined;
}

/** The major number of /dev/null and its like. Source: Linux, admin-guide/devices.txt */
const memoryDevices = 1;

/** Whether standard output can be a terminal at all: asked first, since the rest must load one. */
export function mayBeTerminal(): boolean {
  try {
    const { mode, rdev } = fstatSync(1);
    return (mode & constants.S_IFMT) === constants.S_IFCHR && rdev >> 8 !== memoryDevices;
  } catch {
    return false;
  }
}
