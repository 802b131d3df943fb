import { readFileSync } from 'node:fs';

const asText = { encoding: 'utf8', flag: 'r' } as const;

/**
 * The text of a file; empty if it cannot be read, such as that of a process that is gone. As UTF-8, because then Node opens,
 * reads and closes in one call.
 */
export function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, asText);
  } catch {
    return '';
  }
}
