import { readFileSync } from 'node:fs';
import { writeFileAtomically } from './atomic-file.ts';

/** Whether a line is not in this file yet; it is from now on, as far as the disk allows. */
export function tellsNews(path: string, line: string): boolean {
  const known = linesIn(path);
  if (known.includes(line)) return false;
  try {
    writeFileAtomically(path, `${[...known, line].join('\n')}\n`);
  } catch {
    // told twice, then
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
