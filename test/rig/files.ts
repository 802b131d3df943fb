import { readFileSync, utimesSync, writeFileSync } from 'node:fs';

/** The text of a file, or `otherwise` if it cannot be read. */
export function readOr<T>(path: string, otherwise: T): string | T {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return otherwise;
  }
}

/** The lines of a file without empty ones; none if there is no file. */
export const linesOf = (path: string): string[] => readOr(path, '').split('\n').filter(Boolean);

/** Writes a file as if it had been like that for a while: a record that has just become empty is one that is being written. */
export function writeAged(path: string, text: string): void {
  writeFileSync(path, text);
  const time = Date.now() / 1000 - 60;
  if (text === '') utimesSync(path, time, time);
}
