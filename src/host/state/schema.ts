import { WorkerctlError } from '../../core/basics/error.ts';
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
import { writeFileAtomically } from '../files/atomic-file.ts';
import { describeErrno } from '../files/errno.ts';
import { faultPoint } from '../files/fault-point.ts';
import { makeDirectory } from '../files/make-directory.ts';
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
export const fileText = <T>(form: Form<T>, value: T): string =>
  `${JSON.stringify({ schema, ...(form.write(value) as object) }, undefined, 1)}\n`;

/**
 * Writes a state file. After a crash of the host a `whole` file is the old or the new one, and a `durable` file is the new one.
 * @throws WorkerctlError `state` if it cannot be written; then the old text is unchanged, and `otherwise` holds
 * @param options `directory` is made if it is missing
 */
export function writeForm<T>(
  path: string,
  form: Form<T>,
  value: T,
  options: { outlives?: 'whole' | 'durable'; directory?: string; otherwise: string },
): void {
  const { outlives, directory, otherwise } = options;
  try {
    if (directory !== undefined) makeDirectory(directory);
    writeFileAtomically(path, fileText(form, value), outlives && { outlives });
  } catch (error) {
    const problem = `${path}: cannot be written: ${describeErrno(error)}; ${otherwise}`;
    throw new WorkerctlError('state', problem, { cause: error });
  }
  faultPoint();
}

/** A state file that was written by `fileText`. A `problem` does not name the file. */
export function readForm<T>(path: string, form: () => Form<T>): StateFile<T> {
  const file = readText(path);
  if (file.kind === 'absent') return file;
  if (file.kind === 'broken')
    return { kind: 'broken', problem: file.problem.replace(`${path}: `, '') };
  try {
    const json: unknown = JSON.parse(file.value);
    versioned.read(json);
    return { kind: 'read', value: form().read(json) };
  } catch (error) {
    if (error instanceof Mismatch) return { kind: 'broken', problem: error.message };
    return { kind: 'broken', problem: `expected JSON, found ${quoted(file.value)}` };
  }
}
