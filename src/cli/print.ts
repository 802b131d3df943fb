import { fstatSync, writeSync } from 'node:fs';

let hasFailed = false;

/**
 * Writes to standard output at once. process.stdout would load streams, terminals and sockets first, which takes longer
 * than `status` itself. A reader who has left (`| head -1`) keeps nobody from working on; a full disk is told once.
 */
export function print(text: string): void {
  const bytes = Buffer.from(text);
  try {
    for (let at = 0; at < bytes.length && !hasFailed;) at += writeSome(bytes, at);
  } catch (error) {
    hasFailed = true;
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== 'EPIPE') process.stderr.write(`workerctl: standard output: ${message}\n`);
  }
}

/** A pipe that somebody made non-blocking may be full: then wait a little for its reader. */
function writeSome(bytes: Buffer, at: number): number {
  try {
    return writeSync(1, bytes, at);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    return 0;
  }
}

/** How many columns the terminal has that is our standard output; undefined when it is none, or does not say. */
export function terminalColumns(): number | undefined {
  if (!isCharacterDevice() || !process.stdout.isTTY) return undefined;
  // Some terminals (script, docker exec -t) say 0.
  return process.stdout.columns > 0 ? process.stdout.columns : undefined;
}

/** Whether standard output can be a terminal at all: asked first, since the rest must load one. */
export function isCharacterDevice(): boolean {
  try {
    return fstatSync(1).isCharacterDevice();
  } catch {
    return false;
  }
}
