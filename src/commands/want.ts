import { report, type Context } from '../engine/session.ts';
import { observeReported } from '../engine/observe/observe.ts';
import { planPass, runPass } from '../engine/pass/pass.ts';
import { WorkerctlError } from '../core/basics/error.ts';
import { instanceNames } from '../core/model/instance.ts';
import type { ActOutcome } from '../core/events/outcome.ts';
import { selectInstances } from '../core/model/targets.ts';
import { identifiersFor } from '../core/rules/scaling.ts';
import type { Worker } from '../core/model/config.ts';
import { recordedInstances } from '../host/state/paths.ts';
import { acted, lockWait, recording, type PlanOutcome } from '../engine/command.ts';

export interface WantOptions {
  readonly worker: string;
  /** Undefined: as many as the config says. */
  readonly count: number | undefined;
  readonly dryRun: boolean;
}

/**
 * Sets how many of a worker run, durably: growing starts, shrinking lets idle ones leave first, then those with the
 * highest numbers; nobody is killed. It waits for nobody.
 */
export async function want(
  context: Context,
  { worker: name, count, dryRun }: WantOptions,
): Promise<ActOutcome | PlanOutcome> {
  const { config, by } = context;
  const worker = countedWorker(context, name);
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
  if (dryRun) return { kind: 'planned', plan: (await planPass(context, request)).plan };
  const { recorded, events } = recording(context);
  // Before what the pass does about it is told, and not before it is so: the lock may be held, the disk full.
  const onKept = (): void => {
    report(recorded, name, {
      kind: 'wanted',
      count: wanted ?? worker.configured.length,
      ...(wanted !== count && { most: worker.maxCount }),
    });
  };
  await runPass(recorded, { ...request, lockWait, onKept });
  return acted('want', events, { kind: 'not_waited' });
}

/** A worker whose instances are counted. */
export function countedWorker({ config }: Context, name: string): Worker {
  const worker = config.workers.find((one) => one.name === name);
  if (worker === undefined) {
    const names = config.workers.map((one) => one.name).join(', ');
    throw new WorkerctlError('usage', `Invalid class '${name}'.  Valid classes: ${names}`);
  }
  if (worker.isCounted) return worker;
  throw new WorkerctlError(
    'usage',
    `want: expected a worker with a count, found identifiers of its own: ${worker.configured.join(', ')}`,
    { hint: `add or remove identifiers of ${name} in ${config.path}` },
  );
}
