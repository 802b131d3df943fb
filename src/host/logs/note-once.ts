import { writeFileAtomically } from '../files/atomic-file.ts';
import { textOrEmpty } from '../files/bounded-read.ts';

/** Adds a line to a file of lines, if the disk allows. Returns whether the line was new. */
export function noteOnce(path: string, line: string): boolean {
  const known = textOrEmpty(path).split('\n').filter(Boolean);
  if (known.includes(line)) return false;
  try {
    writeFileAtomically(path, `${[...known, line].join('\n')}\n`);
  } catch {
    // it counts as new again next time
  }
  return true;
}
