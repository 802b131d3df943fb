import { without } from '../../core/basics/lookup.ts';
import type { Duration } from '../../core/basics/time.ts';
import type { Config } from '../../core/model/config.ts';
import type { Desired } from '../../core/model/desired.ts';
import { isGated, type Action, type ActionOf } from '../../core/model/action.ts';
import type { Ledger } from '../../core/model/ledger.ts';
import type { PassOutcome } from '../../core/model/decision.ts';
import type { ProcessRef } from '../../core/model/instance.ts';
import {
  allObserved,
  mayLive,
  observedAt,
  refOf,
  unclearStop,
  withSeen,
  type Observation,
  type ObservedInstance,
} from '../../core/model/observation.ts';
import type { Plan } from '../../core/model/plan.ts';
import { workerNameOf } from '../../core/model/targets.ts';
import { applyGoal, type Goal } from '../../core/rules/apply-goal.ts';
import { isNewDeath } from '../../core/rules/deaths.ts';
import { newProblems } from '../../core/rules/known-problems.ts';
import { reconcile } from '../../core/rules/reconcile.ts';
import { snapshotOf } from '../../core/rules/snapshot.ts';
import { stateFilesIn } from '../../host/state/record-cache.ts';
import { codesFor, type Launches } from '../observe/launches.ts';
import { observeReported } from '../observe/observe.ts';
import { withStrays } from '../observe/strays.ts';
import { readState } from './state.ts';
import type { Scene } from '../scene.ts';
import { report, type Context } from '../session.ts';

/** What a pass is to do, and on which instances. */
export interface PassRequest {
  readonly goal: Goal;
  /** The instances that it may act on. */
  readonly instances: readonly string[];
  /** How long to wait for another pass to end. */
  readonly lockWait: Duration;
  /** False if the caller saw each process die that does not run: then no stray can have taken its place. */
  readonly mayHaveStrays: boolean;
  /** Adds to what was seen a process that the user names; throws if that is not possible. Also called under the lock. */
  readonly claim?: (seen: Observation) => Observation;
  /**
   * What the caller has seen since its last pass, kept up to date, and what it would do. If no other pass came in between,
   * only the instances that this pass acts on are looked at again, and those that have `changed`.
   */
  readonly known?: Pick<PassOutcome, 'observation' | 'plan'> & {
    readonly changed?: Iterable<string>;
  };
  /** The pass itself starts what is missing, even if a watch runs. */
  readonly isLeftToNobody?: true;
  /** The pass only reports and remembers what it sees. */
  readonly isForNotesOnly?: true;
  /** Called with what the pass saw and decided, before it acts: what it starts is no longer dead at the next look. */
  readonly onSeen?: (outcome: PassOutcome) => void;
  /** Called when what was asked for is on the disk: from then on it holds, even if the pass is killed. */
  readonly onKept?: () => void;
}

/** Looks at the instances, and decides what the goal means for them. Changes nothing. */
export async function decide(
  context: Context,
  { goal, instances, mayHaveStrays, claim }: Omit<PassRequest, 'lockWait'>,
  launches: Launches,
  known?: PassRequest['known'],
): Promise<PassOutcome> {
  const { stateDir } = context.config;
  const before = await readState(stateDir);
  const concerned = new Set(known && [...namesIn(known.plan), ...(known.changed ?? [])]);
  // Listed once: most instances have no notes, and asking for each of them takes longer than reading the rest.
  const { retiring: all, notes } =
    known !== undefined &&
    concerned.size <= few &&
    !mayOverlap(context.config, before.desired, known)
      ? { retiring: known.observation.retiring.map(refOf), notes: undefined }
      : stateFilesIn(stateDir);
  const retiring = besideAny(instances, all);
  const pins = pinsUnder(goal, before.desired);
  const showsLeftovers = goal.kind === 'stop' && goal.killAfter !== undefined;
  const scene = { ...context, ...(notes && { notes }), pins, showsLeftovers };
  const restarted = goal.kind === 'restart' ? goal.instances : [];
  const { failures, unstarted } = before.ledger;
  const asked = [...restarted, ...Object.keys(failures), ...Object.keys(unstarted)];
  const codes = await codesFor(launches, context.config, { ...before.desired, pins }, asked);
  const decideAbout = (seen: Observation): PassOutcome =>
    decideOn(context, goal, before, codes === undefined ? seen : { ...seen, launches: codes });
  let decided: PassOutcome;
  if (known === undefined) {
    const looked = await observeReported(scene, instances, retiring);
    decided = decideAbout(claim === undefined ? looked : claim(withStrays(context, looked)));
  } else {
    const { instances: before } = known.observation;
    decided = await decideWith({ before, concerned }, { instances, retiring }, scene, decideAbout);
  }
  context.memory.see(decided.observation);
  const outcome = needsScan(goal, decided, mayHaveStrays)
    ? decideAbout(withStrays(context, decided.observation))
    : decided;
  const startable = await withPreflight(context, goal, outcome, launches);
  const allowed = await withoutBarred(context, goal, startable);
  return withoutUnwitnessed(context, allowed);
}

/** Whether old processes may drain beside instances that the caller does not look at: those of a worker are counted together. */
const mayOverlap = (
  { workers }: Config,
  { rollouts }: Desired,
  { observation }: NonNullable<PassRequest['known']>,
): boolean =>
  observation.retiring.length > 0 ||
  workers.some(({ restart }) => restart.overlap) ||
  rollouts.some(({ options }) => options.overlap === true);

/** The files of this many instances are asked for one by one: to list a directory of a thousand takes 2 ms. */
const few = 16;

const namesIn = (plan: Plan): string[] => plan.map(({ instance }) => instance);

/** Decides again, and asks no process to exit, if its replacement could not be started. */
async function withPreflight(
  context: Context,
  goal: Goal,
  outcome: PassOutcome,
  launches: Launches,
): Promise<PassOutcome> {
  if (!outcome.plan.some(isAsking)) return outcome;
  const { obstaclesTo } = await import('../observe/preflight.ts');
  const obstacles = await obstaclesTo(context, outcome, launches);
  if (obstacles === undefined) return outcome;
  const { observation, before, plan } = outcome;
  const worn = plan.flatMap((action) => {
    const problem = obstacles.get(action.instance);
    const observed = observation.instances.get(action.instance);
    if (!isAsking(action) || action.isRecycle !== true) return [];
    if (problem === undefined || observed === undefined) return [];
    // Without the reason, which changes from look to look: each problem is reported once.
    const words = `is due for recycling, but could not be started again: ${problem}`;
    return [{ ...observed, problems: [...observed.problems, words] }];
  });
  return decideOn(context, goal, before, { ...withSeen(observation, worn), obstacles });
}

/** Whether a process is asked to exit, or made quiet for that. */
const isAsking = (action: Action): action is ActionOf<'stop'> | ActionOf<'quiet'> =>
  action.kind === 'stop' || action.kind === 'quiet';

/**
 * Leaves out signals to processes that are the instance's by their record alone, or may have been asked already, and starts
 * beside such as may be it.
 */
async function withoutUnwitnessed(context: Context, outcome: PassOutcome): Promise<PassOutcome> {
  const { observation, plan } = outcome;
  const isDoubtful = (one: ObservedInstance): boolean =>
    one.unclaimed !== undefined || unclearStop(one) !== undefined;
  if (!plan.some(isGated) && !allObserved(observation).some(isDoubtful)) return outcome;
  const { withWitnesses } = await import('../observe/witnesses.ts');
  return withWitnesses(context, outcome);
}

/** Decides again, and starts nothing, while the watch or the host is ending. */
async function withoutBarred(
  context: Context,
  goal: Goal,
  outcome: PassOutcome,
): Promise<PassOutcome> {
  if (!outcome.plan.some(({ kind }) => kind === 'start')) return outcome;
  const { whyBarred } = await import('../observe/barred.ts');
  const barred = await whyBarred(context);
  if (barred === undefined) return outcome;
  if (goal.kind !== 'check')
    report(context, context.command, { kind: 'warning', problem: `nothing is started: ${barred}` });
  return decideOn(context, goal, outcome.before, { ...outcome.observation, barred });
}

/** A restart ends the pins of the workers that it names. */
function pinsUnder(goal: Goal, { pins }: Desired): Desired['pins'] {
  if (goal.kind !== 'restart') return pins;
  return without(pins, goal.instances.map(workerNameOf));
}

/** What a pass looks at. */
interface Scope {
  readonly instances: readonly string[];
  readonly retiring: readonly ProcessRef[];
}

/** What a caller knows of instances. */
interface KnownInstances {
  readonly before: ReadonlyMap<string, ObservedInstance>;
  /** Those that have to be looked at again. */
  readonly concerned: Set<string>;
}

/** Looks again at the instances that the decision concerns, until it concerns no other; the rest are as they are known. */
async function decideWith(
  { before, concerned }: KnownInstances,
  { instances: names, retiring }: Scope,
  scene: Scene,
  decideAbout: (seen: Observation) => PassOutcome,
): Promise<PassOutcome> {
  const partial = { ...scene, others: before };
  const fresh = new Map<string, ObservedInstance>();
  let old: readonly ObservedInstance[] | undefined;
  for (;;) {
    const missing = names.filter(
      (name) => !fresh.has(name) && (concerned.has(name) || !before.has(name)),
    );
    const looked = await observeReported(partial, missing, old === undefined ? retiring : []);
    old ??= looked.retiring;
    for (const [name, observed] of looked.instances) fresh.set(name, observed);
    const instances = new Map<string, ObservedInstance>();
    names.forEach((name) => {
      const observed = fresh.get(name) ?? before.get(name);
      if (observed !== undefined) instances.set(name, observed);
    });
    const decided = decideAbout({ ...looked, instances, retiring: old });
    for (const instance of namesIn(decided.plan)) concerned.add(instance);
    if (names.every((name) => fresh.has(name) || !concerned.has(name))) return decided;
  }
}

/** Old processes beside their replacements count for the whole worker: with any instance of it all of them are looked at. */
function besideAny(
  instances: readonly string[],
  retiring: readonly ProcessRef[],
): readonly ProcessRef[] {
  if (retiring.length === 0) return retiring;
  const touched = new Set(instances.map(workerNameOf));
  return retiring.filter(({ instance }) => touched.has(workerNameOf(instance)));
}

/** A restart makes this config the one of all instances, whichever had started them. */
function takenOver(seen: Observation): Observation {
  const others = [...seen.instances.values()].filter((one) => one.otherConfig !== undefined);
  const without = ({ otherConfig, ...own }: ObservedInstance): ObservedInstance =>
    otherConfig === undefined ? own : own;
  return withSeen(seen, others.map(without));
}

/** What a pass with this goal would do, judged by this look. */
export function decideOn(
  { config }: Context,
  goal: Goal,
  before: PassOutcome['before'],
  looked: Observation,
): PassOutcome {
  const observation = goal.kind === 'restart' ? takenOver(looked) : looked;
  const { desired, ledger } = applyGoal(config, before, goal, observation);
  const whole = reconcile(snapshotOf(config, { desired, ledger }, observation));
  const plan = startsNothing.has(goal.kind)
    ? whole.filter(({ kind }) => !starting.has(kind))
    : whole;
  return { before, desired, ledger, observation, plan };
}

/** The goals that never start an instance. */
export const startsNothing: ReadonlySet<Goal['kind']> = new Set([
  ...(['stop', 'end', 'quiet', 'hold', 'adopt'] as const),
]);

/** What lets a new process run. */
const starting: ReadonlySet<Action['kind']> = new Set(['start', 'retire']);

/**
 * Whether all of /proc has to be searched for processes with the marker of an instance: before one is started, or called
 * stopped or dead without a proof. A caller that saw the process die need not search if its shim has reported the death.
 */
export function needsScan(
  goal: Goal,
  { before, plan, observation }: PassOutcome,
  mayHaveStrays: boolean,
): boolean {
  const mustAsk = (action: Plan[number]): boolean => {
    const observed = observedAt(observation, action);
    const isUnproven = observed === undefined || mayLive(observed);
    if (action.kind === 'clean_up') return isUnproven;
    // One that lives makes room by draining beside its replacement.
    if (action.kind !== 'start' || observed?.presence.kind === 'alive') return false;
    return mayHaveStrays || isUnproven;
  };
  return (
    plan.some(mustAsk) ||
    allObserved(observation).some(
      (one) =>
        mayLive(one) &&
        (goal.kind === 'stop' || goal.kind === 'end' || isNewDeath(before.ledger, one)),
    )
  );
}

/** Reports what was seen to be wrong, except for what is `known`. */
export function warnOfProblems(
  context: Context,
  observation: Observation,
  known: Ledger['problems'] = {},
): void {
  for (const observed of allObserved(observation).filter(({ problems }) => problems.length > 0))
    for (const problem of newProblems(known, observed))
      report(context, refOf(observed), { kind: 'warning', problem });
}
