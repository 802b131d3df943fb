import { lstatSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { WorkerctlError } from '../core/basics/error.ts';
import { unescapedSpecifiers } from './specifiers.ts';

const fileName = 'workerctl.yaml';
const systemFile = `/etc/${fileName}`;

export interface ConfigSearch {
  readonly config?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The working directory, with symlinks resolved. */
  readonly cwd: string;
}

/**
 * The absolute path of the config: `--config`, `$WORKERCTL_CONFIG`, else `workerctl.yaml` in this directory or
 * the nearest one above it, else `/etc/workerctl.yaml`. A file that is named need not
 * exist; loadConfig reports that. Throws a `config` error if there is none.
 */
export function findConfig({ config, env, cwd }: ConfigSearch): string {
  const here = logicalFolder(cwd, env['PWD']);
  const named = config ?? (env['WORKERCTL_CONFIG'] || undefined);
  if (named === '') throw new WorkerctlError('config', '--config: expected a path, found ""');
  if (named !== undefined) return resolve(here, named);
  const found = nearestFile(fileName, [...upwards(here), '/etc']);
  if (found !== undefined) return found;
  throw new WorkerctlError(
    'config',
    `no config found: expected ${fileName} in ${here} or a directory above it, or ${systemFile}`,
    { hint: 'run workerctl init to write one, or name it with --config' },
  );
}

/** The shell's name for the directory, which keeps symlinks such as `current`, provided that it is the same directory. */
export function logicalFolder(cwd: string, pwd: string | undefined): string {
  if (pwd === undefined || !isAbsolute(pwd) || resolve(pwd) !== pwd) return cwd;
  try {
    const [logical, physical] = [statSync(pwd), statSync(cwd)];
    return logical.dev === physical.dev && logical.ino === physical.ino ? pwd : cwd;
  } catch {
    return cwd;
  }
}

/** The file of this name in the first of the directories that has one. */
export const nearestFile = (name: string, folders: readonly string[]): string | undefined =>
  folders.map((dir) => join(dir, name)).find(exists);

/** The directory and all above it. */
export function upwards(folder: string): string[] {
  const above = dirname(folder);
  return above === folder ? [folder] : [folder, ...upwards(above)];
}

/** A dangling link counts: skipping it would mean managing the workers of another config. */
function exists(file: string): boolean {
  try {
    return !lstatSync(file).isDirectory();
  } catch {
    return false;
  }
}

/** The default of the table of keys, which is not loaded only for this. A test compares them. */
const defaultStateDir = '.workerctl';

const stateDirIn = /(?:^|[{,\s])["']?state_dir["']?[ \t]*:[ \t]*["']?([^\s"'#,}]+)/;

/**
 * Where the state directory of a config most likely is, without parsing it: good enough to look there for the kept
 * result of this very text.
 */
export function likelyStateDir(file: string, text: string): string {
  const found = text.includes('state_dir') ? stateDirIn.exec(text)?.[1] : undefined;
  return resolve(dirname(file), unescapedSpecifiers(found ?? defaultStateDir));
}
