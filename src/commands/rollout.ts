import { defineCommand, type GlobalOptions } from '../cli/command.ts';
import { duration, value } from '../cli/options.ts';
import { print, printError, terminalSize } from '../cli/print.ts';
import { runActing } from '../cli/run-acting.ts';
import { WorkerctlError } from '../core/basics/error.ts';
import { exitCodes } from '../core/basics/exit-codes.ts';
import { formatTimeOfDay, momentOf, type Duration } from '../core/basics/time.ts';
import type { ActOutcome } from '../core/events/outcome.ts';
import type { Rollout } from '../core/model/desired.ts';
import { selectInstances, workerNameOf } from '../core/model/targets.ts';
import type { SteeringGoal } from '../core/rules/rollout-goals.ts';
import { acted, lockWait, recording } from '../engine/command.ts';
import { leaveFinishers } from '../engine/finisher/leave.ts';
import { runPass } from '../engine/pass/pass.ts';
import type { Context } from '../engine/session.ts';
import { readDesired } from '../host/state/desired-file.ts';
import { recordedInstances } from '../host/state/paths.ts';
import { now } from '../host/process/clock.ts';
import { printed } from '../output/json/answer.ts';
import { rolloutAnswer } from '../output/json/rollout.ts';
import { formatRollouts } from '../output/rollout.ts';
import { steeringReports } from './rollout/steering-reports.ts';
import { statusFor } from './status.ts';

const verbs = ['pause', 'continue', 'cancel'] as const;

/** `workerctl rollout`. */
export const command = defineCommand({
  summary:
    'Show the restarts in progress, instance by instance, or pause, continue or cancel them.',
  operands: '[pause|continue|cancel [ID...]]',
  description: `
A paused restart asks no further instance to stop; those that were asked are replaced. cancel ends it:
instances that were not asked keep their code, and a waiting workerctl restart exits with 5. Without
ID, all restarts in progress are meant.`,
  options: {
    for: value('DURATION', 'with pause: continue by itself after this long', duration),
  },
  isOperation: 'with operands',
  examples: [
    ['workerctl rollout', 'which instances are replaced, draining or waiting'],
    ['workerctl rollout pause --for 10m'],
    ['workerctl rollout cancel'],
  ],
  exitCodes: {
    done: '',
    failed: 'no restart is in progress, or an instance could not be asked or started',
    locked: '',
    state: 'restarts are unknown: state.json and its copy cannot be used',
  },
  run: ({ targets: [word, ...ids], global, for: lasts }) => {
    if (word === undefined && lasts === undefined) return show(global);
    const verb = verbs.find((one) => one === word);
    if (verb === undefined || (lasts !== undefined && verb !== 'pause')) {
      const what = lasts === undefined ? 'pause, continue or cancel' : 'pause with --for';
      const found = word === undefined ? 'nothing' : JSON.stringify(word);
      throw new WorkerctlError('usage', `rollout: expected ${what}, found ${found}`, {
        hint: 'see workerctl rollout --help',
      });
    }
    return runActing('rollout', steer, { verb, ids, lasts, dryRun: false }, global);
  },
});

/** @throws WorkerctlError `state` if it is unknown which restarts are in progress */
async function show(global: GlobalOptions): Promise<number> {
  const { rollouts, stateProblem } = await statusFor(global, []);
  if (stateProblem?.isUnknown === true) throw new WorkerctlError('state', stateProblem.problem);
  if (stateProblem !== undefined) printError(`workerctl: ${stateProblem.problem}\n`);
  const text = global.json
    ? printed(rolloutAnswer, rollouts)
    : formatRollouts(rollouts, terminalSize()?.columns);
  print(text);
  return exitCodes.done.code;
}

interface SteerOptions {
  readonly verb: SteeringGoal['kind'];
  /** Of rollouts, or how these begin; none: all. */
  readonly ids: readonly string[];
  /** Of a pause. */
  readonly lasts: Duration | undefined;
  readonly dryRun: boolean;
}

/** Pauses, continues or cancels rollouts, and runs a pass. It does not wait for drains. */
async function steer(context: Context, { verb, ids, lasts }: SteerOptions): Promise<ActOutcome> {
  const { config, by } = context;
  const chosen = chosenRollouts(readDesired(config.stateDir).rollouts, verb, ids);
  const goal: SteeringGoal = {
    kind: verb,
    rollouts: chosen.map(({ id }) => id),
    by,
    ...(lasts !== undefined && { until: momentOf(now() + lasts) }),
  };
  const workers = new Set(
    chosen.flatMap(({ replaces }) => Object.keys(replaces).map(workerNameOf)),
  );
  const instances = selectInstances(config, recordedInstances(config.stateDir), []).filter((name) =>
    workers.has(workerNameOf(name)),
  );
  const { recorded, events } = recording(context);
  await runPass(recorded, {
    goal,
    instances,
    mayHaveStrays: true,
    lockWait,
    ...steeringReports(recorded, goal),
  });
  const continues = verb === 'pause' ? undefined : await leaveFinishers(recorded, goal.rollouts);
  return { ...acted('rollout', events, { kind: 'not_waited' }), ...(continues && { continues }) };
}

/**
 * The rollouts that these ids name.
 * @throws WorkerctlError `failed` if there is none of them, or none that can be paused or continued
 */
function chosenRollouts(
  rollouts: readonly Rollout[],
  verb: SteerOptions['verb'],
  ids: readonly string[],
): readonly Rollout[] {
  for (const id of ids)
    if (id === '' || !rollouts.some((one) => one.id.startsWith(id)))
      throw new WorkerctlError('failed', `no restart with the id ${id || '""'} is in progress`, {
        hint: 'workerctl rollout shows the ids',
      });
  const named = rollouts.filter(
    (one) => ids.length === 0 || ids.some((id) => one.id.startsWith(id)),
  );
  const [first] = named;
  if (first === undefined)
    throw new WorkerctlError('failed', `no restart is in progress: there is none to ${verb}`);
  const chosen = verb === 'cancel' ? named : named.filter(isGoingOn);
  if (chosen.length > 0) return chosen;
  const how = first.aborted === undefined ? 'cancelled' : 'aborted';
  throw new WorkerctlError(
    'failed',
    `the restart of ${formatTimeOfDay(first.at)} by ${first.by} was ${how}: there is nothing to ${verb}`,
    { hint: 'workerctl restart begins a new one' },
  );
}

const isGoingOn = ({ aborted, cancelled }: Rollout): boolean =>
  aborted === undefined && cancelled === undefined;
