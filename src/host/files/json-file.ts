import { lstatSync, unlinkSync } from 'node:fs';
import { describeErrno, errnoOf } from './errno.ts';
import { faultPoint } from './fault-point.ts';
import { mismatchText } from '../../core/basics/config-problem.ts';
import { WorkerctlError } from '../../core/basics/error.ts';
import { writeFileAtomically } from './atomic-file.ts';
import { readTextUpTo } from './bounded-read.ts';
import { Mismatch, type Form } from '../../core/basics/json-form.ts';

/** A file of the state directory: missing, understood, or broken (`problem` says how, in words). */
export type StateFile<T> =
  | { readonly kind: 'absent' }
  | { readonly kind: 'read'; readonly value: T }
  | {
      readonly kind: 'broken';
      readonly problem: string;
      /** Nothing is known of its contents: missing rights, a failing disk, too few descriptors. */
      readonly isUnreadable?: true;
    };

export function ifThere(act: () => void): void {
  try {
    act();
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}

/**
 * Removes a file; if it is gone already, that is no error.
 * @throws WorkerctlError `state` if it is a directory, or may not be removed
 */
export const removeFile = (path: string): void => {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return;
  if (stats.isDirectory()) throw folderInPlace(path);
  try {
    unlinkSync(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw notRemoved(path, error);
  }
  faultPoint();
};

const notRemoved = (path: string, error: unknown): WorkerctlError =>
  new WorkerctlError('state', `${path} cannot be removed: ${describeErrno(error)}`, {
    cause: error,
  });

/** The error for a directory in the place of a file: we did not create it, and do not remove what may be in it. */
export const folderInPlace = (path: string): WorkerctlError =>
  new WorkerctlError('state', `${path}: expected a file, found a directory: move it away`);

/** Writes a file of the state directory. If a directory is in its place, the system error would not name it. */
export function writeStateFile(path: string, text: string): void {
  try {
    writeFileAtomically(path, text);
  } catch (error) {
    throw errnoOf(error) === 'EISDIR' ? folderInPlace(path) : error;
  }
  faultPoint();
}

/** A JSON file of this form; `what` names it in a message. */
export const readJson = <T>(path: string, form: Form<T>, what: string): StateFile<T> =>
  checkedJson(
    path,
    readText(path),
    (json) => {
      try {
        return form.read(json);
      } catch (error) {
        if (error instanceof Mismatch) return undefined;
        throw error;
      }
    },
    what,
  );

/** The JSON value that this file holds, if it passes the check; `what` names it in a message. */
export function checkedJson<T>(
  path: string,
  text: StateFile<string>,
  check: (value: unknown) => T | undefined,
  what: string,
): StateFile<T> {
  if (text.kind !== 'read') return text;
  const value = check(parseJson(text.value));
  if (value !== undefined) return { kind: 'read', value };
  return { kind: 'broken', problem: `${path}: expected ${what}, found ${quoted(text.value)}` };
}

/** The first 40 characters of an unexpected text, for a message. */
export const quoted = (text: string): string =>
  text.trim() === '' ? 'an empty file' : JSON.stringify(text.slice(0, 40));

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Never blocks, and never reads more than a file of ours can hold. */
export function readText(path: string, maxBytes?: number): StateFile<string> {
  try {
    const found = readTextUpTo(path, maxBytes);
    if (typeof found === 'string') return { kind: 'read', value: found };
    return { kind: 'broken', problem: `${path}: ${mismatchText(found)}` };
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return { kind: 'absent' };
    const problem = `${path}: ${describeErrno(error)}`;
    const isOfType = typeErrors.includes(errnoOf(error) ?? '');
    return { kind: 'broken', problem, ...(!isOfType && { isUnreadable: true }) };
  }
}

/** What the system says of a directory, a socket, or a symbolic link that leads nowhere. */
const typeErrors = ['EISDIR', 'ENXIO', 'ELOOP', 'ENOTDIR', 'ENAMETOOLONG'];
