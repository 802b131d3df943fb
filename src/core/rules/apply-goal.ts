import { durationOf, type Duration, type Moment } from '../basics/time.ts';
import type { Config } from '../model/config.ts';
import {
  isHeld,
  isStopped,
  rolloutOf,
  type Desired,
  type Replaced,
  type Request,
  type Rollout,
  type RolloutOptions,
  type TimedRequest,
} from '../model/desired.ts';
import { instanceNames, keyOf } from '../model/instance.ts';
import type { State } from '../model/ledger.ts';
import {
  drainingSince,
  allObserved,
  liveProcess,
  refOf,
  type Observation,
  type ObservedInstance,
} from '../model/observation.ts';
import { isSameProcess, type ProcessIdentity } from '../model/process.ts';
import { ledgerAfter } from './deaths.ts';
import { advanced } from './rollout.ts';
import { snapshotOf } from './snapshot.ts';
import { countsAfter, withCounts } from './scaling.ts';

interface About {
  readonly instances: readonly string[];
  /** The user who asks. */
  readonly by: string;
}

/** What a command asks for, mostly of the instances that it was given. */
export type Goal =
  /** Nothing new: whatever is wanted runs. */
  | { readonly kind: 'check' }
  /** These run, even if they were stopped on purpose. */
  | ({ readonly kind: 'start' } & About)
  /** These drain and stay down. A process that takes longer than `killAfter` is killed. */
  | ({ readonly kind: 'stop'; readonly killAfter?: Duration } & About)
  /** Each of these is replaced, except those that were stopped on purpose or are held. */
  | ({
      readonly kind: 'restart';
      readonly id: string;
      readonly options: RolloutOptions;
      readonly releases: Rollout['releases'];
    } & About)
  /** These take no new jobs, or take jobs again. */
  | ({ readonly kind: 'quiet'; readonly until?: Moment } & About)
  | ({ readonly kind: 'resume' } & About)
  /** All instances drain now. This is not remembered. */
  | { readonly kind: 'end'; readonly cause: string }
  /** These instances of a worker run; without `identifiers` those of the config. */
  | {
      readonly kind: 'want';
      readonly worker: string;
      readonly identifiers?: readonly string[];
      readonly by: string;
    }
  /** The process that was observed in the place of the instance is its process, though workerctl did not start it. */
  | ({ readonly kind: 'adopt' } & About)
  /** No pass touches these, except to stop them; or passes do so again. */
  | ({ readonly kind: 'hold'; readonly until?: Moment } & About)
  | ({ readonly kind: 'unhold' } & About);

/** What is wanted and remembered once the goal has been stated and the world was looked at. What has been reached is dropped. */
export function applyGoal(
  config: Config,
  before: State,
  goal: Goal,
  observation: Observation,
): State {
  const inForce = withCounts(config, before.desired);
  const seen = {
    desired: lasting(before.desired, observation),
    ledger: ledgerAfter(inForce, before, observation),
  };
  const desired = stated(inForce, seen.desired, goal, observation);
  return {
    desired: progressed(config, desired, observation),
    ledger: {
      ...seen.ledger,
      failures: without(seen.ledger.failures, startedAtOnce(goal, desired)),
    },
  };
}

/** The instances that the goal starts without delay, however often they have failed. */
function startedAtOnce(goal: Goal, { rollouts }: Desired): readonly string[] {
  if (goal.kind === 'start' || goal.kind === 'adopt') return goal.instances;
  if (goal.kind !== 'restart') return [];
  return Object.keys(rollouts.find(({ id }) => id === goal.id)?.replaces ?? {});
}

function stated(config: Config, desired: Desired, goal: Goal, observation: Observation): Desired {
  switch (goal.kind) {
    case 'check':
      return desired;
    case 'end':
      return { ...desired, isEnding: goal.cause };
    case 'start':
    case 'adopt':
      return { ...desired, stopped: without(desired.stopped, goal.instances) };
    case 'stop':
      return {
        ...desired,
        held: without(desired.held, goal.instances),
        stopped: stoppedAfter(config, desired.stopped, goal, observation),
        deadlines: { ...desired.deadlines, ...deadlinesOf(goal, observation, () => true) },
      };
    case 'restart':
      return restarting(desired, goal, observation);
    case 'want': {
      const { worker, identifiers, by } = goal;
      const want = identifiers && { at: observation.now, by, identifiers };
      return { ...desired, counts: countsAfter(desired.counts, worker, want) };
    }
    case 'quiet':
      return { ...desired, quiet: timed(desired.quiet, goal, observation) };
    case 'resume':
      return { ...desired, quiet: without(desired.quiet, goal.instances) };
    case 'hold':
      return { ...desired, held: timed(desired.held, goal, observation) };
    case 'unhold':
      return { ...desired, held: without(desired.held, goal.instances) };
  }
}

/**
 * The first request keeps its author. An instance that is neither running nor wanted is not noted, so that it runs when it
 * is wanted again.
 */
function stoppedAfter(
  config: Config,
  before: Desired['stopped'],
  { instances, by }: About,
  observation: Observation,
): Desired['stopped'] {
  const wanted = new Set(config.workers.flatMap(instanceNames));
  const isThere = (name: string): boolean => {
    const observed = observation.instances.get(name);
    return observed !== undefined && liveProcess(observed) !== undefined;
  };
  const added = instances.filter(
    (name) => !Object.hasOwn(before, name) && (wanted.has(name) || isThere(name)),
  );
  return { ...before, ...sameFor(added, (): Request => ({ at: observation.now, by })) };
}

/** A new request replaces the old one, and its end. */
function timed(
  before: Desired['held'],
  { instances, by, until }: About & { readonly until?: Moment },
  { now }: Observation,
): Desired['held'] {
  const request: TimedRequest = { at: now, by, ...(until !== undefined && { until }) };
  return { ...before, ...sameFor(instances, () => request) };
}

/** When the living processes of these instances, old ones included, are to be killed. */
function deadlinesOf(
  {
    instances,
    killAfter,
  }: { readonly instances: readonly string[]; readonly killAfter?: Duration },
  observation: Observation,
  isMeant: (observed: ObservedInstance) => boolean,
): Desired['deadlines'] {
  if (killAfter === undefined) return {};
  const at = durationOf(observation.sinceBoot + killAfter);
  const named = new Set(instances);
  return Object.fromEntries(
    allObserved(observation).flatMap((observed) => {
      const process = liveProcess(observed);
      if (!named.has(observed.name) || process === undefined || !isMeant(observed)) return [];
      return [[keyOf(refOf(observed)), { process: identityOf(process), at }]];
    }),
  );
}

function restarting(
  desired: Desired,
  { instances, id, by, options, releases }: Extract<Goal, { kind: 'restart' }>,
  observation: Observation,
): Desired {
  const meant = instances.filter(
    (name) => !isStopped(desired, name) && !isHeld(desired, name, observation.now),
  );
  if (meant.length === 0) return desired;
  const replaces = Object.fromEntries(meant.map((name) => [name, lastProcess(observation, name)]));
  const killAfter = options.killAfter;
  const isAsked = (observed: ObservedInstance): boolean =>
    observed.retiring === undefined && drainingSince(observed) !== undefined;
  return {
    ...desired,
    deadlines: {
      ...desired.deadlines,
      ...deadlinesOf(
        { instances: meant, ...(killAfter !== undefined && { killAfter }) },
        observation,
        isAsked,
      ),
    },
    rollouts: [
      ...desired.rollouts.flatMap((rollout) => withoutMembers(rollout, meant)),
      { id, at: observation.now, by, options, releases, replaces, proven: {} },
    ],
  };
}

/** An earlier rollout without the instances that a later one has taken over. */
function withoutMembers(rollout: Rollout, names: readonly string[]): Rollout[] {
  const replaces = without(rollout.replaces, names);
  return Object.keys(replaces).length === 0 ? [] : [{ ...rollout, replaces }];
}

/** The process that an instance runs, or ran last. */
function lastProcess({ instances }: Observation, name: string): Replaced | null {
  const presence = instances.get(name)?.presence;
  switch (presence?.kind) {
    case undefined:
    case 'absent':
      return null;
    case 'stray':
      return identityOf(presence.process);
    case 'alive':
    case 'dead': {
      const { record } = presence;
      const successor = presence.kind === 'alive' ? presence.successor : undefined;
      return {
        ...identityOf(record),
        ...(record.launch && { runId: record.runId }),
        ...(successor && { successor: identityOf(successor) }),
      };
    }
  }
}

const identityOf = ({ pid, startTime, bootId }: ProcessIdentity): ProcessIdentity => ({
  pid,
  startTime,
  bootId,
});

/** Without the requests that have expired and the deadlines of processes that are gone. */
function lasting(desired: Desired, observation: Observation): Desired {
  const { now } = observation;
  return {
    ...desired,
    held: filtered(desired.held, ({ until }) => until === undefined || now < until),
    quiet: filtered(desired.quiet, ({ until }) => until === undefined || now < until),
    deadlines: followed(desired.deadlines, observation),
  };
}

/** A deadline stays with its process, also if that drains beside its replacement, and ends with it. */
function followed(
  deadlines: Desired['deadlines'],
  { instances, retiring }: Observation,
): Desired['deadlines'] {
  const entries = Object.entries(deadlines);
  if (entries.length === 0) return deadlines;
  return Object.fromEntries(
    entries.flatMap(([key, deadline]) => {
      const observed = instances.get(key) ?? retiring.find((one) => keyOf(refOf(one)) === key);
      const bearer = [...(observed ? [observed] : []), ...retiring].find((one) => {
        const living = liveProcess(one);
        return living !== undefined && isSameProcess(living, deadline.process);
      });
      if (bearer !== undefined) return [[keyOf(refOf(bearer)), deadline]];
      return observed === undefined ? [[key, deadline]] : [];
    }),
  );
}

/** The rollouts after this look, without those that are over. */
function progressed(config: Config, desired: Desired, observation: Observation): Desired {
  if (desired.rollouts.length === 0) return desired;
  const snapshot = snapshotOf(config, { desired }, observation);
  const rollouts = desired.rollouts.flatMap((rollout) => advanced(rollout, snapshot) ?? []);
  return { ...desired, rollouts };
}

/** The rollout that an instance is in, if it is not the one with this id. */
export function takenOverBy(desired: Desired, name: string, id: string): Rollout | undefined {
  const rollout = rolloutOf(desired, name);
  return rollout === undefined || rollout.id === id ? undefined : rollout;
}

const sameFor = <T>(names: readonly string[], make: () => T): Record<string, T> =>
  Object.fromEntries(names.map((name) => [name, make()]));

function filtered<T>(
  values: Readonly<Record<string, T>>,
  keeps: (value: T, name: string) => boolean,
): Readonly<Record<string, T>> {
  const entries = Object.entries(values);
  return entries.length === 0
    ? values
    : Object.fromEntries(entries.filter(([name, value]) => keeps(value, name)));
}

function without<T>(
  values: Readonly<Record<string, T>>,
  names: readonly string[],
): Record<string, T> {
  const dropped = new Set(names);
  return Object.fromEntries(Object.entries(values).filter(([name]) => !dropped.has(name)));
}
