import { dirname, join } from 'node:path';
import { writeFileAtomically } from '../files/atomic-file.ts';
import { makeDirectory } from '../files/make-directory.ts';

/**
 * Writes a text for an instance to a file that its worker may read, in place of an earlier one.
 * @returns the path of the file
 * @throws the system error
 */
export function writeMessage(stateDir: string, instance: string, text: string): string {
  const path = join(stateDir, 'messages', instance);
  makeDirectory(dirname(path));
  writeFileAtomically(path, `${text}\n`);
  return path;
}
