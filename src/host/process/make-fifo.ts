import { describeErrno } from '../files/errno.ts';
import { findProgram } from './find-program.ts';
import { childProcess } from './spawn.ts';

/**
 * Makes a FIFO with mkfifo(1); `mode` is octal, such as `0600`. Synchronous, because a start waits for it.
 * @returns in words why it could not be made, or undefined
 */
export function makeFifo(path: string, mode: string): string | undefined {
  const program = findProgram('mkfifo', process.env);
  if (program === undefined) return 'there is no program mkfifo: install coreutils';
  const made = childProcess().spawnSync(program, ['-m', mode, path], { encoding: 'utf8' });
  if (made.status === 0) return undefined;
  return made.error === undefined ? made.stderr.trim() : `mkfifo(1): ${describeErrno(made.error)}`;
}
