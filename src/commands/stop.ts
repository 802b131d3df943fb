import { report, workerOf, type Context } from '../engine/session.ts';
import { killNow, planPass, runPass } from '../engine/pass/pass.ts';
import { type PassOutcome } from '../core/model/decision.ts';
import { askQuieted } from '../engine/wait/after-quiet.ts';
import { reportLeft, waitForExit } from '../engine/wait/wait-for-exit.ts';
import { isStopped } from '../core/model/desired.ts';
import { keyOf, type ProcessRef } from '../core/model/instance.ts';
import {
  allObserved,
  liveProcess,
  observedAt,
  refOf,
  type ObservedInstance,
} from '../core/model/observation.ts';
import type { Draining } from '../core/events/draining.ts';
import { snapshotOf } from '../core/rules/snapshot.ts';
import { drainingOf } from '../engine/wait/settle.ts';
import type { ActOutcome } from '../core/events/outcome.ts';
import { longestJob } from '../core/rules/longest-job.ts';
import { isAwaited, sessionStop } from '../core/rules/awaited.ts';
import { isOfConfig, selectInstances, workerNameOf } from '../core/model/targets.ts';
import { durationOf } from '../core/basics/time.ts';
import type { Config, Worker } from '../core/model/config.ts';
import { currentBootId } from '../host/process/process-table.ts';
import { readRecord } from '../host/state/records.ts';
import { baseOf, recordedInstances, recordedProcesses } from '../host/state/paths.ts';
import {
  acted,
  failedAmong,
  limitOf,
  lockWait,
  plannedBy,
  recording,
  type ActOptions,
  type LimitOptions,
  type PlanOutcome,
} from '../engine/command.ts';
import { defineCommand } from '../cli/command.ts';
import { dryRun, flag, killLimit, limits, wait } from '../cli/options.ts';
import { runActing } from '../cli/run-acting.ts';

/** `workerctl stop`. */
export const command = defineCommand({
  summary: 'Ask instances to finish their job and exit, wait until they have, and keep them down.',
  operands: '[TARGET...]',
  description: `
Each process is asked once, by the signal in stop.signal. It is killed only if stop.timeout,
--kill-after or --now says so. bootcheck does not start a stopped instance; workerctl start does.`,
  options: {
    wait: wait('how long to wait until all have exited (default: no limit)', 'return at once'),
    untilBoot: flag('keep them down only until the next boot of the host: for a shutdown'),
    ...limits,
    dryRun,
  },
  isOperation: 'always',
  examples: [
    ['workerctl stop', 'wait for the longest job'],
    ['workerctl stop mail.2 --no-wait', 'mail.2 finishes its job in its own time'],
  ],
  exitCodes: {
    done: 'all are down',
    failed: 'one could not be asked',
    locked: '',
    timedOut: '--wait is over, some are still draining',
    interrupted: '',
  },
  afterExitCodes: 'After 124 or 130 they still finish their job and exit.',
  run: ({ targets, wait: limit, untilBoot, dryRun: isDryRun, global, ...given }) => {
    const request = { targets, wait: limit, untilBoot, dryRun: isDryRun, ...killLimit(given) };
    return runActing('stop', stop, request, global);
  },
});

/** Asks instances to finish their job, waits until they have exited, and records that they stay down. */
export async function stop(
  context: Context,
  options: ActOptions & LimitOptions & { readonly untilBoot?: boolean },
): Promise<ActOutcome | PlanOutcome> {
  const { config: file } = context;
  const selected = selectInstances(file, recordedInstances(file.stateDir), options.targets);
  const config = withForgottenWorkers(file, selected);
  const unknown = selected.filter((name) => !isOfConfig(config, name));
  const instances =
    unknown.length === 0 ? selected : selected.filter((name) => !unknown.includes(name));
  const outcome = await stopKnown({ ...context, config }, instances, options);
  for (const name of unknown) {
    const problem = `is not stopped: its record cannot be read, and ${file.path} does not have its worker, which would say how to stop it; put it back into the config`;
    report(context, name, { kind: 'warning', problem });
  }
  const isDone = outcome.kind === 'acted' && ['done', 'not_waited'].includes(outcome.end);
  return unknown.length > 0 && isDone ? { ...outcome, end: 'refused' } : outcome;
}

async function stopKnown(
  context: Context,
  instances: readonly string[],
  options: ActOptions & LimitOptions & { readonly untilBoot?: boolean },
): Promise<ActOutcome | PlanOutcome> {
  const { recorded, events } = recording(context);
  const { killAfter } = options;
  const goal = {
    kind: 'stop',
    instances,
    by: context.by,
    ...(killAfter !== undefined && { killAfter }),
    ...(options.untilBoot === true && { boot: currentBootId() }),
  } as const;
  const request = { goal, instances, mayHaveStrays: true };
  if (options.dryRun) return plannedBy(await planPass(recorded, request));

  const outcome = await runPass(recorded, { ...request, lockWait });
  const living = await reportStopped(recorded, outcome, options);
  await reportTraps(recorded, living, outcome);
  if (killAfter !== undefined) reportContinuing(recorded, outcome);
  if (options.wait === 'not') {
    if (killAfter === 0) {
      await killNow(recorded, instances);
      return acted('stop', events, { kind: 'not_waited' });
    }
    await askQuieted(recorded, instances);
    return {
      ...acted('stop', events, { kind: 'not_waited' }),
      draining: askedBefore(recorded, outcome),
    };
  }
  const failed = failedAmong(events);
  const settled = await waitForExit(recorded, {
    instances: living.flatMap((ref) =>
      ref.retiring === undefined && !failed.has(ref.instance) ? [ref.instance] : [],
    ),
    retiring: living.filter((ref) => ref.retiring !== undefined && !failed.has(keyOf(ref))),
    limit: limitOf(options.wait),
  });
  return acted('stop', events, settled);
}

/** Of each worker with a preset of which a process may be in the middle of a job: what to mind while it drains. */
async function reportTraps(
  context: Context,
  living: readonly ProcessRef[],
  { observation }: PassOutcome,
): Promise<void> {
  const busy = living
    .map((ref) => observedAt(observation, ref))
    .filter((observed) => observed !== undefined)
    .filter(({ activity }) => activity?.kind !== 'idle');
  const names = new Set(busy.map(({ name }) => workerNameOf(name)));
  const workers = context.config.workers.filter(
    ({ name, preset }) => preset !== undefined && names.has(name),
  );
  if (workers.length === 0) return;
  const { trapsOf } = await import('../core/presets/traps.ts');
  for (const worker of workers) {
    const { name, preset = '' } = worker;
    const longest = longestJob(busy, name, observation.now)?.length;
    for (const { says } of trapsOf(worker, 'stop', longest))
      report(context, name, { kind: 'trap', preset, trap: says });
  }
}

/** What drains already because of an earlier command. */
function askedBefore(
  { config }: Context,
  { observation, desired, ledger }: PassOutcome,
): Draining[] {
  const snapshot = snapshotOf(config, { desired, ledger }, observation);
  return allObserved(observation)
    .filter(({ name }) => observation.instances.has(name))
    .flatMap((observed) => drainingOf(observed, snapshot));
}

/**
 * Reports instances that are already down; those that are gone and no longer wanted only if a target names them. Returns the
 * instances that are still there.
 */
async function reportStopped(
  context: Context,
  { desired, observation }: PassOutcome,
  { targets, killAfter }: ActOptions & LimitOptions,
): Promise<ProcessRef[]> {
  const all = [...observation.instances.values()];
  const isThere = (observed: ObservedInstance): boolean =>
    liveProcess(observed) !== undefined ||
    isAwaited(observed, workerOf(context.config, observed.name)) ||
    (killAfter !== undefined && observed.leftovers !== undefined && wasAsked(observed));
  const gone = all.filter((observed) => !isThere(observed));
  await reportLeft(context, gone.filter(wasAsked), observation);
  for (const { name } of gone) {
    if (isStopped(desired, name)) report(context, name, { kind: 'already_stopped' });
    else if (targets.includes(name)) report(context, name, { kind: 'not_running' });
  }
  const retiring = observation.retiring.filter(({ name }) => observation.instances.has(name));
  return [...all, ...retiring].filter(isThere).map(refOf);
}

/** Its process is dead, and no limit can reach what may go on with its job: that is not waited for without an end. */
function reportContinuing(context: Context, { observation }: PassOutcome): void {
  for (const { name, presence, continuing = [] } of observation.instances.values())
    if (presence.kind === 'dead' && sessionStop({ presence }) === undefined)
      for (const { pid } of continuing) {
        const { pid: dead } = presence.record;
        const problem = `it may go on with the job of pid ${dead}, and has a session of its own; kill -9 ${pid} ends it`;
        report(context, name, { kind: 'signal_failed', pid, problem });
      }
}

/** A stop may have ended it and not have reached others of its session. */
const wasAsked = ({ presence }: ObservedInstance): boolean =>
  presence.kind === 'dead' && presence.stop?.sent === true;

/** Adds workers that are no longer in the config but have records, which say how to stop them. None of their instances is wanted. */
function withForgottenWorkers(config: Config, instances: readonly string[]): Config {
  const lost = new Set(instances.filter((name) => !isOfConfig(config, name)));
  if (lost.size === 0) return config;
  const { stateDir } = config;
  const forgotten = recordedProcesses(stateDir)
    .filter(({ instance }) => lost.has(instance))
    .flatMap((ref): [string, Worker][] => {
      const record = readRecord(stateDir, baseOf(ref));
      const name = workerNameOf(ref.instance);
      return record.kind === 'read'
        ? [[name, forgottenWorker(config, name, record.value.stopSignal)]]
        : [];
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
  configured: [],
  isCounted: false,
  isForgotten: true,
  directory: '/',
  env: {},
  envFiles: [],
  passEnv: [],
  pidfile: `${stateDir}/%n.pid`,
  logFile: `${stateDir}/%n.log`,
  umask: 0o022,
  nice: 0,
  noNewPrivs: false,
  oomScoreAdj: 0,
  limits: {},
  stop: { signal },
  ready: { kind: 'after', after: durationOf(0) },
  restart: {
    canary: false,
    batch: { kind: 'percent', percent: 100 },
    patience: durationOf(0),
    overlap: false,
    maxExtra: 1,
    finisher: false,
    onFailure: 'abort',
  },
  onExit: 'always',
  successCodes: [],
  backoff: {
    initial: durationOf(0),
    max: durationOf(0),
    reset: durationOf(0),
    minRun: durationOf(0),
  },
  lostGrace: durationOf(0),
  hooks: { timeout: durationOf(0), drainLong: { after: durationOf(0) } },
  maxExtension: durationOf(0),
  maxCount: 1,
});
