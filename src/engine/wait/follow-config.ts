import type { Stats } from 'node:fs';
import { WorkerctlError } from '../../core/basics/error.ts';
import type { Config } from '../../core/model/config.ts';
import { workerNameOf } from '../../core/model/targets.ts';
import { now, sleep } from '../../host/process/clock.ts';
import { mountProblem } from '../../host/process/mount-problem.ts';
import { silentPaths } from '../../host/process/silent-paths.ts';
import { statsOf } from '../../host/files/stats-of.ts';
import { report } from '../session.ts';
import type { Up } from './coming-up.ts';
import type { GivenUp } from './settle.ts';

/** Tells whether the file, its owner or its mode has changed; empty if it cannot be read, or was found not to answer. */
export const configKeyOf = (path: string): string =>
  silentPaths.has(path) ? '' : keyOf(statsOf(path));

/** A file that is written in place is whole once it has not changed for this long. Half of one may name fewer workers. */
const settledMs = 200;

/** How often, and at most how many times, to look whether it is whole by now. */
const settlingMs = 50;
const settlingLooks = 40;

/** A time further ahead says nothing about when the file was written: it was set by hand, or the clock was set back. */
const aheadMs = 1_000;

/**
 * The new key of a file that has changed since it had this one, once the file is whole. Undefined if it has not changed,
 * cannot be read, or is on a file system that does not answer: then the config that was read stays in force.
 */
export async function newConfigKey(path: string, key: string): Promise<string | undefined> {
  if ((await mountProblem(() => [path])) !== undefined) return undefined;
  for (let look = 0; look < settlingLooks; look += 1) {
    const file = statsOf(path);
    const found = keyOf(file);
    if (file === undefined || found === key) return undefined;
    const age = now() - file.mtimeMs;
    // The file system's clock is finer than ours, and another host's may be ahead: then the file is new.
    if (age < -aheadMs || age >= settledMs) return found;
    await sleep(settlingMs);
  }
  return undefined;
}

/**
 * Of a config that cannot be used: the key that its file has instead if it was being written while it was read, once it is
 * whole. Undefined if it is as it was.
 */
export async function keyOnceWritten(path: string, key: string): Promise<string | undefined> {
  await sleep(settledMs);
  return newConfigKey(path, key);
}

const keyOf = (file: Stats | undefined): string =>
  file === undefined ? '' : `${file.ino} ${file.ctimeMs} ${file.size}`;

/**
 * Lets a restart follow its config if that has changed, as every other pass does: what it starts has the new command, and
 * that needs a canary of its own. If one of its workers is gone, it is given up: no pass touches such instances. A config
 * that cannot be used, or that others can write now, is reported once, and the one before stays in force.
 */
export async function followConfig(up: Up): Promise<GivenUp | undefined> {
  const { request, context } = up;
  if (request.rolloutId === undefined) return undefined;
  const { path, stateDir } = context.config;
  const key = await newConfigKey(path, up.configKey);
  if (key === undefined) return undefined;
  const config = await configAt(context.config);
  if (typeof config === 'string') {
    if ((await keyOnceWritten(path, key)) !== undefined) return undefined; // the next look reads that
    up.configKey = key;
    const problem = `${config}; the restart goes on with the config as it was`;
    report(context, 'config', { kind: 'warning', problem });
    return undefined;
  }
  if (config.stateDir !== stateDir) return undefined;
  up.configKey = key;
  const known = new Set(config.workers.map(({ name }) => name));
  const gone = [...new Set(request.instances.map(workerNameOf))].filter((one) => !known.has(one));
  for (const worker of gone) report(context, worker, { kind: 'worker_unknown' });
  if (gone.length > 0) return { kind: 'unconfigured' };
  up.current.config = config;
  return undefined;
}

/** The config now, or what is wrong with it. Loaded only if the file has changed: reading it takes longer than most of the rest. */
async function configAt({ path, isVouchedFor }: Config): Promise<Config | string> {
  const [{ loadConfig }, { describeDistrust, distrustOf }] = await Promise.all([
    import('../../config/load.ts'),
    import('../../host/files/config-trust.ts'),
  ]);
  try {
    const distrust = isVouchedFor === true ? undefined : distrustOf({ path, isNamed: true });
    if (distrust !== undefined)
      return `${path}: this config is not trusted any more: ${describeDistrust(path, distrust)}`;
    return { ...loadConfig(path), ...(isVouchedFor === true && { isVouchedFor }) };
  } catch (error) {
    if (error instanceof WorkerctlError) return error.message;
    throw error;
  }
}
