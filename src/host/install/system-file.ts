import { lstatSync, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { WorkerctlError } from '../../core/basics/error.ts';
import { writeFileAtomically } from '../files/atomic-file.ts';
import { childProcess } from '../process/spawn.ts';
import { describeErrno, errnoOf } from '../files/errno.ts';

/**
 * Writes a file for another program, unless one exists that does not begin with our `header`.
 * @throws WorkerctlError `failed` if it cannot be written; `otherwise` is the hint then
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
        `${path}: expected no file, or one that begins with "${header}"; it is left unchanged`,
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

/**
 * User and group of a directory, or of the nearest existing one above. Undefined if only root can write to it: then the file need
 * not name them.
 */
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
