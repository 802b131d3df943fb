import { visible, visibleInColour } from '../core/basics/visible.ts';
import { constants, fstatSync, writeSync } from 'node:fs';
import { block } from '../host/process/clock.ts';

/** Descriptors that a write has failed on; nothing more is written to them. */
const lost = new Set<number>();

/**
 * Writes to standard output at once. process.stdout would load streams, terminals and sockets first, which takes longer
 * than `status` itself. Nothing in the text can command a terminal or a CI system. If the reader has gone (`| head -1`), the command continues; a full disk is reported once.
 */
export const print = (text: string): void => {
  write(1, Buffer.from(visible(text)));
};

/** The same for a text with our colours, in which the texts of others were made visible before. */
export const printPainted = (text: string): void => {
  write(1, Buffer.from(visibleInColour(text)));
};

/** The same for what moves the cursor of a terminal: the caller has made the texts of others visible. */
export const printControls = (text: string): void => {
  write(1, Buffer.from(text));
};

/** The same for what only a reader of JSON gets. */
export const printJson = (text: string): void => {
  if (recorder === undefined) print(text);
  else recorder.keep('json', text);
};

/** The same for bytes. */
export const printBytes = (bytes: Buffer): void => {
  write(1, bytes);
};

/** False as soon as a write to standard output has failed. */
export const hasReader = (): boolean => !lost.has(1);

let isIncomplete = false;

/** Whether standard output lacks something, and not because its reader wanted no more. */
export const isOutputIncomplete = (): boolean => isIncomplete;

let stepAside: (() => void) | undefined;

/** What makes room on the terminal for a message on standard error; undefined: nothing has to. */
export const beforeErrors = (by: (() => void) | undefined): void => {
  stepAside = by;
};

/** The same for standard error. */
export const printError = (text: string): void => {
  stepAside?.();
  write(2, Buffer.from(visible(text)));
};

/** Keeps what is printed, in place of a terminal or a pipe. */
export interface PrintRecorder {
  readonly keep: (to: 'out' | 'err' | 'json', text: string) => void;
  /** Whether there is still room for what is not the result. */
  readonly hasRoom: () => boolean;
}

let recorder: PrintRecorder | undefined;

/** From now on all that is printed is kept, for readers of text and of JSON. */
export const recordPrinted = (by: PrintRecorder): void => {
  recorder = by;
};

/** What keeps what is printed; undefined as a rule. */
export const printRecorder = (): PrintRecorder | undefined => recorder;

function write(fd: number, bytes: Buffer): void {
  if (recorder !== undefined) {
    recorder.keep(fd === 1 ? 'out' : 'err', bytes.toString());
    return;
  }
  try {
    for (let at = 0; at < bytes.length && !lost.has(fd);) at += writeSome(fd, bytes, at);
  } catch (error) {
    lost.add(fd);
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EPIPE' || fd !== 1) return;
    isIncomplete = true;
    printError(`workerctl: standard output: ${message}\n`);
  }
}

/** A pipe that another process has made non-blocking may be full: then waits a little for its reader. */
function writeSome(fd: number, bytes: Buffer, at: number): number {
  try {
    return writeSync(fd, bytes, at);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    block(5);
    return 0;
  }
}

/** The size of the terminal on standard output; undefined if it is none. */
export function terminalSize(): { columns: number; rows: number } | undefined {
  if (!mayBeTerminal() || !process.stdout.isTTY) return undefined;
  const { columns, rows } = process.stdout;
  // Some terminals (script, docker exec -t) report a size of 0.
  return { columns: columns || 80, rows: rows || 24 };
}

/** The major number of /dev/null and similar devices. Source: Linux, admin-guide/devices.txt */
const memoryDevices = 1;

/** Whether standard output can be a terminal at all: checked first, because the rest has to load process.stdout. */
export function mayBeTerminal(): boolean {
  try {
    const { mode, rdev } = fstatSync(1);
    return (mode & constants.S_IFMT) === constants.S_IFCHR && rdev >> 8 !== memoryDevices;
  } catch {
    return false;
  }
}
