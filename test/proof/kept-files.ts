import { chmodSync, linkSync, lstatSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** All that is not a directory below one, in the order of the names. */
export const filesIn = (directory: string): string[] =>
  readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();

/**
 * Keeps the very files of a directory in another one, which is emptied. The function that it returns puts them back, and
 * removes what is there besides. A file that was written to meanwhile stays as it is by then.
 */
export function keepFiles(directory: string, aside: string): () => void {
  rmSync(aside, { recursive: true, force: true });
  mkdirSync(aside);
  const kept = filesIn(directory).map((path, index) => {
    const { ino, mode } = lstatSync(path);
    const at = join(aside, String(index));
    linkSync(path, at);
    return { path, at, ino, mode };
  });
  return () => {
    const inodes = new Map(kept.map(({ path, ino }) => [path, ino]));
    for (const path of filesIn(directory))
      if (lstatSync(path).ino !== inodes.get(path)) rmSync(path);
    for (const { path, at, mode } of kept) {
      const found = lstatSync(path, { throwIfNoEntry: false });
      if (found?.isDirectory() === true) rmSync(path, { recursive: true });
      if (found === undefined || found.isDirectory()) {
        mkdirSync(dirname(path), { recursive: true });
        linkSync(at, path);
      }
      if (!lstatSync(path).isSymbolicLink()) chmodSync(path, mode);
    }
  };
}
