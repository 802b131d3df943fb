import type { Duration } from '../../core/basics/time.ts';
import type { PassOutcome } from '../../core/model/decision.ts';
import type { ProcessRef } from '../../core/model/instance.ts';
import {
  allObserved,
  observedAt,
  refOf,
  type Observation,
  type ObservedInstance,
  type Presence,
} from '../../core/model/observation.ts';
import type { Plan } from '../../core/model/plan.ts';
import { workerNameOf } from '../../core/model/targets.ts';
import { applyGoal, type Goal } from '../../core/rules/apply-goal.ts';
import { reconcile } from '../../core/rules/reconcile.ts';
import { stateFilesIn } from '../../host/state/record-cache.ts';
import { observeReported } from '../observe/observe.ts';
import { lookForStrays } from '../observe/presence.ts';
import { readState } from './state.ts';
import type { Scene } from '../scene.ts';
import { report, type Context } from '../session.ts';

/** What a pass is about. */
export interface PassRequest {
  readonly goal: Goal;
  /** The instances that it may act on. */
  readonly instances: readonly string[];
  /** How long to wait for another pass that is at work. */
  readonly lockWait: Duration;
  /** False when the caller has seen die himself whatever is not running: then no stray can be in its place. */
  readonly mayHaveStrays: boolean;
  /** Changes what was seen by what somebody claims to be there; throws where that cannot be. Called under the lock, too. */
  readonly claim?: (seen: Observation) => Observation;
  /**
   * What the caller has seen since his last pass, kept up to date, and what he would do: where nobody else's pass came in
   * between, only those on whom this one acts are looked at again.
   */
  readonly known?: Pick<PassOutcome, 'observation' | 'plan'>;
  /** Is told what the pass saw and decided, before it does anything: what it starts is no longer dead at the next look. */
  readonly onSeen?: (outcome: PassOutcome) => void;
  /** Is told when the intent is on the disk: from then on it holds, whatever becomes of the pass. Not told where that failed. */
  readonly onKept?: () => void;
}

export async function decide(
  context: Context,
  { goal, instances, mayHaveStrays, claim }: Omit<PassRequest, 'lockWait'>,
  known?: PassRequest['known'],
): Promise<PassOutcome> {
  const { stateDir } = context.config;
  const before = await readState(stateDir);
  // Listed once: most instances have no notes, and to ask for each of them takes longer than to read the rest.
  const { retiring: all, notes } = stateFilesIn(stateDir);
  const retiring = besideAny(instances, all);
  const scene = { ...context, notes };
  const decideAbout = (seen: Observation): PassOutcome => decideOn(context, goal, before, seen);
  let decided: PassOutcome;
  if (known === undefined) {
    const looked = await observeReported(scene, instances, retiring);
    decided = decideAbout(claim === undefined ? looked : claim(lookForStrays(context, looked)));
  } else decided = await decideWith(known, { instances, retiring }, scene, decideAbout);
  context.memory.see(decided.observation);
  const outcome = needsScan(goal, decided, mayHaveStrays)
    ? decideAbout(lookForStrays(context, decided.observation))
    : decided;
  warnOfProblems(context, outcome.observation);
  return outcome;
}

/** What a pass looks at. */
interface Scope {
  readonly instances: readonly string[];
  readonly retiring: readonly ProcessRef[];
}

/** Looks again at the instances that the decision concerns, until it concerns no other; the rest are as they are known. */
async function decideWith(
  known: NonNullable<PassRequest['known']>,
  { instances: names, retiring }: Scope,
  scene: Scene,
  decideAbout: (seen: Observation) => PassOutcome,
): Promise<PassOutcome> {
  const before = known.observation.instances;
  const concerned = new Set(known.plan.map(({ instance }) => instance));
  const fresh = new Map<string, ObservedInstance>();
  let old: readonly ObservedInstance[] | undefined;
  for (;;) {
    const missing = names.filter(
      (name) => !fresh.has(name) && (concerned.has(name) || !before.has(name)),
    );
    const looked = await observeReported(scene, missing, old === undefined ? retiring : []);
    old ??= looked.retiring;
    for (const [name, observed] of looked.instances) fresh.set(name, observed);
    const instances = names.flatMap((name): [string, ObservedInstance][] => {
      const observed = fresh.get(name) ?? before.get(name);
      return observed === undefined ? [] : [[name, observed]];
    });
    const decided = decideAbout({ ...looked, instances: new Map(instances), retiring: old });
    for (const { instance } of decided.plan) concerned.add(instance);
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

/** What a pass of this kind would find to do, as far as this look tells. */
export function decideOn(
  { config }: Context,
  goal: Goal,
  before: PassOutcome['before'],
  observation: Observation,
): PassOutcome {
  const { desired, ledger } = applyGoal(config, before, goal, observation);
  const plan = reconcile(config, desired, observation, ledger);
  return { before, desired, ledger, observation, plan };
}

/**
 * Before anything is started, or called stopped, the whole of /proc is asked for a process that bears its marker. Who has
 * seen a process die need not ask, as long as its record is still there: without one, the state directory was deleted.
 */
export function needsScan(
  goal: Goal,
  { plan, observation }: PassOutcome,
  mayHaveStrays: boolean,
): boolean {
  const presenceOf = (action: Plan[number]): Presence['kind'] | undefined =>
    observedAt(observation, action)?.presence.kind;
  const mustAsk = (action: Plan[number]): boolean => {
    const presence = presenceOf(action);
    if (action.kind === 'clean_up') return presence === 'absent';
    // One that lives makes room by draining beside its replacement.
    if (action.kind !== 'start' || presence === 'alive') return false;
    return mayHaveStrays || presence === 'absent';
  };
  if (plan.some(mustAsk)) return true;
  const isAbsent = ({ presence }: ObservedInstance): boolean => presence.kind === 'absent';
  return goal.kind === 'stop' && [...observation.instances.values()].some(isAbsent);
}

export function warnOfProblems(context: Context, observation: Observation): void {
  for (const observed of allObserved(observation))
    for (const problem of observed.problems)
      report(context, refOf(observed), { kind: 'warning', problem });
}
