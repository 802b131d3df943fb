import { Mismatch, object, oneOf, type Form } from '../../core/basics/json-form.ts';
import { quoted, readText, type StateFile } from '../files/json-file.ts';

/**
 * The version of the files that this module reads and writes. It is raised when an older workerctl would misread them.
 */
const schema = 2;

const versioned = object({ schema: ['schema', oneOf(schema)] });

/** The text of a state file: JSON with the version first. */
export const fileText = <T>(form: Form<T>, value: T): string =>
  `${JSON.stringify({ schema, ...(form.write(value) as object) }, undefined, 1)}\n`;

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
