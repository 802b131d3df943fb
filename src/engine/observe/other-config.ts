import type { Config } from '../../core/model/config.ts';
import { instanceNames } from '../../core/model/instance.ts';
import type { ObservedInstance } from '../../core/model/observation.ts';
import { isOtherConfig } from '../../host/worker/other-config.ts';

/**
 * The instances that this config does not want, and that another config has started which is still there: it may want them.
 * Only these are asked for, because a look at a thousand healthy instances must not look for files.
 */
export function ofOtherConfigs(
  config: Config,
  instances: ReadonlyMap<string, ObservedInstance>,
): ReadonlyMap<string, ObservedInstance> {
  const others = [...instances.values()].filter(
    (one) => startedBy(one) !== undefined && startedBy(one) !== config.path,
  );
  if (others.length === 0) return instances;
  const wanted = new Set(config.workers.flatMap(instanceNames));
  const seen = new Map(instances);
  for (const one of others) {
    const path = startedBy(one);
    if (path === undefined || wanted.has(one.name) || !isOtherConfig(path, config.path)) continue;
    seen.set(one.name, { ...one, otherConfig: path });
  }
  return seen;
}

const startedBy = ({ presence }: ObservedInstance): string | undefined =>
  presence.kind === 'alive' ? presence.record.config : undefined;
