import { join } from 'node:path';
import { noticesOf } from '../../core/rules/notices.ts';
import type { Desired, Rollout } from '../../core/model/desired.ts';
import { lookup } from '../../core/basics/lookup.ts';
import { observedAt } from '../../core/model/observation.ts';
import type { Plan } from '../../core/model/plan.ts';
import { abortedBy, membersOf, type Member } from '../../core/rules/rollout.ts';
import { workerNameOf } from '../../core/model/targets.ts';
import { durationOf } from '../../core/basics/time.ts';
import { withCounts } from '../../core/rules/scaling.ts';
import { now } from '../../host/process/clock.ts';
import { writeDesired } from '../../host/state/desired-file.ts';
import type { KeptLocks } from '../../host/lock/lock-helper.ts';
import { takePassLock } from '../../host/lock/pass-lock.ts';
import { lockPath } from '../../host/state/paths.ts';
import { checkStateDirectory, ensureStateDirectory } from '../../host/state/state-directory.ts';
import { listening, report, type Context } from '../session.ts';
import type { PassOutcome } from '../../core/model/decision.ts';
import { decide, type PassRequest } from './decide.ts';
import { ensureLedger, writeState } from './state.ts';

/**
 * One pass: under the lock, state the goal, look, decide, act. Whatever decides or acts is in here; nobody waits for a
 * worker while the lock is held.
 * @throws WorkerctlError `locked` when another pass holds the lock, `state` when the state directory cannot be used
 */
export async function runPass(context: Context, request: PassRequest): Promise<PassOutcome> {
  const { stateDir } = context.config;
  ensureStateDirectory(stateDir);
  // Loaded by who acts, and before the lock is held: most boot checks find nothing to do.
  const { apply } = await import('../apply/apply.ts');
  const lock = await takePassLock(passLockPath(stateDir), {
    command: context.command,
    wait: request.lockWait,
    signal: context.signal,
    ...(context.lockHelper && { lockHelper: context.lockHelper }),
  });
  try {
    const { known } = request;
    const outcome = await decide(context, request, lock.wasOursLast ? known : undefined);
    ensureLedger(context, outcome.before);
    await emit(context, outcome);
    request.onSeen?.(outcome);
    reportProgress(context, outcome.before.desired, outcome);
    const isAdoption = request.goal.kind === 'adopt';
    if (!isAdoption) keep(context, request, outcome);
    const failures: Failed[] = [];
    const tellLeftovers = await noteReplaced(context, outcome);
    await apply(noting(context, failures), outcome.plan, lock);
    await tellLeftovers?.();
    // An instance that was stopped on purpose becomes a wanted one: not before it has its process, or a second is started.
    if (isAdoption) keep(context, request, outcome);
    return { ...outcome, desired: givenUp(context, outcome, failures) };
  } finally {
    await lock.release();
    context.hooks.kick(context);
  }
}

/** What tells of deaths is loaded when somebody has died. */
async function emit(context: Context, outcome: PassOutcome): Promise<void> {
  const notices = noticesOf(context.config, outcome);
  if (notices.length === 0) return;
  const { emitNotices } = await import('./emit-notices.ts');
  emitNotices(context, notices, outcome.observation);
}

/** What dead processes have left is told after their replacements are started. */
async function noteReplaced(
  context: Context,
  outcome: PassOutcome,
): Promise<(() => Promise<void>) | undefined> {
  const { plan, observation } = outcome;
  const isOfDead = (action: Plan[number]): boolean =>
    (action.kind === 'start' || action.kind === 'clean_up') &&
    observedAt(observation, action)?.presence.kind === 'dead';
  if (!plan.some(isOfDead)) return undefined;
  const tellers = await import('../apply/leftovers.ts');
  return tellers.noteReplaced(context, outcome);
}

/** What a check drops has been reached: to lose that in a crash of the host costs nothing. */
const keep = (
  context: Context,
  { goal, onKept }: Pick<PassRequest, 'goal' | 'onKept'>,
  outcome: PassOutcome,
): void => {
  writeState(context, outcome, { isDurable: goal.kind !== 'check', ...(onKept && { onKept }) });
};

/** An instance that could not be asked or started, and why. */
interface Failed {
  readonly instance: string;
  readonly why: string;
}

const noting = (context: Context, failures: Failed[]): Context =>
  listening(context, (event) => {
    if (event.kind === 'start_failed' || event.kind === 'ask_failed')
      failures.push({ instance: event.instance, why: event.reason });
  });

/** A rollout of which an instance could not be asked or started is given up: nobody could ever prove the new code. */
function givenUp(
  context: Context,
  { desired, observation }: PassOutcome,
  failures: readonly Failed[],
): Desired {
  if (failures.length === 0) return desired;
  const after = abortedBy(desired, failures, now());
  if (after === desired) return desired;
  writeDesired(context.config.stateDir, after, { isDurable: false });
  reportProgress(context, desired, { desired: after, observation });
  return after;
}

/** The second pass of `--now` where nobody waits: who was just asked has no time left. */
export async function killNow(context: Context, instances: readonly string[]): Promise<void> {
  const request = { goal: { kind: 'check' }, instances, mayHaveStrays: true } as const;
  await runPass(context, { ...request, lockWait: durationOf(10_000) });
}

/** What a pass would do, without a lock and without doing it. */
export function planPass(
  context: Context,
  request: Omit<PassRequest, 'lockWait' | 'onSeen' | 'onKept'>,
): Promise<PassOutcome> {
  checkStateDirectory(context.config.stateDir);
  return decide(context, request);
}

export const passLockPath = (stateDir: string): string => join(stateDir, 'pass.lock');

/** Each file of a keeper is open twice. */
const maxKept = 200;

/** The locks of who waits until these instances have left: that of his passes, and those of their places. */
export const locksToKeep = (stateDir: string, awaited: readonly string[]): KeptLocks => ({
  again: passLockPath(stateDir),
  once: awaited.slice(0, maxKept).map((name) => lockPath(stateDir, name)),
});

/** Tells that the others follow, where there are any left. */
function reportProof(
  context: Context,
  worker: string,
  members: ReadonlyMap<string, Member>,
  { releases }: Rollout,
): void {
  const ofIt = [...members].filter(([name]) => workerNameOf(name) === worker);
  const [proof] = ofIt.find(([, { kind }]) => kind === 'replaced') ?? [];
  if (proof === undefined || !ofIt.some(([, { kind }]) => kind === 'untouched')) return;
  const release = lookup(releases, worker)?.to;
  report(context, proof, { kind: 'proven', ...(release !== undefined && { release }) });
}

/** Tells what a rollout has learned by this look. */
function reportProgress(
  context: Context,
  before: Desired,
  outcome: Pick<PassOutcome, 'desired' | 'observation'>,
): void {
  for (const rollout of outcome.desired.rollouts) {
    const old = before.rollouts.find(({ id }) => id === rollout.id);
    const { aborted } = rollout;
    const config = withCounts(context.config, outcome.desired);
    const members = membersOf(rollout, config, outcome.desired, outcome.observation);
    for (const worker of rollout.proven)
      if (old?.proven.includes(worker) !== true) reportProof(context, worker, members, rollout);
    if (aborted === undefined || old?.aborted !== undefined) continue;
    const untouched = [...members.values()].filter(({ kind }) => kind === 'untouched').length;
    report(context, aborted.instance, { kind: 'aborted', reason: aborted.why, untouched });
  }
}
