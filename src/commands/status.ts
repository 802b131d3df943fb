import { observeReported } from '../engine/observe/observe.ts';
import { lookForStrays } from '../engine/observe/presence.ts';
import { type Scene } from '../engine/scene.ts';
import { applyGoal } from '../core/rules/apply-goal.ts';
import { isRetiring } from '../core/model/leaving.ts';
import { statusOf, type Releases, type Status } from '../core/views/status.ts';
import { selectInstances, workerNameOf } from '../core/model/targets.ts';
import type { Config, Worker } from '../core/model/config.ts';
import { readDesired } from '../host/state/desired-file.ts';
import { knownLedger } from '../host/state/ledger-file.ts';
import { checkStateDirectory } from '../host/state/state-directory.ts';
import { stateFilesIn } from '../host/state/record-cache.ts';

export interface StatusRequest {
  readonly targets: readonly string[];
  /** What a start of this worker's would be called now; undefined where nobody knows. */
  readonly releaseOf: (worker: Worker) => Promise<string | undefined>;
}

/** What each instance is doing. Takes no lock, changes nothing. */
export async function status(scene: Scene, { targets, releaseOf }: StatusRequest): Promise<Status> {
  const { config } = scene;
  checkStateDirectory(config.stateDir);
  const { recorded, notes } = stateFilesIn(config.stateDir);
  const selected = selectInstances(config, recorded, targets);
  const known = new Set(config.workers.map(({ name }) => name));
  const strangers = recorded.filter((name) => !known.has(workerNameOf(name)));
  const names = targets.length === 0 ? [...selected, ...strangers] : selected;
  const measuring = await withMeasures({ ...scene, notes, showsLeftovers: true }, releaseOf);
  const seen = await observeReported(measuring, besideTheirOwn(names));
  const someAreUnknown = [...seen.instances.values()].some(
    ({ presence }) => presence.kind === 'absent',
  );
  const observation = someAreUnknown ? lookForStrays(scene, seen) : seen;
  // As the next pass will see it: a death that no pass has noticed yet counts.
  const before = {
    desired: readDesired(config.stateDir),
    ledger: knownLedger(config.stateDir),
  };
  const { desired, ledger } = applyGoal(config, before, { kind: 'check' }, observation);
  return statusOf(config, desired, observation, await releasesOf(config, releaseOf), ledger);
}

/** Memory is shown where it has a limit. */
async function withMeasures(scene: Scene, releaseOf: StatusRequest['releaseOf']): Promise<Scene> {
  if (!scene.config.workers.some(({ recycle }) => recycle?.memory !== undefined)) return scene;
  const { createMeasures } = await import('../engine/observe/measures.ts');
  return { ...scene, measures: createMeasures(() => releaseOf) };
}

/** Old processes that are leaving come right after the instance that they are of. */
function besideTheirOwn(names: readonly string[]): readonly string[] {
  const retiring = names.filter(isRetiring);
  if (retiring.length === 0) return names;
  return names
    .filter((name) => !isRetiring(name))
    .flatMap((name) => [name, ...retiring.filter((one) => one.startsWith(`${name}~`))]);
}

async function releasesOf(
  { workers }: Config,
  releaseOf: StatusRequest['releaseOf'],
): Promise<Releases> {
  const releases: Record<string, string> = {};
  for (const worker of workers) {
    const release = await releaseOf(worker);
    if (release !== undefined) releases[worker.name] = release;
  }
  return releases;
}
