import { report, type Context } from '../engine/session.ts';
import { observeReported } from '../engine/observe/observe.ts';
import { planPass, runPass } from '../engine/pass/pass.ts';
import { askQuieted } from '../engine/wait/after-quiet.ts';
import { WorkerctlError } from '../core/basics/error.ts';
import { instanceNames } from '../core/model/instance.ts';
import type { ActOutcome } from '../core/events/outcome.ts';
import { selectInstances } from '../core/model/targets.ts';
import type { Config, Worker } from '../core/model/config.ts';
import { readDesired } from '../host/state/desired-file.ts';
import { recordedInstances } from '../host/state/paths.ts';
import { checkForLook } from '../host/state/state-directory.ts';
import { acted, lockWait, plannedBy, recording, type PlanOutcome } from '../engine/command.ts';
import { defineCommand, type GlobalOptions } from '../cli/command.ts';
import { configFor } from '../cli/config.ts';
import { dryRun, flag } from '../cli/options.ts';
import { print } from '../cli/print.ts';
import { runActing } from '../cli/run-acting.ts';
import { formatNames } from '../core/basics/names.ts';
import { lookup } from '../core/basics/lookup.ts';
import { exitCodes } from '../core/basics/exit-codes.ts';
import { identifiersFor, withCounts } from '../core/rules/scaling.ts';
import { printed } from '../output/json/answer.ts';
import { wantAnswer } from '../output/json/answers.ts';

/** `workerctl want`. */
export const command = defineCommand({
  summary: 'Set how many instances of a worker should run, or show it. Kept until --reset.',
  operands: '[COUNT] WORKER',
  description: `
A larger count starts instances. A smaller one asks idle instances to stop first, then those with the
highest numbers; each finishes its job. It does not wait for them. A count above max_count is refused.`,
  options: { reset: flag('return to the count in the config'), dryRun },
  examples: [
    ['workerctl want 5 mail'],
    ['workerctl want mail', 'show how many are wanted'],
    ['workerctl want --reset mail'],
  ],
  exitCodes: {
    done: '',
    failed: 'one could not be started',
    usage: 'no such worker, it has identifiers instead of a count, or the count is above max_count',
    locked: '',
  },
  run: async ({ targets, global, reset, dryRun: isDryRun }) => {
    const [first = '', second] = targets;
    if (targets.length > 2 || first === '' || (second !== undefined && reset))
      throw new WorkerctlError('usage', `want: expected [COUNT] WORKER, or --reset WORKER`, {
        hint: 'see workerctl want --help',
      });
    if (reset)
      return runActing('want', want, { worker: first, count: undefined, dryRun: isDryRun }, global);
    if (second === undefined) return showWant(global, first);
    if (!/^\d{1,6}$/.test(first))
      throw new WorkerctlError('usage', `want: expected a count, found ${JSON.stringify(first)}`);
    const request = { worker: second, count: Number(first), dryRun: isDryRun };
    return runActing('want', wantAtMost, request, global);
  },
});

/**
 * The same as `want`, for people: more than is allowed is an error, and changes nothing. The control socket sets the largest
 * count instead, as MogileFS does.
 * @throws WorkerctlError `usage`
 */
function wantAtMost(context: Context, options: WantOptions): Promise<ActOutcome | PlanOutcome> {
  const { name, maxCount } = countedWorker(context, options.worker);
  const { count = 0 } = options;
  if (count <= maxCount) return want(context, options);
  throw new WorkerctlError(
    'usage',
    `want: expected at most ${maxCount}, the max_count of ${name}, found ${count}`,
    { hint: `set max_count of ${name} in ${context.config.path} to allow more` },
  );
}

async function showWant(global: GlobalOptions, name: string): Promise<number> {
  const config = await configFor(global);
  checkForLook(config.stateDir);
  const desired = readDesired(config.stateDir);
  const { identifiers, configured, maxCount } = workerNamed(withCounts(config, desired), name);
  const { isCounted } = workerNamed(config, name);
  const count = isCounted ? lookup(desired.counts, name) : undefined;
  const by = count === undefined ? '' : ` (set by ${count.by})`;
  print(
    global.json
      ? printed(wantAnswer, {
          worker: name,
          count: identifiers.length,
          configured: configured.length,
          maxCount,
          ...(count && { by: count.by }),
        })
      : `${name}: ${identifiers.length} wanted${by}; the config says ${configured.length}, at most ${maxCount}\n`,
  );
  return exitCodes.done.code;
}

export interface WantOptions {
  readonly worker: string;
  /** Undefined: the count in the config. */
  readonly count: number | undefined;
  readonly dryRun: boolean;
}

/** Sets how many instances of a worker are wanted, durably, and runs a pass. It does not wait for drains. */
export async function want(
  context: Context,
  { worker: name, count, dryRun }: WantOptions,
): Promise<ActOutcome | PlanOutcome> {
  const { config, by } = context;
  const worker = count === undefined ? workerNamed(config, name) : countedWorker(context, name);
  const wanted = count === undefined ? undefined : Math.min(count, worker.maxCount);
  const observation = await observeReported(context, instanceNames(worker));
  const identifiers =
    wanted === undefined ? undefined : identifiersFor(worker, wanted, observation);
  const future = instanceNames({ ...worker, identifiers: identifiers ?? worker.configured });
  const known = selectInstances(config, recordedInstances(config.stateDir), [name]);
  const goal = { kind: 'want', worker: name, by, ...(identifiers && { identifiers }) } as const;
  const request = {
    goal,
    instances: [...new Set([...future, ...known])],
    mayHaveStrays: true,
  };
  if (dryRun) return plannedBy(await planPass(context, request));
  const { recorded, events } = recording(context);
  // Reported before the pass acts on it, but not before it is written: the lock may be held, the disk full.
  const onKept = (): void => {
    report(recorded, name, {
      kind: 'count_set',
      count: wanted ?? worker.configured.length,
      previous: worker.identifiers.length,
      ...(wanted !== count && { maxCount: worker.maxCount }),
    });
  };
  await runPass(recorded, { ...request, lockWait, onKept });
  await askQuieted(recorded, request.instances);
  return acted('want', events, { kind: 'not_waited' });
}

/**
 * A worker whose config has a count.
 * @throws WorkerctlError `usage` if there is no such worker, or if it has identifiers instead
 */
export function countedWorker({ config }: Context, name: string): Worker {
  const worker = workerNamed(config, name);
  if (worker.isCounted) return worker;
  throw new WorkerctlError(
    'usage',
    `${name}: expected a worker with a count, found identifiers: ${formatNames(worker.configured)}`,
    { hint: `add or remove identifiers of ${name} in ${config.path}` },
  );
}

function workerNamed({ workers, path }: Config, name: string): Worker {
  const worker = workers.find((one) => one.name === name);
  if (worker !== undefined) return worker;
  throw new WorkerctlError('usage', `no worker ${JSON.stringify(name)} in ${path}`, {
    hint: `workers: ${workers.map((one) => one.name).join(', ')}`,
  });
}
