import { closeSync, constants, fstatSync, lstatSync, openSync, readSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { WorkerctlError } from '../../core/basics/error.ts';
import { makeFifo } from '../process/make-fifo.ts';
import { describeErrno, errnoOf } from '../files/errno.ts';

/** The FIFO that wakes `watch`: a process writes a byte to it. */
export const triggerPath = (stateDir: string): string => join(stateDir, 'trigger');

/** The reading end of the trigger. */
export interface Trigger {
  /** Empties the FIFO, so that a byte that arrives from now on counts again, and continues to listen. */
  readonly rearm: () => void;
  readonly close: () => void;
}

/** What is read at once; a FIFO holds 64 KiB. */
const chunk = Buffer.allocUnsafe(64 * 1024);

/** However fast a writer is: after this many full FIFOs the rest waits for the next time. */
const maxChunks = 16;

/**
 * Opens the trigger, creates it if it is missing, and calls `onByte` once for any number of bytes: nothing is read until
 * `rearm`, which empties the FIFO **before** the look that the byte has caused. So a byte that arrives during the look causes
 * exactly one more. It is opened for writing, too: otherwise the last writer to close it would leave an end of file to spin on.
 * @throws WorkerctlError `state` if something else is in its place, or another user's FIFO
 */
export function openTrigger(stateDir: string, onByte: () => void): Trigger {
  const path = triggerPath(stateDir);
  const fd = openFifo(path);
  const empty = (): void => {
    for (let round = 0; round < maxChunks; round += 1) if (!readSome(fd)) return;
  };
  // Without `onread`, a paused socket continues to read, and keeps byte by byte what `rearm` must discard.
  const callback = (): boolean => {
    onByte();
    return false;
  };
  const options = { fd, readable: true, writable: false, onread: { buffer: chunk, callback } };
  const socket = new Socket(options);
  socket.on('error', () => undefined); // the slow fallback works without it
  socket.resume();
  return {
    rearm: () => {
      empty();
      socket.resume();
    },
    close: () => {
      socket.destroy();
    },
  };
}

/** Whether there was anything to read. */
function readSome(fd: number): boolean {
  try {
    return readSync(fd, chunk, 0, chunk.length, null) > 0;
  } catch (error) {
    if (errnoOf(error) === 'EAGAIN') return false;
    throw error;
  }
}

function openFifo(path: string): number {
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) makeTrigger(path);
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  } catch (error) {
    throw notOurs(path, inWords(error));
  }
  const problem = problemWith(fd);
  if (problem === undefined) return fd;
  closeSync(fd);
  throw notOurs(path, problem);
}

/** Why an open file is not our trigger. A byte to another user's FIFO would wake that user's watch. */
function problemWith(fd: number): string | undefined {
  const stats = fstatSync(fd);
  if (!stats.isFIFO()) return 'another kind of file';
  return stats.uid === process.geteuid?.() ? undefined : `one of user ${stats.uid}`;
}

const inWords = (error: unknown): string =>
  errnoOf(error) === 'ELOOP' ? 'a symbolic link' : describeErrno(error);

const notOurs = (path: string, found: string): WorkerctlError =>
  new WorkerctlError('state', `trigger ${path}: expected a FIFO of ours, found ${found}`, {
    hint: 'remove it; workerctl watch creates a new one',
  });

function makeTrigger(path: string): void {
  const problem = makeFifo(path, '0600');
  if (problem === undefined || lstatSync(path, { throwIfNoEntry: false }) !== undefined) return;
  throw new WorkerctlError('state', `trigger ${path}: cannot be created: ${problem}`);
}

/**
 * Wakes the process that reads the trigger. Never blocks: a full FIFO wakes it anyway.
 * @returns false if no process reads it
 * @throws WorkerctlError `state` if something else is in its place
 */
export function pullTrigger(stateDir: string): boolean {
  const path = triggerPath(stateDir);
  let fd: number | undefined;
  try {
    fd = openForWriting(path);
  } catch (error) {
    throw notOurs(path, inWords(error));
  }
  if (fd === undefined) return false;
  try {
    const problem = problemWith(fd);
    if (problem !== undefined) throw notOurs(path, problem);
    writeSync(fd, '\n');
    return true;
  } catch (error) {
    const code = errnoOf(error);
    if (code === 'EAGAIN') return true;
    if (code === 'EPIPE') return false; // its reader has just closed it
    throw error;
  } finally {
    closeSync(fd);
  }
}

/** Whether a `watch` of ours reads the trigger. */
export function hasWatch(stateDir: string): boolean {
  try {
    const fd = openForWriting(triggerPath(stateDir));
    if (fd === undefined) return false;
    const problem = problemWith(fd);
    closeSync(fd);
    return problem === undefined;
  } catch {
    return false; // something else is in its place
  }
}

/** Undefined if there is no FIFO, or no process reads it. */
function openForWriting(path: string): number | undefined {
  try {
    return openSync(path, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  } catch (error) {
    const code = errnoOf(error);
    if (code === 'ENOENT' || code === 'ENXIO') return undefined;
    throw error;
  }
}
