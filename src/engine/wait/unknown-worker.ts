import { statSync } from 'node:fs';
import { WorkerctlError } from '../../core/basics/error.ts';
import type { Config } from '../../core/model/config.ts';
import { workerNameOf } from '../../core/model/targets.ts';
import { report } from '../session.ts';
import type { Up } from './coming-up.ts';
import type { GivenUp } from './settle.ts';

/** Tells whether the file has changed; empty if it cannot be read. */
export function configKeyOf(path: string): string {
  try {
    const file = statSync(path, { throwIfNoEntry: false });
    return file === undefined ? '' : `${file.ino} ${file.mtimeMs} ${file.size}`;
  } catch {
    return '';
  }
}

/**
 * Gives a restart up if the config has changed and has one of its workers no more: the passes of other commands leave such
 * instances alone. A config that cannot be read is left to them.
 */
export async function unknownWorker(up: Up): Promise<GivenUp | undefined> {
  const { request, context } = up;
  const { path } = context.config;
  const key = configKeyOf(path);
  if (request.rolloutId === undefined || key === '' || key === up.configKey) return undefined;
  const config = await configAt(path);
  if (config === undefined) return undefined;
  up.configKey = key;
  const known = new Set(config.workers.map(({ name }) => name));
  const gone = [...new Set(request.instances.map(workerNameOf))].filter((one) => !known.has(one));
  for (const worker of gone) report(context, worker, { kind: 'worker_unknown' });
  return gone.length === 0 ? undefined : { kind: 'unconfigured' };
}

/** Loaded only if the file has changed, as reading a config takes longer than most of the rest. */
async function configAt(path: string): Promise<Config | undefined> {
  const [{ parseConfig }, { readConfigFile }] = await Promise.all([
    import('../../config/load.ts'),
    import('../../config/yaml/read-file.ts'),
  ]);
  try {
    return parseConfig(path, readConfigFile(path).text);
  } catch (error) {
    if (error instanceof WorkerctlError) return undefined;
    throw error;
  }
}
