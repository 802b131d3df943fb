import * as json from '../../core/basics/json-form.ts';
import { crc32 } from '../files/crc32.ts';
import type { StateFile } from '../files/json-file.ts';
import { fileText, readFormWith } from './schema.ts';

/** A value, and how often the file was written by then. */
export interface Sealed<T> {
  readonly generation: number;
  readonly value: T;
}

const generationForm = json.object<{ readonly generation: number }>({
  generation: ['generation', json.integer],
});

const blank = '00000000';

/** The head of the text: nothing before the checksum comes from the value. */
const head = /^(\{\s*"schema":\s*\d+,\s*"generation":\s*\d+,\s*"checksum":\s*")([0-9a-f]{8})(?=")/;

/** The text of a state file that shows damage: `checksum` is the CRC-32 of the text with eight zeros in its place. */
export function sealedText<T>(form: json.Form<T>, { generation, value }: Sealed<T>): string {
  return sealed(fileText(form, value, { generation, checksum: blank }));
}

/** A text with its checksum; one without a place for it stays as it is. */
export function sealed(text: string): string {
  const blanked = text.replace(head, `$1${blank}`);
  return blanked.replace(head, `$1${crc32(blanked)}`);
}

/** A file that was written by `sealedText`. A `problem` does not name the file. */
export const readSealed = <T>(path: string, form: () => json.Form<T>): StateFile<Sealed<T>> =>
  readFormWith(path, (text, value) => {
    const read = { value: form().read(value), ...generationForm.read(value) };
    const expected = crc32(text.replace(head, `$1${blank}`));
    const found = head.exec(text)?.[2];
    if (found === expected) return read;
    throw new json.Mismatch(['checksum'], expected, found);
  });
