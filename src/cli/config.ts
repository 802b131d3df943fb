import { isAbsolute, resolve } from 'node:path';
import { findConfig } from '../config/find.ts';
import { likelyStateDir } from '../config/find.ts';
import { readConfigFile } from '../config/yaml/read-file.ts';
import { WorkerctlError } from '../core/basics/error.ts';
import type { Config } from '../core/model/config.ts';
import { forgetConfig, keepConfig, keptConfig } from '../host/state/config-cache.ts';
import type { GlobalOptions } from './parse.ts';

/** Replaced by the bundler with what tells one build from another. */
declare global {
  const BUILD: string;
}

/** The path of the config that the options, the environment or the working directory name. */
export function configPath({ config, directory }: GlobalOptions): string {
  const named = config ?? process.env['WORKERCTL_CONFIG'] ?? '';
  if (isAbsolute(named)) return named;
  if (directory !== undefined) return findConfig({ config, env: process.env, cwd: directory });
  throw new WorkerctlError(
    'config',
    'the working directory was removed: no config can be looked for from there',
    { hint: 'cd to a folder that is there, or name the config with --config and its whole path' },
  );
}

/**
 * The config itself. What YAML and its checks made of it the last time is good for as long as the text is the same, to the
 * letter.
 */
export const configFor = (options: GlobalOptions): Promise<Config> => readConfig(options, 'looks');

/** The same for a command that acts: it keeps what the text means for those that come after it. */
export const configToActOn = (options: GlobalOptions): Promise<Config> =>
  readConfig(options, 'acts');

/** A text that not everybody may read is not written down a second time. */
async function readConfig(options: GlobalOptions, who: 'looks' | 'acts'): Promise<Config> {
  const file = resolve(configPath(options));
  const { text, isPublic } = readConfigFile(file);
  const stateDir = likelyStateDir(file, text);
  const key = { build: BUILD, file, text };
  const kept = isPublic ? keptConfig(stateDir, key) : undefined;
  if (kept !== undefined) return kept;
  const { parseConfig } = await import('../config/load.ts');
  const config = parseConfig(file, text);
  if (who === 'looks' || config.stateDir !== stateDir) return config;
  if (isPublic) keepConfig(stateDir, key, config);
  else forgetConfig(stateDir);
  return config;
}
