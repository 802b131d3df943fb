import { statSync } from 'node:fs';
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { resolve } from 'node:path';

/** Looked through whatever PATH is, so that cron and a login shell find the same programs. */
const usualFolders = [
  '/usr/bin',
  '/bin',
  '/usr/local/bin',
  '/usr/sbin',
  '/sbin',
  '/run/current-system/sw/bin',
];

/** The path of an executable in one of the usual folders or in PATH. */
export function findProgram(name: string, { PATH = '' }: NodeJS.ProcessEnv): string | undefined {
  return [...usualFolders, ...PATH.split(':').filter((folder) => folder.startsWith('/'))]
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

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
