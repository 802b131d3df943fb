import {
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readlinkSync,
  statSync,
  type Stats,
} from 'node:fs';
import { dirname, resolve } from 'node:path';
import { mismatchText, type Mismatch } from '../../core/basics/config-problem.ts';
import { kindOfFile } from '../../core/basics/file-kind.ts';
import { describeErrno, errnoOf } from '../files/errno.ts';
import { linkProblem } from '../files/trusted-path.ts';
import { withFile } from '../files/with-file.ts';

const { O_WRONLY, O_RDWR, O_APPEND, O_CREAT, O_NONBLOCK, O_NOCTTY, O_NOFOLLOW } = constants;

/**
 * Opens a log for appending, and creates it with this mode if it is missing. Never waits: a FIFO without a reader would
 * block us under the lock. What it opens is what it has checked.
 * @throws Error in words if it is not what a log can be, or the system error
 */
export function openLog(path: string, mode: number): number {
  const untrusted = linkProblem(path);
  if (untrusted !== undefined) throw new Error(untrusted);
  const isLink = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
  const noLink = isLink ? 0 : O_NOFOLLOW; // one that was put there a moment ago
  const flags = O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | noLink;
  return withFile(
    path,
    flags,
    (checked) => {
      const problem = problemOfType(path, fstatSync(checked));
      if (problem !== undefined) throw new Error(mismatchText(problem));
      return reopened(checked);
    },
    mode,
  );
}

/** The same file without O_NONBLOCK, which a worker does not expect. A pipe has a reader meanwhile: ourselves. */
function reopened(checked: number): number {
  const path = `/proc/self/fd/${checked}`;
  const reopen = (): number => openSync(path, O_WRONLY | O_APPEND | O_NOCTTY);
  return fstatSync(checked).isFIFO() ? withFile(path, O_RDWR | O_NONBLOCK, reopen) : reopen();
}

/**
 * Why what is at this path cannot be a log; undefined if it can, or nothing is there. What a name such as /dev/stdout leads to
 * is known only when a start opens it.
 */
export function logTypeProblem(path: string): Mismatch | undefined {
  try {
    const stats = statSync(path, { throwIfNoEntry: false });
    return stats && problemOfType(path, stats);
  } catch {
    return undefined; // that it cannot be examined is another problem
  }
}

/** What a failed attempt to open a log means, in words. */
export function openProblem(path: string, error: unknown): string {
  const problem = logTypeProblem(path);
  if (problem !== undefined) return mismatchText(problem);
  if (errnoOf(error) !== 'ENXIO') return describeErrno(error);
  const found = 'it is a socket, or a pipe that no process reads';
  return leadsToStream(path)
    ? `${found}; under systemd use log: { command: systemd-cat -t %n }`
    : found;
}

/** A device may block, or swallow the output; a FIFO blocks the worker, or ends it by SIGPIPE, as soon as its reader has exited. */
function problemOfType(path: string, stats: Stats): Mismatch | undefined {
  if (stats.isFile() || isNull(stats) || leadsToStream(path)) return undefined;
  return {
    expected: 'a file, /dev/null, /dev/stdout or /proc/1/fd/1',
    found: kindOfFile(stats),
    hint: 'a program gets the output by log.command',
  };
}

const isNull = (stats: Stats): boolean =>
  stats.isCharacterDevice() && stats.rdev === statSync('/dev/null').rdev;

const streams = /^(?:\/dev\/(?:stdout|stderr|fd\/\d+)|\/proc\/(?:self|thread-self|\d+)\/fd\/\d+)$/;

/** Whether the path itself is the name of such a file: then the config says so, and no link of another user. */
export const namesStream = (path: string): boolean => streams.test(resolve(path));

const mostLinks = 40; // as the kernel has it

/** Whether a path names an open file of a process, such as the output of a container, perhaps by a link. */
function leadsToStream(path: string): boolean {
  let at = resolve(path);
  for (let links = 0; links < mostLinks; links += 1) {
    if (streams.test(at)) return true;
    try {
      at = resolve(dirname(at), readlinkSync(at));
    } catch {
      return false; // no link
    }
  }
  return false;
}
