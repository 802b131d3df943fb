import { join } from 'node:path';
import { newsOf } from '../core/account.ts';
import { applyGoal, type Goal } from '../core/goal.ts';
import type { Intent, Rollout } from '../core/intent.ts';
import { isLeaving } from '../core/leaving.ts';
import type { Observation, ObservedInstance } from '../core/observation.ts';
import { own } from '../core/own.ts';
import type { Plan } from '../core/plan.ts';
import { reconcile } from '../core/reconcile.ts';
import { abortedBy, membersOf, type Member } from '../core/rollout.ts';
import { workerNameOf } from '../core/targets.ts';
import { durationOf, type Duration } from '../core/time.ts';
import { withWants } from '../core/wants.ts';
import { now } from '../os/clock.ts';
import { readIntent, writeIntent } from '../os/intent-file.ts';
import { stateFilesIn } from '../os/record-cache.ts';
import type { KeptLocks } from '../os/lock/lock-keeper.ts';
import { takePassLock } from '../os/lock/pass-lock.ts';
import { lockPath } from '../os/state-files.ts';
import { checkStateDirectory, ensureStateDirectory } from '../os/state-directory.ts';
import { report, type Context } from './context.ts';
import { lookForStrays, observeReported, type Scene } from './observe.ts';

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

/** What a pass saw and decided. */
export interface PassOutcome {
  /** What was wanted before its goal was stated. */
  readonly before: Intent;
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
  // Loaded by who acts, and before the lock is held: most boot checks find nothing to do.
  const { apply } = await import('./apply.ts');
  const lock = await takePassLock(passLockPath(stateDir), {
    command: context.command,
    wait: request.lockWait,
    signal: context.signal,
    ...(context.keeper && { keeper: context.keeper }),
  });
  try {
    const { known } = request;
    const outcome = await decide(context, request, lock.wasOursLast ? known : undefined);
    await tell(context, outcome);
    request.onSeen?.(outcome);
    reportProgress(context, outcome.before, outcome);
    const isAdoption = request.goal.kind === 'adopt';
    if (!isAdoption) keepIntent(context, request, outcome);
    const failures: Failed[] = [];
    const tellLeftovers = await noteReplaced(context, outcome);
    await apply(noting(context, failures), outcome.plan, lock);
    await tellLeftovers?.();
    // An instance that was stopped on purpose becomes a wanted one: not before it has its process, or a second is started.
    if (isAdoption) keepIntent(context, request, outcome);
    return { ...outcome, intent: givenUp(context, outcome, failures) };
  } finally {
    await lock.release();
    context.hooks.kick(context);
  }
}

/** What tells of deaths is loaded when somebody has died. */
async function tell(context: Context, outcome: PassOutcome): Promise<void> {
  const news = newsOf(context.config, outcome.before, outcome);
  if (news.length === 0) return;
  const { tellNews } = await import('./tell.ts');
  tellNews(context, news, outcome.observation);
}

/** What dead processes have left is told after their replacements are started. */
async function noteReplaced(
  context: Context,
  outcome: PassOutcome,
): Promise<(() => Promise<void>) | undefined> {
  const { plan, observation } = outcome;
  const isOfDead = ({ kind, instance }: Plan[number]): boolean =>
    (kind === 'start' || kind === 'tidy') &&
    observation.instances.get(instance)?.presence.kind === 'dead';
  if (!plan.some(isOfDead)) return undefined;
  const tellers = await import('./tell-leftovers.ts');
  return tellers.noteReplaced(context, outcome);
}

function keepIntent(
  { config: { stateDir } }: Context,
  { goal, onKept }: PassRequest,
  { intent, before }: PassOutcome,
): void {
  // What a check drops from the intent has been reached: losing that in a crash costs nothing.
  if (!isSameIntent(intent, before))
    writeIntent(stateDir, intent, { durable: goal.kind !== 'check' });
  onKept?.();
}

/** An instance that could not be asked or started, and why. */
interface Failed {
  readonly instance: string;
  readonly why: string;
}

const noting = (context: Context, failures: Failed[]): Context => ({
  ...context,
  report: (event) => {
    if (event.kind === 'start_failed' || event.kind === 'ask_failed')
      failures.push({ instance: event.instance, why: event.reason });
    context.report(event);
  },
});

/** A rollout of which an instance could not be asked or started is given up: nobody could ever prove the new code. */
function givenUp(
  context: Context,
  { intent, observation }: PassOutcome,
  failures: readonly Failed[],
): Intent {
  if (failures.length === 0) return intent;
  const after = abortedBy(intent, failures, now());
  if (after === intent) return intent;
  writeIntent(context.config.stateDir, after, { durable: false });
  reportProgress(context, intent, { intent: after, observation });
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

async function decide(
  context: Context,
  { goal, instances, mayHaveStrays, claim }: Omit<PassRequest, 'lockWait'>,
  known?: PassRequest['known'],
): Promise<PassOutcome> {
  const { stateDir } = context.config;
  const before = readIntent(stateDir);
  // Listed once: most instances have no notes, and to ask for each of them takes longer than to read the rest.
  const { recorded, notes } = stateFilesIn(stateDir);
  const names = withLeaving(recorded, instances);
  const scene = { ...context, notes };
  const decideAbout = (seen: Observation): PassOutcome => decideOn(context, goal, before, seen);
  let decided: PassOutcome;
  if (known === undefined) {
    const looked = await observeReported(scene, names);
    decided = decideAbout(claim === undefined ? looked : claim(lookForStrays(context, looked)));
  } else decided = await decideWith(known, names, scene, decideAbout);
  context.memory.see(decided.observation);
  const outcome = needsScan(goal, decided, mayHaveStrays)
    ? decideAbout(lookForStrays(context, decided.observation))
    : decided;
  warnOfProblems(context, outcome.observation);
  return outcome;
}

/** Looks again at those whom the decision concerns, until it concerns nobody else; the others are as they are known. */
async function decideWith(
  known: NonNullable<PassRequest['known']>,
  names: readonly string[],
  scene: Scene,
  decideAbout: (seen: Observation) => PassOutcome,
): Promise<PassOutcome> {
  const before = known.observation.instances;
  const concerned = new Set(known.plan.map(({ instance }) => instance));
  const fresh = new Map<string, ObservedInstance>();
  for (;;) {
    const missing = names.filter(
      (name) => !fresh.has(name) && (concerned.has(name) || !before.has(name)),
    );
    const looked = await observeReported(scene, missing);
    for (const [name, observed] of looked.instances) fresh.set(name, observed);
    const instances = names.flatMap((name): [string, ObservedInstance][] => {
      const observed = fresh.get(name) ?? before.get(name);
      return observed === undefined ? [] : [[name, observed]];
    });
    const decided = decideAbout({ ...looked, instances: new Map(instances) });
    for (const { instance } of decided.plan) concerned.add(instance);
    if (names.every((name) => fresh.has(name) || !concerned.has(name))) return decided;
  }
}

/** Old processes that are leaving count for the whole worker: with any instance of it all of them are looked at. */
function withLeaving(recorded: readonly string[], instances: readonly string[]): string[] {
  const all = recorded.filter(isLeaving);
  if (all.length === 0) return [...instances];
  const touched = new Set(instances.map(workerNameOf));
  const leaving = all.filter((name) => touched.has(workerNameOf(name)));
  return [...new Set([...instances, ...leaving])];
}

/** What a pass of this kind would find to do, as far as this look tells. */
export function decideOn(
  { config }: Context,
  goal: Goal,
  before: Intent,
  observation: Observation,
): PassOutcome {
  const intent = applyGoal(config, before, goal, observation);
  return { before, intent, observation, plan: reconcile(config, intent, observation) };
}

/** Whether two intents are the same. */
export const isSameIntent = (a: Intent, b: Intent): boolean =>
  a === b || JSON.stringify(a) === JSON.stringify(b);

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
  const release = own(releases, worker)?.to;
  report(context, proof, { kind: 'proven', ...(release !== undefined && { release }) });
}

/** Tells what a rollout has learned by this look. */
function reportProgress(
  context: Context,
  before: Intent,
  outcome: Pick<PassOutcome, 'intent' | 'observation'>,
): void {
  for (const rollout of outcome.intent.rollouts) {
    const old = before.rollouts.find(({ id }) => id === rollout.id);
    const { aborted } = rollout;
    const config = withWants(context.config, outcome.intent);
    const members = membersOf(rollout, config, outcome.intent, outcome.observation);
    for (const worker of rollout.proven)
      if (old?.proven.includes(worker) !== true) reportProof(context, worker, members, rollout);
    if (aborted === undefined || old?.aborted !== undefined) continue;
    const untouched = [...members.values()].filter(({ kind }) => kind === 'untouched').length;
    report(context, aborted.instance, { kind: 'aborted', reason: aborted.why, untouched });
  }
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
  const isLiving = (instance: string): boolean =>
    observation.instances.get(instance)?.presence.kind === 'alive'; // it makes room by leaving beside its replacement
  const mustAsk = ({ kind, instance }: Plan[number]): boolean =>
    (kind === 'tidy' && isAbsent(instance)) ||
    (kind === 'start' && !isLiving(instance) && (mayHaveStrays || isAbsent(instance)));
  if (plan.some(mustAsk)) return true;
  return goal.kind === 'stop' && [...observation.instances.keys()].some(isAbsent);
}

function warnOfProblems(context: Context, { instances }: Observation): void {
  for (const { name, problems } of instances.values()) {
    for (const problem of problems) report(context, name, { kind: 'warning', problem });
  }
}
