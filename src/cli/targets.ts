import { WorkerctlError } from '../core/basics/error.ts';
import { isOfConfig, namedBy, selectInstances } from '../core/model/targets.ts';
import type { Context } from '../engine/session.ts';
import { recordedInstances } from '../host/state/paths.ts';

/**
 * The instances that the targets name and that are wanted.
 * @throws WorkerctlError `usage` if a target names only instances that are not, or no longer, in the config
 */
export function configuredInstances({ config }: Context, targets: readonly string[]): string[] {
  const wanted = new Set(selectInstances(config, [], []));
  const selected = selectInstances(config, recordedInstances(config.stateDir), targets);
  const forgotten = selected.filter((name) => !wanted.has(name));
  const [first] = forgotten;
  // A worker of which none is wanted has no instances: it is no mistake to name it, or all.
  const isOfInstances = !config.workers.some(({ name }) => namedBy(targets, config)(name));
  if (isOfInstances && first !== undefined && forgotten.length === selected.length) {
    const problem = isOfConfig(config, first)
      ? `${first} is not wanted: not one of the identifiers of its worker`
      : `${first} is not in the config`;
    throw new WorkerctlError('usage', problem, {
      hint: `only status, logs, events and stop accept it; see ${config.path}`,
    });
  }
  return selected.filter((name) => wanted.has(name));
}
