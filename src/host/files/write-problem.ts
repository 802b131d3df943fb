import { constants, statSync, type Stats } from 'node:fs';
import { dirname } from 'node:path';
import { assertAccess } from './access.ts';
import { describeErrno, errnoOf } from './errno.ts';

const { W_OK, X_OK } = constants;

/** What to do about a file system that is mounted read-only, or has become that after an error. */
export const readOnlyRemedy = 'make its file system writable again: dmesg says why it is not';

/** Why a file cannot be written, or created with its missing directories, in words; undefined if it can. Creates nothing. */
export function writeProblem(path: string): string | undefined {
  try {
    const file = statsAt(path);
    if (file === undefined) return createProblem(dirname(path));
    return file.isDirectory() ? `${path} is a directory` : accessProblem(path, W_OK);
  } catch (error) {
    return `${path}: ${describeErrno(error)}`;
  }
}

/** Below a file there is nothing: Node says so since version 22, and throws before. */
function statsAt(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if (errnoOf(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** Why nothing can be created in a directory, which need not exist yet. */
export function createProblem(directory: string): string | undefined {
  try {
    const found = statsAt(directory);
    if (found === undefined) return createProblem(dirname(directory));
    if (!found.isDirectory()) return `${directory} is not a directory`;
    return accessProblem(directory, W_OK | X_OK);
  } catch (error) {
    return `${directory}: ${describeErrno(error)}`;
  }
}

function accessProblem(path: string, mode: number): string | undefined {
  try {
    assertAccess(path, mode);
    return undefined;
  } catch (error) {
    const remedy = errnoOf(error) === 'EROFS' ? ` (${readOnlyRemedy})` : '';
    return `${path} cannot be written: ${describeErrno(error)}${remedy}`;
  }
}
