import { lstatSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { WorkerctlError } from '../core/basics/error.ts';
import { unescapedSpecifiers } from './specifiers.ts';

const fileName = 'workerctl.yaml';
const systemFile = `/etc/${fileName}`;

export interface ConfigSearch {
  /** What `--config` names. */
  readonly config?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The working directory as the kernel tells it. */
  readonly cwd: string;
}

/**
 * The absolute path of the config: `--config`, `$WORKERCTL_CONFIG`, else `workerctl.yaml` in this folder or
 * the nearest one above it, else `/etc/workerctl.yaml`. Whether a named file can be read is for loadConfig
 * to say. Throws a `config` error when there is none.
 */
export function findConfig({ config, env, cwd }: ConfigSearch): string {
  const here = logicalFolder(cwd, env['PWD']);
  const named = config ?? (env['WORKERCTL_CONFIG'] || undefined);
  if (named === '') throw new WorkerctlError('config', '--config: expected a path, found ""');
  if (named !== undefined) return resolve(here, named);
  const found = [...upwards(here), '/etc'].map((dir) => join(dir, fileName)).find(isThere);
  if (found !== undefined) return found;
  throw new WorkerctlError(
    'config',
    `no config found: expected ${fileName} in ${here} or a folder above it, or ${systemFile}`,
    { hint: 'run workerctl init to write one, or name it with --config' },
  );
}

/** The shell's name for the folder, which keeps symlinks such as `current`, as long as it is the same folder. */
function logicalFolder(cwd: string, pwd: string | undefined): string {
  if (pwd === undefined || !isAbsolute(pwd) || resolve(pwd) !== pwd) return cwd;
  try {
    const [logical, physical] = [statSync(pwd), statSync(cwd)];
    return logical.dev === physical.dev && logical.ino === physical.ino ? pwd : cwd;
  } catch {
    return cwd;
  }
}

function upwards(folder: string): string[] {
  const above = dirname(folder);
  return above === folder ? [folder] : [folder, ...upwards(above)];
}

/** A dangling link counts: to pass over it would mean to manage the workers of another config. */
function isThere(file: string): boolean {
  try {
    return !lstatSync(file).isDirectory();
  } catch {
    return false;
  }
}

/** Where the state directory is when the config says nothing of it, from the config's folder. */
export const defaultStateDir = '.workerctl';

/**
 * Where the state directory of a config most likely is, without understanding its text: for who looks there for what the
 * text means, and believes nothing else.
 */
export function likelyStateDir(file: string, text: string): string {
  const found = /(?:^|[{,\s])["']?state_dir["']?[ \t]*:[ \t]*["']?([^\s"'#,}]+)/.exec(text)?.[1];
  return resolve(dirname(file), unescapedSpecifiers(found ?? defaultStateDir));
}
