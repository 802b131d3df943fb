import { closeSync, openSync } from 'node:fs';

/**
 * Opens a file, and closes it when `use` has returned or thrown.
 * @throws the system error, and what `use` throws
 */
export function withFile<T>(
  path: string,
  flags: string | number,
  use: (fd: number) => T,
  mode?: number,
): T {
  const fd = openSync(path, flags, mode);
  try {
    return use(fd);
  } finally {
    closeSync(fd);
  }
}
