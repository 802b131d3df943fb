import { lookup, mapOf, withEntries, without } from '../basics/lookup.ts';
import type { Moment } from '../basics/time.ts';
import { codeOf } from '../model/code.ts';
import type { Config } from '../model/config.ts';
import {
  isDone,
  isHeld,
  isStopped,
  isToBeReplaced,
  keptEnded,
  rolloutOf,
  type Desired,
  type EndedRollout,
  type Origin,
  type Replaced,
  type Rollout,
  type RolloutOptions,
} from '../model/desired.ts';
import {
  drainingSince,
  sentQuiet,
  type Observation,
  type ObservedInstance,
} from '../model/observation.ts';
import { identityOf } from '../model/process.ts';
import { workerNameOf } from '../model/targets.ts';
import { deadlinesOf } from './deadlines.ts';
import { membersOf, type Member } from './rollout-members.ts';
import { endedAs, hasNeverRun, isRolledBack, latestOf, withNewcomers } from './rollout.ts';
import { snapshotOf } from './snapshot.ts';

/** Each of these instances is replaced, or runs again if it is done, except those that were stopped on purpose or are held. */
export interface RestartGoal {
  readonly kind: 'restart';
  readonly id: string;
  readonly instances: readonly string[];
  readonly by: string;
  readonly options: RolloutOptions;
  readonly releases: Rollout['releases'];
  /** Those that are done stay so: no target names them. */
  readonly sparesDone?: boolean;
}

/**
 * `pause`: these rollouts ask no further instance, until `until` or until they are continued. `cancel`: they end as soon as
 * the instances that they have asked are replaced; the others keep the old code.
 */
export interface SteeringGoal {
  readonly kind: 'pause' | 'continue' | 'cancel';
  /** The ids of the rollouts. */
  readonly rollouts: readonly string[];
  readonly by: string;
  readonly until?: Moment;
}

/** A restart that begins takes its instances over from earlier ones, and ends the pins of their workers. */
export function restarting(
  desired: Desired,
  { instances, id, by, options, releases, sparesDone = false }: RestartGoal,
  observation: Observation,
): Desired {
  const { now } = observation;
  const meant = instances.filter(
    (name) =>
      !isStopped(desired, name) &&
      !isHeld(desired, name, now) &&
      !(sparesDone && isDone(desired, name)),
  );
  if (meant.length === 0) return desired;
  const replaces = mapOf(meant.map((name) => [name, lastProcess(observation, name)]));
  const { killAfter } = options;
  const isAsked = (observed: ObservedInstance): boolean =>
    observed.retiring === undefined && drainingSince(observed) !== undefined;
  const limited = { instances: meant, ...(killAfter !== undefined && { killAfter }) };
  const rest = desired.rollouts.map((rollout) => ({
    ...rollout,
    // What an aborted restart has left is this one's, or is skipped with this one's words.
    replaces: without(rollout.replaces, rollout.aborted === undefined ? meant : instances),
  }));
  const isEmpty = ({ replaces: left }: Rollout): boolean => Object.keys(left).length === 0;
  const taken = rest.filter(isEmpty).map((one) => {
    const how = isRolledBack(one, observation) ? 'rolled_back' : 'taken_over';
    return endedAs(one, how, { at: now, by });
  });
  return {
    ...desired,
    done: without(desired.done, meant),
    deadlines: withEntries(
      desired.deadlines,
      Object.entries(deadlinesOf(limited, observation, isAsked)),
    ),
    rollouts: [
      ...rest.filter((one) => !isEmpty(one)),
      {
        id,
        at: now,
        by,
        options,
        releases,
        replaces,
        origins: originsOf(meant, releases, observation),
        proven: {},
      },
    ],
    ended: withEnded(desired.ended, taken),
    pins: without(desired.pins, meant.map(workerNameOf)),
  };
}

/**
 * Instances take jobs again. Those that are quiet and cannot, because their worker has no `stop.resume`, are replaced by a
 * restart, one of a worker after the other.
 */
export function resumed(
  { workers }: Config,
  desired: Desired,
  {
    instances,
    id,
    by,
  }: { readonly instances: readonly string[]; readonly id: string; readonly by: string },
  observation: Observation,
): Desired {
  const after = { ...desired, quiet: without(desired.quiet, instances) };
  const stuck = new Set(
    workers.filter(({ stop }) => stop.resume === undefined).map(({ name }) => name),
  );
  const replaced = instances.filter((name) => {
    const observed = observation.instances.get(name);
    const presence = observed?.presence;
    if (!stuck.has(workerNameOf(name)) || presence?.kind !== 'alive') return false;
    if (observed === undefined || sentQuiet(observed) === undefined) return false;
    if (drainingSince(observed) !== undefined) return false;
    return !isToBeReplaced(desired, name, presence.process, presence.record);
  });
  const options = { batch: { kind: 'count', count: 1 } } as const;
  const goal = { kind: 'restart', id, instances: replaced, by, options, releases: {} } as const;
  return { ...restarting(after, goal, observation), pins: desired.pins };
}

/** By worker, what one of its instances runs that is not the new release. */
function originsOf(
  names: readonly string[],
  releases: Rollout['releases'],
  { instances }: Observation,
): Readonly<Record<string, Origin>> {
  const origins: Record<string, Origin> = {};
  for (const name of names) {
    const worker = workerNameOf(name);
    const presence = instances.get(name)?.presence;
    if (presence?.kind !== 'alive' || Object.hasOwn(origins, worker)) continue;
    const { record } = presence;
    const { directory, release } = record;
    const isNew = release !== undefined && release === lookup(releases, worker)?.to;
    if (directory !== undefined && !isNew) origins[worker] = { directory, ...codeOf(record) };
  }
  return origins;
}

/** The latest of the ended rollouts. */
export const withEnded = (
  before: readonly EndedRollout[],
  ended: readonly EndedRollout[],
): readonly EndedRollout[] =>
  ended.length === 0 ? before : [...before, ...ended].slice(-keptEnded);

/** The rollouts once they are paused, continued or cancelled. */
export function steered(
  config: Config,
  desired: Desired,
  { kind, rollouts: ids, by, until }: SteeringGoal,
  observation: Observation,
): readonly Rollout[] {
  const request = { at: observation.now, by };
  const steer = (rollout: Rollout): Rollout => {
    switch (kind) {
      case 'pause':
        return { ...rollout, paused: { ...request, ...(until !== undefined && { until }) } };
      case 'continue':
        return continued(rollout);
      case 'cancel': {
        const members = membersOf(rollout, snapshotOf(config, { desired }, observation));
        const untouched = [...members].filter(([, { kind }]) => isUntouched[kind]);
        const replaces = without(
          rollout.replaces,
          untouched.map(([name]) => name),
        );
        return { ...continued(rollout), replaces, cancelled: request };
      }
    }
  };
  return desired.rollouts.map((rollout) => (ids.includes(rollout.id) ? steer(rollout) : rollout));
}

/** The rollout without its pause. */
export function continued(rollout: Rollout): Rollout {
  const after = { ...rollout };
  Reflect.deleteProperty(after, 'paused');
  return after;
}

/** Whether a member leaves a rollout that is cancelled. */
const isUntouched: Readonly<Record<Member['kind'], boolean>> = {
  unseen: true,
  excluded: true,
  held: true,
  pending: true,
  draining: false,
  empty: false,
  starting: false,
  replaced: false,
  failed: false,
};

/** What is wanted once instances were started by name: those that were stopped, and those that never ran, prove nothing. */
export function started(
  config: Config,
  desired: Desired,
  stoppedBefore: Desired['stopped'],
  instances: readonly string[],
  observation: Observation,
): Desired {
  if (desired.rollouts.length === 0) return desired;
  const snapshot = snapshotOf(config, { desired }, observation);
  const rollouts = withNewcomers(snapshot).map((rollout) => {
    const members = membersOf(rollout, snapshot);
    const known = rollout.startedByName ?? [];
    const isStarted = (name: string): boolean => {
      const kind = members.get(name)?.kind;
      if (kind === undefined || kind === 'pending' || known.includes(name)) return false;
      return Object.hasOwn(stoppedBefore, name) || hasNeverRun(rollout, snapshot, name);
    };
    const names = instances.filter(isStarted);
    return names.length === 0 ? rollout : { ...rollout, startedByName: [...known, ...names] };
  });
  return { ...desired, rollouts };
}

/** The rollouts once a process was named that becomes that of its instance: it is yet to be replaced. */
export function adopted(
  desired: Desired,
  instances: readonly string[],
  observation: Observation,
): readonly Rollout[] {
  return instances.reduce<readonly Rollout[]>((rollouts, name) => {
    if (observation.instances.get(name)?.presence.kind !== 'stray') return rollouts;
    const rollout = rolloutOf({ rollouts }, name) ?? latestOf({ rollouts }, workerNameOf(name));
    const replaced = lastProcess(observation, name);
    return rollouts.map((one) =>
      one === rollout ? { ...one, replaces: { ...one.replaces, [name]: replaced } } : one,
    );
  }, desired.rollouts);
}

/** The process that an instance runs, or ran last. */
function lastProcess({ instances }: Observation, name: string): Replaced | null {
  const observed = instances.get(name);
  const presence = observed?.presence;
  const wasAsked =
    observed !== undefined && drainingSince(observed) !== undefined ? { wasAsked: true } : {};
  switch (presence?.kind) {
    case undefined:
    case 'absent':
      return null;
    case 'stray':
      return { ...identityOf(presence.process), ...wasAsked };
    case 'alive':
    case 'dead': {
      const { record } = presence;
      const successor = presence.kind === 'alive' ? presence.successor : undefined;
      return {
        ...identityOf(record),
        ...(record.launch && { runId: record.runId }),
        ...(successor && { successor: identityOf(successor) }),
        ...wasAsked,
      };
    }
  }
}
