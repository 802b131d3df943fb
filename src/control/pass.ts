import { join } from 'node:path';
import { applyGoal, type Goal } from '../core/goal.ts';
import type { Intent } from '../core/intent.ts';
import type { Observation } from '../core/observation.ts';
import type { Plan } from '../core/plan.ts';
import { reconcile } from '../core/reconcile.ts';
import type { Duration } from '../core/time.ts';
import { readIntent, writeIntent } from '../os/intent-file.ts';
import { takePassLock } from '../os/lock/pass-lock.ts';
import { checkStateDirectory, ensureStateDirectory } from '../os/state-directory.ts';
import { apply } from './apply.ts';
import { report, type Context } from './context.ts';
import { lookForStrays, observeReported } from './observe.ts';

/** What a pass is about. */
export interface PassRequest {
  readonly goal: Goal;
  /** The instances that it may act on. */
  readonly instances: readonly string[];
  /** How long to wait for another pass that is at work. */
  readonly lockWait: Duration;
  /** False when the caller has seen die himself whatever is not running: then no stray can be in its place. */
  readonly mayHaveStrays: boolean;
}

/** What a pass saw and decided. */
export interface PassOutcome {
  readonly intent: Intent;
  readonly observation: Observation;
  readonly plan: Plan;
}

/**
 * One pass: under the lock, state the goal, look, decide, act. Whatever decides or acts is in here; nobody waits for a
 * worker while the lock is held.
 * @throws WorkerctlError `locked` when another pass holds the lock, `state` when the state directory cannot be used
 */
export async function runPass(context: Context, request: PassRequest): Promise<PassOutcome> {
  const { stateDir } = context.config;
  ensureStateDirectory(stateDir);
  const lock = await takePassLock(passLockPath(stateDir), {
    command: context.command,
    wait: request.lockWait,
    signal: context.signal,
  });
  try {
    const outcome = await decide(context, request);
    if (JSON.stringify(outcome.intent) !== JSON.stringify(outcome.before)) {
      // What a check drops from the intent has been reached: losing that in a crash costs nothing.
      writeIntent(stateDir, outcome.intent, { durable: request.goal.kind !== 'check' });
    }
    await apply(context, outcome.plan, lock);
    return outcome;
  } finally {
    await lock.release();
  }
}

/** What a pass would do, without a lock and without doing it. */
export function planPass(
  context: Context,
  request: Omit<PassRequest, 'lockWait'>,
): Promise<PassOutcome> {
  checkStateDirectory(context.config.stateDir);
  return decide(context, request);
}

export const passLockPath = (stateDir: string): string => join(stateDir, 'pass.lock');

async function decide(
  context: Context,
  { goal, instances, mayHaveStrays }: Omit<PassRequest, 'lockWait'>,
): Promise<PassOutcome & { before: Intent }> {
  const before = readIntent(context.config.stateDir);
  const seen = await observeReported(context, instances);
  const decided = decisionOn(context, goal, before, seen);
  const outcome = needsScan(goal, decided, mayHaveStrays)
    ? decisionOn(context, goal, before, lookForStrays(context, seen))
    : decided;
  warnOfProblems(context, outcome.observation);
  return { before, ...outcome };
}

function decisionOn(
  { config }: Context,
  goal: Goal,
  before: Intent,
  observation: Observation,
): PassOutcome {
  const intent = applyGoal(before, goal, observation);
  return { intent, observation, plan: reconcile(config, intent, observation) };
}

/**
 * Before anything is started, or called stopped, the whole of /proc is asked for a process that bears its marker. Who has
 * seen a process die need not ask, as long as its record is still there: without one, the state directory was deleted.
 */
function needsScan(
  goal: Goal,
  { plan, observation }: PassOutcome,
  mayHaveStrays: boolean,
): boolean {
  const isAbsent = (instance: string): boolean =>
    observation.instances.get(instance)?.presence.kind === 'absent';
  if (plan.some(({ kind, instance }) => kind === 'start' && (mayHaveStrays || isAbsent(instance))))
    return true;
  return goal.kind === 'stop' && [...observation.instances.keys()].some(isAbsent);
}

function warnOfProblems(context: Context, { instances }: Observation): void {
  for (const { name, problems } of instances.values()) {
    for (const problem of problems) report(context, name, { kind: 'warning', problem });
  }
}
