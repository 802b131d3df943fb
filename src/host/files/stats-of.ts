import { lstatSync, statSync, type Stats } from 'node:fs';

/** What is at a path; undefined if nothing is, or it cannot be seen: a link that leads nowhere or to itself, missing rights. */
export function statsOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** The same for a path whose last part may be a link: what the link itself is. */
export function linkStatsOf(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined; // such as a file in place of its directory
  }
}
