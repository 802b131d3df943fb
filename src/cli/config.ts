import { isAbsolute, resolve } from 'node:path';
import { findConfig, likelyStateDir } from '../config/find.ts';
import { readConfigFile, type ConfigSource } from '../config/yaml/read-file.ts';
import { WorkerctlError } from '../core/basics/error.ts';
import type { Config } from '../core/model/config.ts';
import { describeDistrust, distrustOf, untrustedConfig } from '../host/files/config-trust.ts';
import { assertAnswers } from '../host/process/mount-problem.ts';
import { vouchFor } from '../host/files/trusted-path.ts';
import { forgetConfig, keepConfig, keptConfig } from '../host/state/config-cache.ts';
import type { Desired } from '../core/model/desired.ts';
import { withCounts } from '../core/rules/scaling.ts';
import { build } from '../host/files/build.ts';
import { readDesired, seenDesired } from '../host/state/desired-file.ts';
import { checkForLook, checkStateDirectory } from '../host/state/state-directory.ts';
import type { GlobalOptions } from './command.ts';
import { printError } from './print.ts';

/** The path of the config that the options, the environment or the working directory name. */
export function configPath({ config, directory }: GlobalOptions): string {
  const named = config ?? process.env['WORKERCTL_CONFIG'] ?? '';
  if (isAbsolute(named)) return named;
  if (directory !== undefined) return findConfig({ config, env: process.env, cwd: directory });
  throw new WorkerctlError(
    'config',
    'the working directory was removed: no config can be looked for in it',
    { hint: 'cd to a directory that exists, or give --config an absolute path' },
  );
}

/**
 * The config of a command that only looks. Its meaning is taken from the state directory while its text is the same. If
 * others can write it, it is data: nothing that it names is run.
 */
export const configFor = (options: GlobalOptions): Promise<Config> => readConfig(options, 'looks');

/**
 * The config of a command that acts: what it means is kept for later commands.
 * @throws WorkerctlError `config` if others can write it, or the caller must not start workers of its users
 */
export const configToActOn = (options: GlobalOptions): Promise<Config> =>
  readConfig(options, 'acts');

/** The config of a command that acts, but changes nothing this time; the same as above otherwise. */
export const configToPlan = (options: GlobalOptions): Promise<Config> =>
  readConfig(options, 'plans');

/** The config with the counts that `want` has set, as far as they are known: for commands that only look. */
export async function configInForce(options: GlobalOptions): Promise<Config> {
  const config = await configFor(options);
  checkForLook(config.stateDir);
  return withCounts(config, seenDesired(config.stateDir).desired);
}

/** Names on standard error what is wrong with state.json, for commands that only look and do not depend on it. */
export function reportStateProblem({ stateDir }: Config): void {
  const { problem } = seenDesired(stateDir);
  if (problem !== undefined) printError(`workerctl: ${problem}\n`);
}

/**
 * The desired state.
 * @throws WorkerctlError `state` if another user could have written it
 */
export function desiredFor({ stateDir }: Config): Desired {
  checkStateDirectory(stateDir);
  return readDesired(stateDir);
}

/**
 * The path of the config, absolute.
 * @throws WorkerctlError `config` if looking for it or reading it would wait for a file system that does not answer
 */
export async function reachableConfig(options: GlobalOptions): Promise<string> {
  const named = options.config ?? process.env['WORKERCTL_CONFIG'] ?? '';
  if (!isAbsolute(named) && options.directory !== undefined)
    await assertAnswers(options.directory, 'config');
  const file = resolve(configPath(options));
  await assertAnswers(file, 'config');
  return file;
}

type Purpose = 'looks' | 'plans' | 'acts';

async function readConfig(options: GlobalOptions, purpose: Purpose): Promise<Config> {
  const file = await reachableConfig(options);
  const { text, isPublic } = readConfigFile(file);
  await assertAnswers(likelyStateDir(file, text), 'state');
  const trust = trustIn(file, options);
  if (purpose !== 'looks' && trust.kind === 'none') throw trust.error();
  const config = await configOf(file, { text, isPublic }, purpose);
  if (purpose !== 'looks' && config.workers.some(({ runAs }) => runAs !== undefined))
    await (await import('./worker-users.ts')).assertMayAct(config);
  switch (trust.kind) {
    case 'checked':
      return config;
    case 'vouched':
      return { ...config, isVouchedFor: true };
    case 'none':
      return { ...config, distrust: trust.found };
  }
}

type Trust =
  | { readonly kind: 'checked' | 'vouched' }
  | { readonly kind: 'none'; readonly found: string; readonly error: () => WorkerctlError };

/** Whether only those whom the caller trusts anyway can write the config. */
export function trustIn(path: string, { config, trustsConfig }: GlobalOptions): Trust {
  if (trustsConfig === true) {
    vouchFor(path);
    return { kind: 'vouched' };
  }
  const isNamed = config !== undefined || (process.env['WORKERCTL_CONFIG'] ?? '') !== '';
  const distrust = distrustOf({ path, isNamed });
  if (distrust === undefined) return { kind: 'checked' };
  return {
    kind: 'none',
    found: describeDistrust(path, distrust),
    error: () => untrustedConfig(path, distrust),
  };
}

async function configOf(
  file: string,
  { text, isPublic }: ConfigSource,
  purpose: Purpose,
): Promise<Config> {
  const stateDir = likelyStateDir(file, text);
  const key = { build, file, text };
  const kept = isPublic ? keptConfig(stateDir, key) : undefined;
  if (kept !== undefined) return kept;
  const { parseConfig } = await import('../config/load.ts');
  const config = parseConfig(file, text);
  if (purpose !== 'acts' || config.stateDir !== stateDir) return config;
  // The text of a config that other users may not read is not written a second time.
  if (isPublic) keepConfig(stateDir, key, config);
  else forgetConfig(stateDir);
  return config;
}
