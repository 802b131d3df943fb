import { longBound } from '../files/bounded-read.ts';
import {
  integer,
  Mismatch,
  object,
  oneOf,
  text,
  type Form,
  type Members,
} from '../../core/basics/json-form.ts';
import type { ProcessIdentity } from '../../core/model/process.ts';
import { quoted, readText, type StateFile } from '../files/json-file.ts';

/**
 * The version of the files that this module reads and writes. It is raised when an older workerctl would misread them.
 */
const schema = 2;

const versioned = object({ schema: ['schema', oneOf(schema)] });

export const identityMembers: Members<ProcessIdentity> = {
  pid: ['pid', integer],
  startTime: ['start_time', integer],
  bootId: ['boot_id', text],
};

/** The identity of a process, without what else a value may hold. */
export const identity = object<ProcessIdentity>(identityMembers);

/** The text of a state file: JSON with the version first. */
export const fileText = <T>(form: Form<T>, value: T, head: object = {}): string =>
  `${JSON.stringify({ schema, ...head, ...(form.write(value) as object) }, undefined, 1)}\n`;

/** A state file that was written by `fileText`. A `problem` does not name the file. */
export const readForm = <T>(path: string, form: () => Form<T>): StateFile<T> =>
  readFormWith(path, (_, json) => form().read(json));

/**
 * The same, read by a function that gets the text and the JSON value in it. It throws a Mismatch if they are not what it
 * expects.
 */
export function readFormWith<T>(
  path: string,
  read: (text: string, json: unknown) => T,
): StateFile<T> {
  const file = readText(path, longBound);
  if (file.kind === 'absent') return file;
  if (file.kind === 'broken') return { ...file, problem: file.problem.replace(`${path}: `, '') };
  try {
    const json: unknown = JSON.parse(file.value);
    versioned.read(json);
    return { kind: 'read', value: read(file.value, json) };
  } catch (error) {
    if (error instanceof Mismatch) return { kind: 'broken', problem: error.message };
    return { kind: 'broken', problem: `expected JSON, found ${quoted(file.value)}` };
  }
}
