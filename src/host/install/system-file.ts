import { lstatSync, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { WorkerctlError } from '../../core/basics/error.ts';
import { writeFileAtomically } from '../files/atomic-file.ts';
import { childProcess } from '../process/spawn.ts';
import { describeErrno, errnoOf } from '../files/errno.ts';

/**
 * Writes a file for another program, unless there is one that does not begin with our `header`.
 * @throws WorkerctlError `failed` when it may not be written; `otherwise` says what to do then
 */
export function writeSystemFile(
  path: string,
  text: string,
  { header, otherwise }: { readonly header: string; readonly otherwise: string },
): 'written' | 'same' {
  try {
    const found = textOf(path);
    if (found === text) return 'same';
    if (found !== undefined && !found.startsWith(`${header}\n`))
      throw new WorkerctlError(
        'failed',
        `${path}: expected none, or one that begins with "${header}"; left as it is`,
        { hint: otherwise },
      );
    writeFileAtomically(path, text);
    return 'written';
  } catch (error) {
    if (error instanceof WorkerctlError) throw error;
    throw new WorkerctlError('failed', `${path}: cannot be written: ${describeErrno(error)}`, {
      hint: otherwise,
      cause: error,
    });
  }
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** User and group of a folder, or of the nearest one above that is there. One that root alone can write to need not be named: undefined. */
export function ownerOf(path: string): { user: string; group: string } | undefined {
  let folder = path;
  while (lstatSync(folder, { throwIfNoEntry: false }) === undefined) folder = dirname(folder);
  const { uid, mode } = statSync(folder);
  if (uid === 0 && (mode & 0o022) === 0) return undefined;
  const words = ['-L', '-c', '%U %G', folder];
  const { stdout } = childProcess().spawnSync('stat', words, { encoding: 'utf8' });
  const [user = '', group = ''] = stdout.trim().split(' ');
  return user === '' || group === '' ? undefined : { user, group };
}
