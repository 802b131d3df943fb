import { liveProcess, withSeen, type Observation } from '../../core/model/observation.ts';
import { workerNameOf } from '../../core/model/targets.ts';
import { commandDigestOf } from '../../host/worker/command-digest.ts';
import type { Scene } from '../scene.ts';

/** The same observation, with the command that a start would run of each instance that may be done. */
export function withCommandDigests(
  { config: { workers } }: Scene,
  observation: Observation,
): Observation {
  const digests = new Map(
    workers.flatMap((worker): [string, string][] =>
      worker.onExit === 'always' ? [] : [[worker.name, commandDigestOf(worker)]],
    ),
  );
  const seen = [...observation.instances.values()].flatMap((observed) => {
    const commandDigest = digests.get(workerNameOf(observed.name));
    if (commandDigest === undefined || liveProcess(observed) !== undefined) return [];
    return [{ ...observed, commandDigest }];
  });
  return withSeen(observation, seen);
}
