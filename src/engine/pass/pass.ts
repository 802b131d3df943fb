import { join } from 'node:path';
import { lookup } from '../../core/basics/lookup.ts';
import { instanceNames } from '../../core/model/instance.ts';
import { noticesOf, rolloutNotices, type Notice } from '../../core/rules/notices.ts';
import type { Desired } from '../../core/model/desired.ts';
import { keyOf } from '../../core/model/instance.ts';
import { isSameProcess } from '../../core/model/process.ts';
import { filesSeen, launchOf, pathsOf } from '../../core/model/launch.ts';
import { observedAt, type Observation } from '../../core/model/observation.ts';
import type { Plan } from '../../core/model/plan.ts';
import { mayEndWorkers } from '../../core/rules/callers-session.ts';
import { workerNameOf } from '../../core/model/targets.ts';
import { abortedBy } from '../../core/rules/rollout.ts';
import { withAsked } from '../../core/rules/unstarted.ts';
import { durationOf } from '../../core/basics/time.ts';
import { now } from '../../host/process/clock.ts';
import { writeDesired } from '../../host/state/desired-write.ts';
import { ensureReserve, reserveBytes } from '../../host/state/reserve.ts';
import type { KeptLocks } from '../../host/lock/lock-helper.ts';
import { needDescriptors } from '../../host/process/need-descriptors.ts';
import { takePassLock } from '../../host/lock/pass-lock.ts';
import { ownGroup } from '../../host/process/process-table.ts';
import { assertAnswers, mountProblem } from '../../host/process/mount-problem.ts';
import { lockPath } from '../../host/state/paths.ts';
import { keepDelayedConfig } from '../../host/state/config-cache.ts';
import { checkStateDirectory, ensureStateDirectory } from '../../host/state/state-directory.ts';
import { lookAge, openLaunches, type Launches } from '../observe/launches.ts';
import { report, type Context } from '../session.ts';
import type { Run } from '../apply/run.ts';
import type { PassOutcome } from '../../core/model/decision.ts';
import { decide, startsNothing, warnOfProblems, type PassRequest } from './decide.ts';
import { leaveStarts, untilStarted, type SharedPlan } from './leave-starts.ts';
import { reportRollouts } from './report-rollouts.ts';
import { ensureLedger, reportDesired, stageState, type StagedState } from './state.ts';
import { keepFailed, noting, type Failed } from './unstarted.ts';

/**
 * One pass under the lock: state the goal, look, decide, report, write down, act. All that decides or acts goes through
 * here, and nothing waits for a worker while the lock is held.
 * @throws WorkerctlError `locked` if another pass holds the lock, `state` if the state directory cannot be used
 */
export async function runPass(context: Context, request: PassRequest): Promise<PassOutcome> {
  const { stateDir } = context.config;
  await assertAnswers(stateDir, 'state');
  ensureStateDirectory(stateDir);
  keepDelayedConfig(stateDir);
  if (mayStart(request)) await outsideSession(context);
  await askMounts(context, request.instances);
  // Loaded only to act, since most boot checks find nothing to do, and before the lock is held.
  const { apply } = await import('../apply/apply.ts');
  needDescriptors();
  const lock = await takePassLock(passLockPath(stateDir), {
    command: context.command,
    wait: request.lockWait,
    signal: context.signal,
    ...(context.lockHelper && { lockHelper: context.lockHelper }),
  });
  const launches = openLaunches(context);
  let reportLeftovers: (() => Promise<void>) | undefined;
  let state: StagedState | undefined;
  let result: PassOutcome;
  let left: SharedPlan['left'];
  try {
    const { known } = request;
    const decided = await decide(context, request, launches, lock.wasOursLast ? known : undefined);
    const { problems } = decided.before.ledger;
    warnOfProblems(context, decided.observation, request.goal.kind === 'check' ? problems : {});
    const turned = await withRollback(context, launches, decided);
    const meant = request.isForNotesOnly === true ? { ...turned, plan: [], refusals: [] } : turned;
    const shared = leaveStarts(context, request, meant.plan);
    ({ left } = shared);
    const asked = left.map(({ instance }) => instance);
    const outcome = { ...meant, ledger: withAsked(meant.ledger, meant.observation, asked) };
    const mayLackLedger = isWithoutStarts(context, request.goal, outcome);
    ensureLedger(context, outcome.before, mayLackLedger);
    const isDurable = mustBeDurable(request.goal, outcome);
    state = stageState(context, outcome, { isDurable, mayLackLedger });
    reportDesired(context, outcome.before);
    await emit(context, noticesOf(context.config, outcome), outcome.observation);
    request.onSeen?.(outcome);
    reportRollouts(context, outcome.before.desired, outcome);
    const isAdoption = request.goal.kind === 'adopt';
    if (!isAdoption) state.commit(request.onKept);
    const failures: Failed[] = [];
    const { plan } = shared;
    reportLeftovers = await noteReplaced(context, { ...outcome, plan });
    const next: Run['next'] = async (worker, instance) => ({
      ...(await launches.of(worker, instance, lookup(outcome.desired.pins, worker.name))),
      commandDigest: launches.digestOf(worker),
    });
    const acting = noting(context, request, outcome, failures);
    reportRefusals(acting, request, outcome);
    await apply({ context: acting, passLock: lock, next }, { ...outcome, plan });
    // The instance becomes a wanted one, but not before it has its process: else a second one would be started.
    if (isAdoption && failures.length === 0) state.commit(request.onKept);
    const desired = await abortedAfter(context, launches, outcome, failures);
    const ledger = await keepFailed(context, request, outcome, failures, next);
    result = { ...outcome, desired, ledger };
  } finally {
    state?.discard();
    launches.close();
    ensureReserve(stateDir, reserveBytes(context.config.workers.flatMap(instanceNames).length));
    await lock.release();
    context.hooks.kick(context);
  }
  // Without the lock: this waits for processes that exit a moment after their parent.
  await reportLeftovers?.();
  const unstarted = left.length === 0 ? [] : await untilStarted(context, left, result);
  return unstarted.length === 0 ? result : startUnstarted(context, unstarted, result);
}

/** Without the ledger, failing workers would be started again and again; a stop does not depend on it. */
const isWithoutStarts = (
  { command }: Context,
  goal: PassRequest['goal'],
  { plan }: PassOutcome,
): boolean =>
  startsNothing.has(goal.kind) ||
  (command === 'stop' && !plan.some(({ kind }) => kind === 'start'));

/** Whether a pass may start something, as far as is known before it looks. */
const mayStart = ({ goal, known }: PassRequest): boolean =>
  !startsNothing.has(goal.kind) &&
  (known === undefined || known.plan.some(({ kind }) => kind === 'start'));

/** What a command of people starts must not end with their login. Without the lock: systemd may take a while. */
async function outsideSession(context: Context): Promise<void> {
  if (context.startsOutside === undefined || !mayEndWorkers(ownGroup())) return;
  const { leaveSession } = await import('../apply/leave-session.ts');
  await leaveSession(context);
}

/** Starts what the watch did not start, and does not leave more to it. */
async function startUnstarted(
  context: Context,
  instances: readonly string[],
  outcome: PassOutcome,
): Promise<PassOutcome> {
  const { desired, ledger } = await runPass(context, {
    goal: { kind: 'check' },
    instances,
    lockWait: durationOf(10_000),
    mayHaveStrays: true,
    isLeftToNobody: true,
    onSeen: ({ plan }) => {
      if (!plan.some(({ kind }) => kind === 'start') || context.startsOutside === undefined) return;
      context.startsOutside.hasWatchFailed = true;
      const problem = 'has started nothing for 2 s although it was asked to: this command does it';
      report(context, 'watch', { kind: 'warning', problem });
    },
  });
  return { ...outcome, desired, ledger };
}

/** Asked before the lock is held, so that under it the answers are known: one that does not come is waited for here. */
const askMounts = ({ config, hostName }: Context, instances: readonly string[]): Promise<unknown> =>
  mountProblem(() => {
    const workers = new Map(config.workers.map((worker) => [worker.name, worker]));
    const { release } = config;
    const released = release.kind === 'file' ? [release.path] : [];
    const used = instances.flatMap((name) => {
      const worker = workers.get(workerNameOf(name));
      if (worker === undefined) return [];
      const { stateDir } = config;
      const launch = launchOf(worker, name, stateDir, hostName);
      const seen = filesSeen(worker, name, stateDir, hostName);
      return [launch.directory, ...pathsOf(launch), ...seen];
    });
    return [...released, ...used];
  });

/** What a pass has decided, and where failed workers go back to: its own starts use that already. */
async function withRollback(
  context: Context,
  launches: Launches,
  outcome: PassOutcome,
): Promise<PassOutcome> {
  const { before, desired } = outcome;
  if (desired.rollouts.every(({ aborted }) => aborted === undefined)) return outcome;
  const { rolledBack } = await import('./roll-back.ts');
  const after = await rolledBack(context, launches, before.desired, desired);
  return { ...outcome, desired: after };
}

/** The code that reports notices is loaded with the first of them. */
async function emit(
  context: Context,
  notices: readonly Notice[],
  observation: Observation,
): Promise<void> {
  if (notices.length === 0) return;
  const { emitNotices } = await import('./emit-notices.ts');
  emitNotices(context, notices, observation);
}

/** Leftovers of dead processes are noted before their replacements start, and reported after that. */
async function noteReplaced(
  context: Context,
  outcome: PassOutcome,
): Promise<(() => Promise<void>) | undefined> {
  const { plan, observation } = outcome;
  const isOfDead = (action: Plan[number]): boolean =>
    (action.kind === 'start' || action.kind === 'clean_up') &&
    observedAt(observation, action)?.presence.kind === 'dead';
  if (!plan.some(isOfDead)) return undefined;
  const leftovers = await import('../apply/leftovers.ts');
  return leftovers.noteReplaced(context, outcome);
}

/**
 * What a check drops has been reached: if a crash of the host brings it back, it is dropped again. But what is done must
 * not be done twice.
 */
const mustBeDurable = (goal: PassRequest['goal'], { desired, before }: PassOutcome): boolean =>
  goal.kind !== 'check' || desired.done !== before.desired.done;

/** A pass that no command has asked for reports once that a process gets no signal; the ledger keeps that. */
function reportRefusals(
  context: Context,
  { goal }: PassRequest,
  { refusals = [], before }: PassOutcome,
): void {
  const isUnasked = goal.kind === 'end' || goal.kind === 'check';
  for (const refusal of refusals) {
    const known = before.ledger.unwitnessed[keyOf(refusal)];
    if (isUnasked && known !== undefined && isSameProcess(known.process, refusal.process)) continue;
    const { process, problem } = refusal;
    report(context, refusal, { kind: 'signal_failed', pid: process.pid, problem });
  }
}

/** A rollout is aborted if one of its instances could not be asked or started: it could never prove the new code. */
async function abortedAfter(
  context: Context,
  launches: Launches,
  { desired, observation }: PassOutcome,
  failures: readonly Failed[],
): Promise<Desired> {
  if (failures.length === 0) return desired;
  const aborted = abortedBy(desired, failures, now());
  if (aborted === desired) return desired;
  const { rolledBack } = await import('./roll-back.ts');
  const after = await rolledBack(context, launches, desired, aborted);
  await emit(context, rolloutNotices(context.config, desired, after), observation);
  writeDesired(context.config.stateDir, after, { isDurable: false });
  reportRollouts(context, desired, { desired: after, observation });
  return after;
}

/** The second pass of `--now` without waiting: the processes that were just asked have no time left. */
export async function killNow(context: Context, instances: readonly string[]): Promise<void> {
  const request = { goal: { kind: 'check' }, instances, mayHaveStrays: true } as const;
  await runPass(context, { ...request, lockWait: durationOf(10_000) });
}

/** What a pass would do. Takes no lock and changes nothing. */
export async function planPass(
  context: Context,
  request: Omit<PassRequest, 'lockWait' | 'onSeen' | 'onKept'>,
): Promise<PassOutcome> {
  await assertAnswers(context.config.stateDir, 'state');
  checkStateDirectory(context.config.stateDir);
  const launches = openLaunches(context, lookAge);
  try {
    const decided = await decide(context, request, launches, request.known);
    warnOfProblems(context, decided.observation);
    return decided;
  } finally {
    launches.close();
  }
}

export const passLockPath = (stateDir: string): string => join(stateDir, 'pass.lock');

/** A lock helper has each of its files open twice. */
const maxKept = 200;

/** The locks for a command that waits until these instances have exited: that of its passes, and those of the instances. */
export const locksToKeep = (stateDir: string, awaited: readonly string[]): KeptLocks => ({
  again: passLockPath(stateDir),
  once: awaited.slice(0, maxKept).map((name) => lockPath(stateDir, name)),
});
