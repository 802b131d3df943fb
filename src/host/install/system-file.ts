import { lstatSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { mismatchText } from '../../core/basics/config-problem.ts';
import { WorkerctlError } from '../../core/basics/error.ts';
import { writeFileAtomically } from '../files/atomic-file.ts';
import { readTextUpTo } from '../files/bounded-read.ts';
import type { Ask } from '../process/ask-program.ts';
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
    const found = readTextUpTo(path);
    if (typeof found === 'string') return found;
    throw new WorkerctlError('failed', `${path}: ${mismatchText(found)}; it is left unchanged`);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * User and group of a directory, or of the nearest existing one above. Undefined if only root can write to it: then the file
 * need not name them.
 */
export async function ownerOf(
  path: string,
  ask: Ask,
): Promise<{ user: string; uid: number; group: string } | undefined> {
  let directory = path;
  while (lstatSync(directory, { throwIfNoEntry: false }) === undefined)
    directory = dirname(directory);
  const { uid, mode } = statSync(directory);
  if (uid === 0 && (mode & 0o022) === 0) return undefined;
  const answer = await ask('stat', ['-L', '-c', '%U %G', directory]);
  const [user = '', group = ''] = answer.kind === 'said' ? answer.text.trim().split(' ') : [];
  return user === '' || group === '' ? undefined : { user, uid, group };
}

/**
 * Writes metrics for node_exporter's textfile collector: atomically, under a temporary name that it does not read, and readable
 * by every user, whatever the umask is.
 * @throws WorkerctlError `failed`
 */
export function writeMetricsFile(path: string, text: string): void {
  const umask = process.umask(0o022);
  try {
    writeFileAtomically(path, text);
  } catch (error) {
    throw new WorkerctlError(
      'failed',
      `metrics file ${path}: expected to write it, found ${describeErrno(error)}`,
      { hint: 'its directory must exist and be writable for this user', cause: error },
    );
  } finally {
    process.umask(umask);
  }
}
