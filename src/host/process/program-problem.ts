import { constants, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { assertAccess } from '../files/access.ts';
import { describeErrno, errnoOf } from '../files/errno.ts';
import { programAt } from './find-program.ts';
import { interpretersOf } from './interpreters.ts';

/** Where programs are looked for. */
export interface SearchPlace {
  readonly directory: string;
  /** As in the variable PATH. */
  readonly path: string;
}

/** An interpreter may be a script itself, this often. Source: execve(2). */
const mostScripts = 4;

/** Why a program cannot be run, in words; undefined if it can, as far as its file and those of its interpreters tell. */
export function programProblem(program: string, place: SearchPlace, depth = 0): string | undefined {
  const { directory, path } = place;
  const isPath = program.includes('/');
  const file = isPath ? resolve(directory, program) : programAt(program, path, directory);
  if (file === undefined) return `there is no program ${shown(program)} in the PATH (${path})`;
  const problem = fileProblem(file);
  if (problem !== undefined) return `${shown(file)} ${problem}`;
  if (depth === mostScripts) return undefined;
  for (const needed of interpretersOf(file)) {
    const missing = programProblem(needed, place, depth + 1);
    const hint = needed.endsWith('\r') ? ' (its lines end as on Windows)' : '';
    if (missing !== undefined) return `${file} cannot be run: ${missing}${hint}`;
  }
  return undefined;
}

function fileProblem(file: string): string | undefined {
  try {
    const found = statSync(file, { throwIfNoEntry: false });
    if (found === undefined) return 'does not exist';
    if (!found.isFile()) return 'is not a file';
    if ((found.mode & 0o111) === 0) return `is not executable: chmod +x ${file}`;
    assertAccess(file, constants.X_OK);
    return undefined;
  } catch (error) {
    return errnoOf(error) === 'EACCES'
      ? 'may not be run by this user, or is on a file system that is mounted with noexec'
      : describeErrno(error);
  }
}

const shown = (path: string): string => path.replaceAll('\r', '\\r');
