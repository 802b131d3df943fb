import { accessSync, constants, statSync } from 'node:fs';
import { resolve } from 'node:path';

/** The file that a shell would run for a program: by its path from `directory`, or looked for in `path` alone. */
export function programAt(program: string, path: string, directory = '/'): string | undefined {
  if (program.includes('/')) return [resolve(directory, program)].find(canRun);
  return path
    .split(':')
    .map((folder) => resolve(directory, folder, program))
    .find(canRun);
}

function canRun(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
