import { report, type Context } from '../engine/session.ts';
import { planPass, runPass } from '../engine/pass/pass.ts';
import { type PassOutcome } from '../core/model/decision.ts';
import { WorkerctlError } from '../core/basics/error.ts';
import type { Goal } from '../core/rules/apply-goal.ts';
import { isHeld } from '../core/model/desired.ts';
import { liveProcess, sentQuiet } from '../core/model/observation.ts';
import type { ActOutcome } from '../core/events/outcome.ts';
import type { Noted } from '../core/model/plan.ts';
import { workerNameOf } from '../core/model/targets.ts';
import { momentOf, type Duration } from '../core/basics/time.ts';
import { now } from '../host/process/clock.ts';
import { acted, lockWait, recording, type PlanOutcome } from '../engine/command.ts';
import { configuredInstances } from './start.ts';

export interface WishOptions {
  readonly targets: readonly string[];
  readonly dryRun: boolean;
  /** How long it lasts; undefined: until it is taken back. */
  readonly lasts?: Duration;
}

type WishKind = 'quiet' | 'resume' | 'hold' | 'unhold';

/** Lets instances take no new job (`quiet`) or jobs again (`resume`), leaves them alone (`hold`) or not any more (`unhold`). */
export const request =
  (kind: WishKind) =>
  async (context: Context, options: WishOptions): Promise<ActOutcome | PlanOutcome> => {
    const instances = configuredInstances(context, options.targets);
    if (kind === 'quiet') refuseWithoutSignal(context, instances);
    const goal = goalOf(kind, context.by, instances, options.lasts);
    const request = { goal, instances, mayHaveStrays: true };
    if (options.dryRun) {
      const outcome = await planPass(context, request);
      return { kind: 'planned', noted: notedBy(goal, outcome), plan: outcome.plan };
    }
    const { recorded, events } = recording(context);
    const outcome = await runPass(recorded, { ...request, lockWait });
    reportWish(recorded, goal, outcome);
    return acted(kind, events, { kind: 'not_waited' });
  };

function goalOf(
  kind: WishKind,
  by: string,
  instances: readonly string[],
  lasts: Duration | undefined,
): Goal {
  const until = lasts === undefined ? {} : { until: momentOf(now() + lasts) };
  switch (kind) {
    case 'quiet':
    case 'hold':
      return { kind, instances, by, ...until };
    case 'resume':
    case 'unhold':
      return { kind, instances, by };
  }
}

/** A worker that knows no such signal would die of it. */
function refuseWithoutSignal({ config }: Context, instances: readonly string[]): void {
  const names = new Set(instances.map(workerNameOf));
  for (const { name, stop } of config.workers) {
    if (!names.has(name) || stop.quiet !== undefined) continue;
    throw new WorkerctlError(
      'usage',
      `quiet: expected a worker with stop.quiet, found none for ${name} in ${config.path}`,
      { hint: 'stop.quiet is the signal that makes it take no new job, such as TSTP for sidekiq' },
    );
  }
}

/** What is only to be noted of those whom the goal names. */
function notedBy(goal: Goal, { before, observation }: PassOutcome): Noted[] {
  if (goal.kind === 'hold') {
    const until = goal.until === undefined ? {} : { until: goal.until };
    const cause = `wanted by ${goal.by}`;
    return goal.instances.map((instance) => ({ kind: 'hold', instance, ...until, cause }));
  }
  if (goal.kind !== 'unhold') return [];
  return goal.instances.flatMap((instance) => {
    const { [instance]: held } = before.desired.held;
    if (held === undefined || !isHeld(before.desired, instance, observation.now)) return [];
    return [{ kind: 'unhold', instance, cause: `held by ${held.by}` }];
  });
}

/** What was noted of each instance, where the pass itself had nothing to say of it. */
function reportWish(context: Context, goal: Goal, { observation }: PassOutcome): void {
  for (const observed of observation.instances.values()) {
    const { name } = observed;
    if (goal.kind === 'hold') {
      report(context, name, {
        kind: 'held',
        ...(goal.until !== undefined && { until: goal.until }),
      });
    }
    if (goal.kind === 'unhold') report(context, name, { kind: 'unheld' });
    if (goal.kind === 'quiet' && sentQuiet(observed) !== undefined)
      report(context, name, { kind: 'already_quiet' });
    if (goal.kind === 'quiet' && liveProcess(observed) === undefined)
      report(context, name, { kind: 'not_running' });
    if (goal.kind === 'resume' && sentQuiet(observed) === undefined)
      report(context, name, { kind: 'not_quiet' });
  }
}
