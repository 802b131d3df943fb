import { liveProcess, withSeen, type Observation } from '../../core/model/observation.ts';
import { workerNameOf } from '../../core/model/targets.ts';
import { mountProblem } from '../../host/process/mount-problem.ts';
import { silentPaths } from '../../host/process/silent-paths.ts';
import { commandDigestOf } from '../../host/worker/command-digest.ts';
import type { Scene } from '../scene.ts';

/**
 * The same observation, with the command that a start would run of each instance that may be done. It is unknown while an env
 * file does not answer.
 */
export async function withCommandDigests(
  { config }: Scene,
  observation: Observation,
): Promise<Observation> {
  const workers = config.workers.filter(({ onExit }) => onExit !== 'always');
  await mountProblem(() => workers.flatMap(({ envFiles }) => envFiles));
  const digests = new Map(
    workers.flatMap((worker): [string, string][] =>
      worker.envFiles.some((path) => silentPaths.has(path))
        ? []
        : [[worker.name, commandDigestOf(worker)]],
    ),
  );
  const seen = [...observation.instances.values()].flatMap((observed) => {
    const commandDigest = digests.get(workerNameOf(observed.name));
    if (commandDigest === undefined || liveProcess(observed) !== undefined) return [];
    return [{ ...observed, commandDigest }];
  });
  return withSeen(observation, seen);
}
