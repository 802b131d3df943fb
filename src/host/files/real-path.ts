import { realpathSync } from 'node:fs';

/** The path without symbolic links; unchanged if there is no such file, or it is not ours to see. */
export function realPathOrSelf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
