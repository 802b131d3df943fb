import { lookup } from '../basics/lookup.ts';
import type { Moment } from '../basics/time.ts';
import type { Config, Worker } from '../model/config.ts';
import { isStopped, type Desired } from '../model/desired.ts';
import { firstInstance, instanceNames } from '../model/instance.ts';
import type { Observation, ObservedInstance } from '../model/observation.ts';
import type { Snapshot } from '../rules/snapshot.ts';
import { countsAs, type Count } from './instance-state.ts';
import { instanceStatus, type InstanceStatus, type ReleaseOf } from './instance-status.ts';
import { countedStates } from './worker-summary.ts';
import { rolloutStatusOf, type RolloutStatus } from './rollout-status.ts';

/** The answer to "is all well?": wanted, up and ready are three facts. */
export interface Status {
  readonly instances: readonly InstanceStatus[];
  /** How many should run: those of the config, without those that were stopped on purpose. */
  readonly wanted: number;
  /** How many have a process, wanted or not. */
  readonly up: number;
  /** How many of the wanted run and are ready. */
  readonly ready: number;
  /** How many of the wanted are ready, and take no new job, on purpose. */
  readonly quiet: number;
  /** How many of the wanted have ended successfully and are not started again. */
  readonly done: number;
  /** By worker, the release that a start would give its first instance now, if it is known. */
  readonly releases: Readonly<Record<string, string>>;
  readonly rollouts: readonly RolloutStatus[];
  /** By worker, where its starts are pinned to since a restart failed. */
  readonly pins: Desired['pins'];
  /** The workers with another count than the one of the config. */
  readonly counts: readonly {
    readonly worker: string;
    readonly count: number;
    readonly configured: number;
    readonly by: string;
    readonly at: Moment;
  }[];
  /** By worker, how many should run; stopped ones are not counted. */
  readonly desired: Readonly<Record<string, number>>;
  readonly isReleaseNamed: boolean;
  /** What lets others decide what the config names, if that keeps programs from being run: these keys name them. */
  readonly unrun?: { readonly keys: readonly string[]; readonly distrust: string };
  readonly at: Moment;
  /** What is wrong with state.json. */
  readonly stateProblem?: StateProblem;
}

/** What is wrong with the file of the desired state. */
export interface StateProblem {
  readonly problem: string;
  /** What was stopped, held or counted is not known: the status is as if nothing were. */
  readonly isUnknown: boolean;
}

/** The status of all observed instances, each followed by its old processes. */
export function statusOf(snapshot: Snapshot, releaseNow: ReleaseOf = () => undefined): Status {
  const { config, desired, observation } = snapshot;
  const configured = new Map<string, Worker>();
  for (const worker of config.workers)
    for (const name of instanceNames(worker)) configured.set(name, worker);
  const instances = besideTheirOwn(observation).map((observed) => {
    const worker = observed.retiring === undefined ? configured.get(observed.name) : undefined;
    return instanceStatus(observed, worker, snapshot, releaseNow);
  });
  const isWanted = ({ name, state }: InstanceStatus): boolean =>
    state !== 'retiring' && state !== 'gone' && configured.has(name) && !isStopped(desired, name);
  const wanted = instances.filter(isWanted);
  const states = countedStates(wanted);
  const count = (some: typeof states, as: Count): number =>
    some.reduce((sum, [state, number]) => sum + (countsAs(as, state) ? number : 0), 0);
  return {
    instances: instances.filter(({ state }) => state !== 'gone'),
    wanted: wanted.length,
    up: count(countedStates(instances), 'up'),
    ready: count(states, 'ready'),
    quiet: count(states, 'quiet'),
    done: count(states, 'done'),
    releases: Object.fromEntries(
      config.workers.flatMap((worker) => {
        const release = releaseNow(firstInstance(worker), worker.name);
        return release === undefined ? [] : [[worker.name, release]];
      }),
    ),
    pins: desired.pins,
    rollouts: desired.rollouts.map((rollout) => rolloutStatusOf(rollout, snapshot)),
    counts: config.workers.flatMap(({ name, configured }) => {
      const want = lookup(desired.counts, name);
      if (want === undefined) return [];
      const { at, by, identifiers } = want;
      return [{ worker: name, count: identifiers.length, configured: configured.length, by, at }];
    }),
    desired: Object.fromEntries(
      config.workers.map((worker) => [
        worker.name,
        instanceNames(worker).filter((name) => !isStopped(desired, name)).length,
      ]),
    ),
    isReleaseNamed: config.release.kind !== 'directory',
    ...unrunIn(config),
    at: observation.now,
  };
}

/** The keys whose programs are not run for a look, because others can write the config. */
function unrunIn({ distrust, release, workers }: Config): Pick<Status, 'unrun'> {
  if (distrust === undefined) return {};
  const isAsked = workers.some(({ ready }) => ready.kind === 'command');
  const keys = [
    ...(release.kind === 'command' ? ['release.command'] : []),
    ...(isAsked ? ['ready.command'] : []),
  ];
  return keys.length === 0 ? {} : { unrun: { keys, distrust } };
}

/** Whether fewer are ready than are wanted; what is quiet on purpose or done is no failure. */
export const isShort = ({ wanted, ready, quiet, done }: Status): boolean =>
  ready + quiet + done < wanted;

/** The exit code of a command that shows it. What is not known is no success. */
export function statusCode(status: Status): 'done' | 'notReady' | 'state' {
  if (status.stateProblem?.isUnknown === true) return 'state';
  return isShort(status) ? 'notReady' : 'done';
}

/** Each instance, followed by its old processes; then those of instances that were not looked at. */
function besideTheirOwn({ instances, retiring }: Observation): ObservedInstance[] {
  const own = [...instances.values()];
  if (retiring.length === 0) return own;
  return [
    ...own.flatMap((one) => [one, ...retiring.filter(({ name }) => name === one.name)]),
    ...retiring.filter(({ name }) => !instances.has(name)),
  ];
}
