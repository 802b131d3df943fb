import { report, type Context } from '../engine/session.ts';
import { leaveFinishers } from '../engine/finisher/leave.ts';
import { planPass, runPass } from '../engine/pass/pass.ts';
import { type PassOutcome } from '../core/model/decision.ts';
import { WorkerctlError } from '../core/basics/error.ts';
import type { Goal } from '../core/rules/apply-goal.ts';
import { isHeld, rolloutOf } from '../core/model/desired.ts';
import { liveProcess, sentQuiet, type ObservedInstance } from '../core/model/observation.ts';
import { quietStateOf } from '../core/model/record.ts';
import type { ActOutcome } from '../core/events/outcome.ts';
import type { Noted } from '../core/model/plan.ts';
import { isOfConfig, selectInstances, workerNameOf } from '../core/model/targets.ts';
import { momentOf, type Duration } from '../core/basics/time.ts';
import { randomHex } from '../host/files/crypto.ts';
import { now } from '../host/process/clock.ts';
import { readDesired } from '../host/state/desired-file.ts';
import { acted, lockWait, plannedBy, recording, type PlanOutcome } from '../engine/command.ts';
import { configuredInstances } from '../cli/targets.ts';
import { defineCommand } from '../cli/command.ts';
import { dryRun, duration, value } from '../cli/options.ts';
import { runActing } from '../cli/run-acting.ts';

/** `workerctl quiet`. */
export const quiet = defineCommand({
  summary: 'Ask instances to stop taking new jobs; they keep running.',
  operands: '[TARGET...]',
  description: `
They are asked by the signal or the command in stop.quiet; the end of a command is waited for. When
--for is over, the next bootcheck lets them take jobs again, as workerctl resume does.`,
  options: {
    for: value('DURATION', 'end it after this long (default: until workerctl resume)', duration),
    dryRun,
  },
  examples: [['workerctl quiet mail --for 30m', 'during a migration']],
  exitCodes: {
    done: '',
    failed: 'one could not be asked, is held, or its command failed',
    usage: 'a worker has no stop.quiet',
    locked: '',
  },
  run: ({ global, ...options }) => runActing('quiet', request('quiet'), options, global),
});

/** `workerctl resume`. */
export const resume = defineCommand({
  summary: 'Let quiet instances take jobs again.',
  operands: '[TARGET...]',
  description: `
They are asked by the signal or the command in stop.resume. If a worker has none, its quiet instances
are replaced, one after the other, by a restart that goes on in the background.`,
  options: { dryRun },
  examples: [['workerctl resume mail']],
  exitCodes: { done: '', failed: 'one could not be asked, or its command failed', locked: '' },
  run: ({ global, ...options }) => runActing('resume', request('resume'), options, global),
});

/** `workerctl hold`. */
export const hold = defineCommand({
  summary: 'Exclude instances from bootcheck, start and restart, for example to debug a process.',
  operands: '[TARGET...]',
  description: `
Held processes keep running. They are not restarted, recycled or killed, not even by the watchdog or
a time limit; if one exits, it stays down. workerctl stop still works, and ends the hold.`,
  options: {
    for: value(
      'DURATION',
      'end the hold after this long (default: until workerctl unhold)',
      duration,
    ),
    dryRun,
  },
  examples: [['workerctl hold mail.1 --for 2h']],
  exitCodes: { done: '', failed: 'held; what was due before could not be done', locked: '' },
  run: ({ global, ...options }) => runActing('hold', request('hold'), options, global),
});

/** `workerctl unhold`. */
export const unhold = defineCommand({
  summary: 'End the hold of instances, and start those that are wanted and down.',
  operands: '[TARGET...]',
  options: { dryRun },
  examples: [['workerctl unhold mail.1']],
  exitCodes: { done: '', failed: 'one could not be started', locked: '' },
  run: ({ global, ...options }) => runActing('unhold', request('unhold'), options, global),
});

interface RequestOptions {
  readonly targets: readonly string[];
  readonly dryRun: boolean;
  /** How long the request lasts; undefined: until it is taken back. */
  readonly for?: Duration | undefined;
}

type RequestKind = 'quiet' | 'resume' | 'hold' | 'unhold';

/** Makes a request on instances, or takes it back. */
const request =
  (kind: RequestKind) =>
  async (context: Context, options: RequestOptions): Promise<ActOutcome | PlanOutcome> => {
    const instances = concerned(context, kind, options.targets);
    if (kind === 'quiet') refuseWithoutSignal(context, instances);
    const goal = goalOf(kind, context.by, instances, options.for);
    const pass = { goal, instances, mayHaveStrays: true };
    if (options.dryRun) {
      const outcome = await planPass(context, pass);
      return { ...plannedBy(outcome), noted: notedBy(goal, outcome) };
    }
    const { recorded, events } = recording(context);
    const outcome = await runPass(recorded, { ...pass, lockWait });
    const isRefused = reportRequest(recorded, goal, outcome);
    await context.quietCommands.settled(context.signal);
    const ids = events.flatMap(({ kind: event, instance }) =>
      event === 'unheld' || event === 'replaced_to_resume'
        ? (rolloutOf(outcome.desired, instance)?.id ?? [])
        : [],
    );
    const continues = await leaveFinishers(recorded, ids);
    return {
      ...acted(kind, events, { kind: 'not_waited' }),
      ...(continues && { continues }),
      ...(isRefused && { end: 'refused' }),
    };
  };

/** What was asked of an instance can be taken back also when it is not wanted any more. */
function concerned(
  context: Context,
  kind: RequestKind,
  targets: readonly string[],
): readonly string[] {
  const { config } = context;
  if (kind === 'quiet' || kind === 'hold') return configuredInstances(context, targets);
  const { held, quiet } = readDesired(config.stateDir);
  const asked = Object.keys(kind === 'unhold' ? held : quiet).filter((name) =>
    isOfConfig(config, name),
  );
  const wanted = new Set(selectInstances(config, [], []));
  const unwanted = asked.filter((name) => !wanted.has(name));
  if (unwanted.length === 0) return configuredInstances(context, targets);
  return selectInstances(config, unwanted, targets);
}

function goalOf(
  kind: RequestKind,
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
      return { kind, instances, by, id: randomHex(8) };
    case 'unhold':
      return { kind, instances, by };
  }
}

/** A worker that does not handle the signal would die of it. */
function refuseWithoutSignal({ config }: Context, instances: readonly string[]): void {
  const names = new Set(instances.map(workerNameOf));
  for (const { name, stop } of config.workers) {
    if (!names.has(name) || stop.quiet !== undefined) continue;
    throw new WorkerctlError(
      'usage',
      `${name}: expected stop.quiet in ${config.path}, found none`,
      { hint: 'set it to what stops new jobs: a signal, such as TSTP for Sidekiq, or a command' },
    );
  }
}

/** What a dry run shows of holds: the plan has no action for them. */
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

/**
 * Reports what the pass itself does not: holds, and instances on which the request had no effect.
 * @returns whether one should have been asked and was not, because it is held
 */
function reportRequest(
  context: Context,
  goal: Goal,
  { before, desired, observation }: PassOutcome,
): boolean {
  let isRefused = false;
  for (const observed of observation.instances.values()) {
    const { name } = observed;
    if (goal.kind === 'hold') {
      report(context, name, {
        kind: 'held',
        ...(goal.until !== undefined && { until: goal.until }),
      });
    }
    if (goal.kind === 'unhold' && isHeld(before.desired, name, observation.now))
      report(context, name, { kind: 'unheld' });
    const isAsked =
      (goal.kind === 'quiet' && !isQuietAlready(observed)) ||
      (goal.kind === 'resume' && sentQuiet(observed) !== undefined);
    const { [name]: held } = desired.held;
    if (isAsked && held && liveProcess(observed) && isHeld(desired, name, observation.now)) {
      const until = held.until === undefined ? {} : { until: held.until };
      report(context, name, { kind: 'skipped_held', requestedBy: held.by, ...until });
      isRefused = true;
    }
    if (goal.kind === 'quiet' && isQuietAlready(observed))
      report(context, name, { kind: 'already_quiet' });
    if (goal.kind === 'quiet' && liveProcess(observed) === undefined)
      report(context, name, { kind: 'not_running' });
    if (goal.kind === 'resume' && rolloutOf(desired, name)?.id === goal.id)
      report(context, name, { kind: 'replaced_to_resume' });
    if (goal.kind === 'resume' && sentQuiet(observed) === undefined)
      report(context, name, { kind: 'not_quiet' });
  }
  return isRefused;
}

/** One whose command has failed is asked again. */
const isQuietAlready = (observed: ObservedInstance): boolean =>
  quietStateOf(sentQuiet(observed)).kind === 'quiet';
