import { report, type Context } from '../control/context.ts';
import { planPass, runPass, type PassOutcome } from '../control/pass.ts';
import { waitForExit } from '../control/wait-for-exit.ts';
import { liveProcess } from '../core/observation.ts';
import type { ActOutcome } from '../core/outcome.ts';
import { isOfConfig, selectInstances, workerNameOf } from '../core/targets.ts';
import { durationOf } from '../core/time.ts';
import type { Config, Worker } from '../core/worker.ts';
import { readRecord, recordedInstances } from '../os/state-files.ts';
import {
  acted,
  failedAmong,
  limitOf,
  lockWait,
  recording,
  type ActOptions,
  type PlanOutcome,
} from './act.ts';

/** Asks instances to finish, waits until they have left, and remembers that they are to stay down. */
export async function stop(
  context: Context,
  options: ActOptions,
): Promise<ActOutcome | PlanOutcome> {
  const instances = selectInstances(
    context.config,
    recordedInstances(context.config.stateDir),
    options.targets,
  );
  const { recorded, events } = recording({
    ...context,
    config: withForgottenWorkers(context.config, instances),
  });
  const goal = { kind: 'stop', instances, by: context.by } as const;
  const request = { goal, instances, mayHaveStrays: true };
  if (options.dryRun) return { kind: 'planned', plan: (await planPass(recorded, request)).plan };

  const outcome = await runPass(recorded, { ...request, lockWait });
  reportStopped(recorded, outcome);
  if (options.wait === 'not') return acted('stop', events, { kind: 'not_waited' });
  const failed = failedAmong(events);
  const settled = await waitForExit(recorded, {
    instances: instances.filter((name) => !failed.has(name)),
    limit: limitOf(options.wait),
  });
  return acted('stop', events, settled);
}

function reportStopped(context: Context, { observation }: PassOutcome): void {
  for (const observed of observation.instances.values()) {
    if (liveProcess(observed) === undefined)
      report(context, observed.name, { kind: 'already_stopped' });
  }
}

/** Workers that the config has lost, as far as their records tell how to stop them. They want no instance. */
function withForgottenWorkers(config: Config, instances: readonly string[]): Config {
  const forgotten = instances
    .filter((name) => !isOfConfig(config, name))
    .flatMap((name): [string, Worker][] => {
      const record = readRecord(config.stateDir, name);
      if (record.kind !== 'read') return [];
      return [
        [workerNameOf(name), forgottenWorker(config, workerNameOf(name), record.value.stopSignal)],
      ];
    });
  return { ...config, workers: [...config.workers, ...new Map(forgotten).values()] };
}

const forgottenWorker = (
  { stateDir }: Config,
  name: string,
  signal: Worker['stop']['signal'],
): Worker => ({
  name,
  command: [],
  identifiers: [],
  directory: '/',
  env: {},
  envFiles: [],
  passEnv: [],
  pidfile: `${stateDir}/%n.pid`,
  logFile: `${stateDir}/%n.log`,
  umask: 0o022,
  nice: 0,
  oomScoreAdj: 0,
  limits: {},
  stop: { signal },
  ready: { after: durationOf(0) },
});
