import { readFileSync } from 'node:fs';
import { isShortage } from './shortage.ts';

const asText = { encoding: 'utf8', flag: 'r' } as const;

/**
 * The text of a file; empty if it cannot be read, such as that of a process that is gone. As UTF-8, because then Node opens,
 * reads and closes in one call.
 * @throws the system error if the host lacks file descriptors or memory: a process must not seem to be gone for that
 */
export function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, asText);
  } catch (error) {
    if (isShortage(error)) throw error;
    return '';
  }
}
