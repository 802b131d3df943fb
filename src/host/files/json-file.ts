import { constants, lstatSync, readFileSync, statSync, unlinkSync } from 'node:fs';
import { describeErrno, errnoOf } from './errno.ts';
import { faultPoint } from './fault-point.ts';
import { WorkerctlError } from '../../core/basics/error.ts';
import { writeFileAtomically } from './atomic-file.ts';
import { Mismatch, type Form } from '../../core/basics/json-form.ts';

/** A file of the state directory: missing, understood, or broken (`problem` says how, in words). */
export type StateFile<T> =
  | { readonly kind: 'absent' }
  | { readonly kind: 'read'; readonly value: T }
  | { readonly kind: 'broken'; readonly problem: string };

/** In characters. workerctl writes no longer texts. */
export const maxLength = 1024 * 1024;

export function ifThere(act: () => void): void {
  try {
    act();
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}

/**
 * Removes a file; if it is gone already, that is no error.
 * @throws WorkerctlError `state` if it is a directory
 */
export const removeFile = (path: string): void => {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return;
  if (stats.isDirectory()) throw folderInPlace(path);
  ifThere(() => {
    unlinkSync(path);
  });
  faultPoint();
};

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
  readChecked(
    path,
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

export function readChecked<T>(
  path: string,
  check: (value: unknown) => T | undefined,
  what: string,
): StateFile<T> {
  const text = readText(path);
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

/** How a text is read so that opening a FIFO does not block. */
export const withoutWaiting = {
  encoding: 'utf8' as const,
  // Node accepts a number wherever it accepts a flag, but its types do not say so.
  flag: (constants.O_RDONLY | constants.O_NONBLOCK) as unknown as string,
};

/**
 * Never blocks, not even on a FIFO. Reads as UTF-8, because then Node opens, reads and closes in one call, which takes half
 * the time of three.
 */
export function readText(path: string): StateFile<string> {
  try {
    // Checked first, because Node reads up to gigabytes before it reports that a file is too large.
    const { size } = statSync(path);
    const value = size > maxLength ? undefined : readFileSync(path, withoutWaiting);
    if (value !== undefined && value.length <= maxLength) return { kind: 'read', value };
    return {
      kind: 'broken',
      problem: `${path}: expected at most ${maxLength} characters, found ${value?.length ?? size}`,
    };
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return { kind: 'absent' };
    return { kind: 'broken', problem: `${path}: ${describeErrno(error)}` };
  }
}
