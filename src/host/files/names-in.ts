import { readdirSync } from 'node:fs';
import { errnoOf } from './errno.ts';

/**
 * The names in a directory; none if it does not exist.
 * @throws the system error
 */
export function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}
