import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { WorkerctlError } from '../../core/basics/error.ts';
import { describeErrno, errnoOf } from '../files/errno.ts';

/** The FIFO that wakes `watch`: a process writes a byte to it. */
export const triggerPath = (stateDir: string): string => join(stateDir, 'trigger');

/** Why an open file is not our trigger. A byte to another user's FIFO would wake that user's watch. */
export function problemWith(fd: number): string | undefined {
  const stats = fstatSync(fd);
  if (!stats.isFIFO()) return 'another kind of file';
  return stats.uid === process.geteuid?.() ? undefined : `one of user ${stats.uid}`;
}

export const inWords = (error: unknown): string =>
  errnoOf(error) === 'ELOOP' ? 'a symbolic link' : describeErrno(error);

export const notOurs = (path: string, found: string): WorkerctlError =>
  new WorkerctlError('state', `trigger ${path}: expected a FIFO of ours, found ${found}`, {
    hint: 'remove it; workerctl watch creates a new one',
  });

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
