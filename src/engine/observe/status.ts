import { applyGoal } from '../../core/rules/apply-goal.ts';
import { snapshotOf } from '../../core/rules/snapshot.ts';
import { lookup } from '../../core/basics/lookup.ts';
import type { Config, Worker } from '../../core/model/config.ts';
import type { Desired } from '../../core/model/desired.ts';
import { firstInstance } from '../../core/model/instance.ts';
import { allObserved, mayLive } from '../../core/model/observation.ts';
import { nameAll, namedBy, selectInstances, workerNameOf } from '../../core/model/targets.ts';
import type { ReleaseOf } from '../../core/views/instance-status.ts';
import { statusOf, type Status } from '../../core/views/status.ts';
import { neverHanging } from '../../host/process/mount-problem.ts';
import { seenDesired } from '../../host/state/desired-file.ts';
import { knownLedger } from '../../host/state/ledger-file.ts';
import { stateFilesIn } from '../../host/state/record-cache.ts';
import { checkForLook } from '../../host/state/state-directory.ts';
import type { Scene } from '../scene.ts';
import { codesFor, lookAge, openLaunches, type Launches } from './launches.ts';
import { observeReported } from './observe.ts';
import { withStrays } from './strays.ts';
import type { ReleaseReader } from './release-reader.ts';

/** If more instances are shown, the logs of none are looked at: that takes some microseconds each. */
const mostLogs = 100;

export interface StatusRequest {
  readonly targets: readonly string[];
  /** The release, if a file or a command names it. */
  readonly releases: ReleaseReader;
}

/** What each instance is doing. Takes no lock, changes nothing. */
export async function status(scene: Scene, { targets, releases }: StatusRequest): Promise<Status> {
  const { config } = scene;
  checkForLook(config.stateDir);
  const { instances: recorded, retiring, notes } = stateFilesIn(config.stateDir);
  const selected = selectInstances(config, recorded, targets);
  const workers = new Set(config.workers.map(({ name }) => name));
  const isNamed = namedBy(targets, config);
  const strangers = recorded.filter((name) => !workers.has(workerNameOf(name)) && isNamed(name));
  const names = nameAll(targets) ? [...selected, ...strangers] : selected;
  const shown = new Set(names);
  // As the next pass will see it: deaths that no pass has noticed yet count.
  const { desired: known, problem, isUnknown } = seenDesired(config.stateDir);
  const before = { desired: known, ledger: knownLedger(config.stateDir) };
  const { pins } = before.desired;
  const failed = Object.keys(before.ledger.failures);
  const measuring = await withMeasures({ ...scene, notes, pins, showsLeftovers: true }, releases);
  const seesLog = names.length > mostLogs ? undefined : await neverHanging();
  const seen = await observeReported(
    { ...measuring, ...(seesLog && { seesLog }) },
    names,
    retiring.filter(({ instance }) => shown.has(instance)),
  );
  const found = allObserved(seen).some(mayLive) ? withStrays(scene, seen) : seen;
  const launches = openLaunches({ ...scene, releases }, lookAge);
  try {
    const codes = await codesFor(launches, config, before.desired, failed);
    const observation = codes === undefined ? found : { ...found, launches: codes };
    const { desired, ledger } = applyGoal(config, before, { kind: 'check' }, observation);
    const answer = statusOf(
      snapshotOf(config, { desired, ledger }, observation),
      await releasesOf(launches, config, names, desired.pins),
    );
    return {
      ...answer,
      rollouts: targets.length === 0 ? answer.rollouts : rolloutsOf(answer, desired, isNamed),
      ...(problem !== undefined && { stateProblem: { problem, isUnknown } }),
    };
  } finally {
    launches.close();
  }
}

/** The rollouts that the targets are in. */
function rolloutsOf(
  { rollouts }: Status,
  desired: Desired,
  isNamed: (name: string) => boolean,
): Status['rollouts'] {
  const concerned = desired.rollouts.filter(({ replaces }) => Object.keys(replaces).some(isNamed));
  const ids = new Set(concerned.map(({ id }) => id));
  return rollouts.filter(({ id }) => ids.has(id));
}

/** Memory is measured only if a worker has a limit for it. */
async function withMeasures(scene: Scene, releases: ReleaseReader): Promise<Scene> {
  if (!scene.config.workers.some(({ recycle }) => recycle?.memory !== undefined)) return scene;
  const { createMeasures } = await import('./measures.ts');
  return { ...scene, measures: createMeasures(releases) };
}

/** What a start would give them now. */
async function releasesOf(
  launches: Launches,
  { workers }: Config,
  names: readonly string[],
  pins: Desired['pins'],
): Promise<ReleaseOf> {
  const released = async (worker: Worker, name: string): Promise<string | undefined> =>
    (await launches.of(worker, name, lookup(pins, worker.name))).release;
  const known = new Map<string, string | undefined>();
  for (const worker of workers) {
    // Nearly always all instances of a worker have the same answer.
    if (!worker.directory.includes('%')) {
      known.set(worker.name, await released(worker, firstInstance(worker)));
      continue;
    }
    const own = names.filter((name) => workerNameOf(name) === worker.name);
    for (const name of own.concat(firstInstance(worker)))
      known.set(name, await released(worker, name));
  }
  return (instance, worker) => known.get(worker) ?? known.get(instance);
}
