import { resolve } from 'node:path';
import { WorkerctlError } from '../../core/basics/error.ts';
import { logicalFolder, nearestFile, upwards, type ConfigSearch } from '../find.ts';

const fileName = 'fleet.yaml';

/**
 * The absolute path of the fleet's file: `--config`, `$WORKERCTL_FLEET`, else `fleet.yaml` in this directory or the nearest
 * one above it. Throws a `config` error if there is none.
 */
export function findFleet({ config, env, cwd }: ConfigSearch): string {
  const here = logicalFolder(cwd, env['PWD']);
  const named = config ?? (env['WORKERCTL_FLEET'] || undefined);
  if (named === '') throw new WorkerctlError('config', '--config: expected a path, found ""');
  if (named !== undefined) return resolve(here, named);
  const found = nearestFile(fileName, upwards(here));
  if (found !== undefined) return found;
  throw new WorkerctlError(
    'config',
    `no fleet found: expected ${fileName} in ${here} or a directory above it`,
    { hint: 'write one (docs/fleet.md has a first one to copy), or name it with --config' },
  );
}
