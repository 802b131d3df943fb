import { allObserved, liveProcess, type Observation } from '../../core/model/observation.ts';
import type { Scene } from '../scene.ts';

/**
 * The pids of the processes of the instances that live, and of their shims: none of them is what another process has left,
 * so nothing need be read of them.
 */
export function livingIn(
  { others }: Pick<Scene, 'others'>,
  observation: Observation,
): ReadonlySet<number> {
  const pids = new Set<number>();
  for (const one of [...(others?.values() ?? []), ...allObserved(observation)]) {
    const { presence } = one;
    const process = liveProcess(one);
    if (process !== undefined) pids.add(process.pid);
    if (presence.kind === 'alive') pids.add(presence.record.shimPid);
  }
  return pids;
}
