import { dirname } from 'node:path';
import { launchOf } from '../../core/model/launch.ts';
import { instanceName } from '../../core/model/instance.ts';
import type { Config, Worker } from '../../core/model/config.ts';
import { currentRelease, type Release } from '../../host/worker/release.ts';

/**
 * The release that a start of each worker would get now, found out once a command. `onProblem` is called once if it cannot
 * be found out.
 */
export function releaseFinder(
  config: Config,
  hostName: string,
  onProblem: (problem: string) => void = () => undefined,
): (worker: Worker) => Promise<string | undefined> {
  const found = new Map<string, Promise<Release>>();
  return async (worker) => {
    const [first = '1'] = worker.identifiers;
    const name = instanceName(worker.name, first);
    const { directory } = launchOf(worker, name, config.stateDir, hostName);
    const key = config.release.kind === 'directory' ? directory : '';
    const known = found.get(key);
    const finding =
      known ?? currentRelease(config.release, { configFolder: dirname(config.path), directory });
    found.set(key, finding);
    const release = await finding;
    if (known === undefined) {
      // That a worker's folder is missing is reported when it is started.
      if (release.kind === 'unknown' && config.release.kind !== 'directory')
        onProblem(release.problem);
    }
    return release.kind === 'known' ? release.release : undefined;
  };
}
