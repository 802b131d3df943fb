import { filtered, withEntries, without } from '../basics/lookup.ts';
import type { Duration, Moment } from '../basics/time.ts';
import type { Config } from '../model/config.ts';
import { lasts, type Desired, type Stopped, type TimedRequest } from '../model/desired.ts';
import { instanceNames } from '../model/instance.ts';
import type { State } from '../model/ledger.ts';
import { liveProcess, preludeOf, sentStop, type Observation } from '../model/observation.ts';
import { adoptionsAfter, unwitnessedAfter } from './adoptions.ts';
import { deadlinesOf, lastingDeadlines } from './deadlines.ts';
import { ledgerAfter } from './deaths.ts';
import { doneAfter } from './done.ts';
import { historyAfter } from './history.ts';
import { problemsAfter, unadoptedAfter } from './known-problems.ts';
import { recycledAfter } from './memory-limits.ts';
import { longDrainsAfter } from './long-drains.ts';
import { startsInTurn } from './places.ts';
import {
  adopted,
  continued,
  restarting,
  resumed,
  started,
  steered,
  withEnded,
  type RestartGoal,
  type SteeringGoal,
} from './rollout-goals.ts';
import { advanced, withNewcomers } from './rollout.ts';
import { countsAfter, withCounts } from './scaling.ts';
import { snapshotOf } from './snapshot.ts';
import { reasonToExit } from './stops.ts';

interface About {
  readonly instances: readonly string[];
  /** The user who asks. */
  readonly by: string;
}

type StopGoal = {
  readonly kind: 'stop';
  readonly killAfter?: Duration;
  readonly boot?: string;
} & About;

/** What a command asks for, mostly of the instances that it was given. */
export type Goal =
  /** Nothing new: whatever is wanted runs. */
  | { readonly kind: 'check' }
  /** These run, even if they were stopped on purpose. */
  | ({ readonly kind: 'start' } & About)
  /** These drain and stay down, with `boot` until that boot is over. A process that takes longer than `killAfter` is killed. */
  | StopGoal
  | RestartGoal
  | SteeringGoal
  /** These take no new jobs, or take jobs again. */
  | ({ readonly kind: 'quiet'; readonly until?: Moment } & About)
  /** `id`: of the restart that replaces those that cannot take jobs again. */
  | ({ readonly kind: 'resume'; readonly id: string } & About)
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
  const lasts = {
    ...lasting(before.desired, observation),
    done: doneAfter(inForce, before, observation),
  };
  const known = { ...before, desired: lasts };
  const ledger = ledgerAfter(inForce, known, observation);
  const desired = stated(inForce, lasts, goal, observation);
  const atOnce = startedAtOnce(goal, desired);
  const after = {
    desired: progressed(config, desired, observation),
    ledger: {
      ...ledger,
      ...historyAfter(inForce, known, observation),
      failures: without(ledger.failures, atOnce),
      unstarted: without(ledger.unstarted, atOnce),
      recycled: without(recycledAfter(inForce, before.ledger, observation), atOnce),
      longDrains: longDrainsAfter(inForce, before.ledger.longDrains, observation),
      unwitnessed: unwitnessedAfter(before.ledger.unwitnessed, desired.adopted, observation),
      problems: problemsAfter(before.ledger.problems, observation),
      unadopted: unadoptedAfter(before.ledger.unadopted, observation),
    },
  };
  return startsInTurn(config, after, before.ledger.startsInTurn === true, observation)
    ? { ...after, ledger: { ...after.ledger, startsInTurn: true } }
    : after;
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
    case 'start': {
      const stopped = without(desired.stopped, goal.instances);
      const done = without(desired.done, goal.instances);
      const after = { ...desired, stopped, done };
      return withoutVoid(
        config,
        started(config, after, desired.stopped, goal.instances, observation),
        goal.instances,
        observation,
      );
    }
    case 'adopt': {
      const stopped = without(desired.stopped, goal.instances);
      const done = without(desired.done, goal.instances);
      return {
        ...desired,
        stopped,
        done,
        adopted: adoptionsAfter(desired.adopted, observation, goal.instances),
        rollouts: adopted(desired, goal.instances, observation),
      };
    }
    case 'stop':
      return {
        ...desired,
        held: goal.boot === undefined ? without(desired.held, goal.instances) : desired.held,
        stopped: stoppedAfter(config, desired.stopped, goal, observation),
        deadlines: withEntries(
          desired.deadlines,
          Object.entries(deadlinesOf(goal, observation, () => true)),
        ),
      };
    case 'restart':
      return restarting(desired, goal, observation);
    case 'pause':
    case 'continue':
    case 'cancel':
      return { ...desired, rollouts: steered(config, desired, goal, observation) };
    case 'want': {
      const { worker, identifiers, by } = goal;
      const want = identifiers && { at: observation.now, by, identifiers };
      return { ...desired, counts: countsAfter(desired.counts, worker, want) };
    }
    case 'quiet':
      return { ...desired, quiet: timed(desired.quiet, goal, observation) };
    case 'resume':
      return resumed(config, desired, goal, observation);
    case 'hold':
      return { ...desired, held: timed(desired.held, goal, observation) };
    case 'unhold':
      return { ...desired, held: without(desired.held, goal.instances) };
  }
}

/** Without the limits of processes that were only made quiet in order to exit, and need not exit any more. */
function withoutVoid(
  config: Config,
  desired: Desired,
  instances: readonly string[],
  observation: Observation,
): Desired {
  const snapshot = snapshotOf(config, { desired }, observation);
  const started = new Set(instances);
  const names = snapshot.subjects().flatMap((subject) => {
    const { observed } = subject;
    const isOnlyQuiet = preludeOf(observed) !== undefined && sentStop(observed) === undefined;
    return started.has(observed.name) &&
      isOnlyQuiet &&
      reasonToExit(subject, snapshot) === undefined
      ? [observed.name]
      : [];
  });
  return { ...desired, deadlines: without(desired.deadlines, names) };
}

/**
 * The first request keeps its author, unless it was to end earlier. An instance that is neither running nor wanted is not
 * noted, so that it runs when it is wanted again.
 */
function stoppedAfter(
  config: Config,
  before: Desired['stopped'],
  { instances, by, boot }: StopGoal,
  observation: Observation,
): Desired['stopped'] {
  const wanted = new Set(config.workers.flatMap(instanceNames));
  const isThere = (name: string): boolean => {
    const observed = observation.instances.get(name);
    return observed !== undefined && liveProcess(observed) !== undefined;
  };
  const isKept = (name: string): boolean =>
    Object.hasOwn(before, name) && (before[name]?.boot === undefined || boot !== undefined);
  const added = instances.filter((name) => !isKept(name) && (wanted.has(name) || isThere(name)));
  const request: Stopped = { at: observation.now, by, ...(boot !== undefined && { boot }) };
  return withEntries(
    before,
    added.map((name) => [name, request]),
  );
}

/** A new request replaces the old one, and its end. */
function timed(
  before: Desired['held'],
  { instances, by, until }: About & { readonly until?: Moment },
  { now }: Observation,
): Desired['held'] {
  const request: TimedRequest = { at: now, by, ...(until !== undefined && { until }) };
  return withEntries(
    before,
    instances.map((name) => [name, request]),
  );
}

/** Without the requests that have expired and the deadlines of processes that are gone. */
function lasting(desired: Desired, observation: Observation): Desired {
  const { now } = observation;
  return {
    ...desired,
    held: filtered(desired.held, ({ until }) => until === undefined || now < until),
    quiet: filtered(desired.quiet, ({ until }) => until === undefined || now < until),
    rollouts: desired.rollouts.map((rollout) =>
      rollout.paused === undefined || lasts(rollout.paused, now) ? rollout : continued(rollout),
    ),
    deadlines: lastingDeadlines(desired.deadlines, observation),
    adopted: adoptionsAfter(desired.adopted, observation),
  };
}

/** The rollouts after this look; those that are over are moved to the ended ones. */
function progressed(config: Config, desired: Desired, observation: Observation): Desired {
  if (desired.rollouts.length === 0) return desired;
  const joined = withNewcomers(snapshotOf(config, { desired }, observation));
  const snapshot = snapshotOf(config, { desired: { ...desired, rollouts: joined } }, observation);
  const advances = joined.map((rollout) => advanced(rollout, snapshot));
  const ended = advances.flatMap((one) => (one.kind === 'over' ? [one.ended] : []));
  return {
    ...desired,
    rollouts: advances.flatMap((one) => (one.kind === 'open' ? [one.rollout] : [])),
    ended: withEnded(desired.ended, ended),
  };
}
