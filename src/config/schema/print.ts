import { stringify } from 'yaml';
import type { Config, Worker } from '../../core/model/config.ts';
import { configSection } from './keys.ts';
import { logKeys, readyKeys, releaseKeys } from './policies.ts';
import { printKeys } from './section.ts';

/** The config in force, every default filled in, under the keys that the file has. */
export function effectiveConfig({ stateDir, release, workers }: Config): object {
  return printKeys(configSection.keys, {
    stateDir,
    release: releaseKeys(release),
    workers: Object.fromEntries(workers.map((worker) => [worker.name, valuesOf(worker)])),
  });
}

/** The config in force as YAML that loads to the same Config again. */
export const formatEffective = (config: Config): string =>
  stringify(effectiveConfig(config), { lineWidth: 0, aliasDuplicateObjects: false });

/** The values of a worker by the keys of the table. */
function valuesOf(worker: Worker): object {
  const { configured, isCounted, daemonizes, busyTitle, ...same } = worker;
  return {
    ...same,
    ...(isCounted
      ? { count: configured.length, identifiers: undefined }
      : { identifiers: configured }),
    daemonizes: daemonizes && true,
    start: daemonizes,
    log: logKeys(worker),
    ready: readyKeys(worker.ready),
    busy: busyTitle === undefined ? undefined : { title: busyTitle },
  };
}
