import { readFileSync } from 'node:fs';

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
