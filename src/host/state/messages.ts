import { dirname, join } from 'node:path';
import { writeFileAtomically } from '../files/atomic-file.ts';
import { makeFolder } from '../files/make-folder.ts';

/** Puts a text for an instance into a file that its worker may read, in place of the last one; gives back its path. */
export function writeMessage(stateDir: string, instance: string, text: string): string {
  const path = join(stateDir, 'messages', instance);
  makeFolder(dirname(path));
  writeFileAtomically(path, `${text}\n`);
  return path;
}
