import { closeSync, openSync } from 'node:fs';

/** Enough to start a program with three pipes, to lock a file and to write another one. */
const usual = 16;

/**
 * Makes sure that this many files can be opened, before anything is begun that would be left half done. (Node reports a program
 * that could not be started without pipes in ways that no caller can handle.)
 * @throws the system error, EMFILE or ENFILE
 */
export function needDescriptors(count = usual): void {
  const fds: number[] = [];
  try {
    while (fds.length < count) fds.push(openSync('/dev/null', 'r'));
  } finally {
    for (const fd of fds) closeSync(fd);
  }
}

/** Whether this many files can be opened. */
export function hasDescriptors(count: number): boolean {
  try {
    needDescriptors(count);
    return true;
  } catch {
    return false;
  }
}
