import { lookForStrays, observeReported, type Scene } from '../control/observe.ts';
import { statusOf, type Status } from '../core/status.ts';
import { selectInstances, workerNameOf } from '../core/targets.ts';
import { readIntent } from '../os/intent-file.ts';
import { checkStateDirectory } from '../os/state-directory.ts';
import { recordedInstances } from '../os/state-files.ts';

/** What each instance is doing. Takes no lock, changes nothing. */
export async function status(
  scene: Scene,
  options: { targets: readonly string[] },
): Promise<Status> {
  const { config } = scene;
  checkStateDirectory(config.stateDir);
  const recorded = recordedInstances(config.stateDir);
  const selected = selectInstances(config, recorded, options.targets);
  const known = new Set(config.workers.map(({ name }) => name));
  const strangers = recorded.filter((name) => !known.has(workerNameOf(name)));
  const names = options.targets.length === 0 ? [...selected, ...strangers] : selected;
  const seen = await observeReported(scene, names);
  const someAreUnknown = [...seen.instances.values()].some(
    ({ presence }) => presence.kind === 'absent',
  );
  const observation = someAreUnknown ? lookForStrays(scene, seen) : seen;
  return statusOf(config, readIntent(config.stateDir), observation);
}
