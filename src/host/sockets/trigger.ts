import { closeSync, constants, lstatSync, openSync, readSync } from 'node:fs';
import { Socket } from 'node:net';
import { WorkerctlError } from '../../core/basics/error.ts';
import { makeFifo } from '../process/make-fifo.ts';
import { errnoOf } from '../files/errno.ts';
import { inWords, notOurs, problemWith, triggerPath } from './pull-trigger.ts';

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

function makeTrigger(path: string): void {
  const problem = makeFifo(path, '0600');
  if (problem === undefined || lstatSync(path, { throwIfNoEntry: false }) !== undefined) return;
  throw new WorkerctlError('state', `trigger ${path}: cannot be created: ${problem}`);
}
