import { constants } from 'node:fs';
import { mayAccess } from '../files/access.ts';
import { statsOf } from '../files/stats-of.ts';
import { join, resolve } from 'node:path';

/** Searched before PATH, so that cron and a login shell find the same programs. */
const usualDirectories = [
  '/usr/bin',
  '/bin',
  '/usr/local/bin',
  '/usr/sbin',
  '/sbin',
  '/run/current-system/sw/bin',
];

/** The path of an executable in one of the usual directories or in PATH. */
export function findProgram(name: string, { PATH = '' }: NodeJS.ProcessEnv): string | undefined {
  return [...usualDirectories, ...PATH.split(':').filter((directory) => directory.startsWith('/'))]
    .map((directory) => join(directory, name))
    .find(isExecutable);
}

const isExecutable = (path: string): boolean => mayAccess(path, constants.X_OK);

/** The file that would be run for a program: at its path from `directory`, or else searched for in `path` alone. */
export function programAt(program: string, path: string, directory = '/'): string | undefined {
  const files = program.includes('/')
    ? [resolve(directory, program)]
    : path.split(':').map((each) => resolve(directory, each, program));
  return files.find((file) => isExecutable(file) && statsOf(file)?.isFile());
}
