import { readFileSync } from 'node:fs';
import { writeFileAtomically } from '../files/atomic-file.ts';

/** Adds a line to a file of lines, if the disk allows. Returns whether the line was new. */
export function noteOnce(path: string, line: string): boolean {
  const known = linesIn(path);
  if (known.includes(line)) return false;
  try {
    writeFileAtomically(path, `${[...known, line].join('\n')}\n`);
  } catch {
    // it counts as new again next time
  }
  return true;
}

function linesIn(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n').filter(Boolean);
  } catch {
    return [];
  }
}
