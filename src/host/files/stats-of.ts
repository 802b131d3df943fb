import { statSync, type Stats } from 'node:fs';

/** What is at a path; undefined if nothing is, or it cannot be seen: a link that leads nowhere or to itself, missing rights. */
export function statsOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}
