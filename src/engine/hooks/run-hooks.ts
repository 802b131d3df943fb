import { instanceName } from '../../core/model/instance.ts';
import { journalEntry } from '../../core/events/journal.ts';
import type { Notice } from '../../core/rules/notices.ts';
import type { Event, EventBody } from '../../core/events/event.ts';
import { launchOf } from '../../core/model/launch.ts';
import { workerNameOf } from '../../core/model/targets.ts';
import type { Config, HookName, Worker } from '../../core/model/config.ts';
import { now } from '../../host/process/clock.ts';
import { buildEnvironment } from '../../host/worker/environment.ts';
import { describeErrno } from '../../host/files/errno.ts';
import {
  readSpooled,
  removeSpooled,
  spooledHooks,
  spoolHook,
  type Spooled,
} from '../../host/state/hook-spool.ts';
import { lockBackend } from '../../host/lock/choose-backend.ts';
import { problemOf, runProgram } from '../../host/process/run-program.ts';
import { durationOf, type Duration } from '../../core/basics/time.ts';
import { WorkerctlError } from '../../core/basics/error.ts';

/** What hooks are run with. */
export interface HookScene {
  readonly config: Config;
  readonly hostName: string;
  readonly report: (event: Event) => void;
}

/** The hook that an event of this kind calls. */
const hookOf: Readonly<Partial<Record<EventBody['kind'], HookName>>> = {
  job_lost: 'lost',
  backoff: 'backoff',
  unresponsive: 'unresponsive',
  rollout_finished: 'rollout',
};

/**
 * Spools the hook of this notice, if its worker has one. This comes before everything else that the notice leads to: if
 * the command is killed, the hook may run twice, but it does run.
 */
export function noteHook({ config, report }: HookScene, { id, body }: Notice, event: Event): void {
  const hook = hookOf[body.kind];
  const worker = workerIn(config, event.instance);
  if (hook === undefined || worker?.hooks[hook] === undefined) return;
  const { instance } = event;
  const entry = journalEntry(event);
  if (entry === undefined) return;
  try {
    spoolHook(config.stateDir, id, { hook, worker: worker.name, instance, event: entry });
  } catch (error) {
    const problem = `hook ${hook} cannot be spooled: ${describeErrno(error)}`;
    report({ kind: 'warning', problem, at: event.at, instance });
  }
}

/**
 * Runs all spooled hooks, one after the other, outside of the pass lock. If another command is running them already, they
 * are left to it. If this command is killed, the next one runs the rest, and again the one that was running.
 */
export async function runHooks(scene: HookScene): Promise<void> {
  const { stateDir } = scene.config;
  while (spooledHooks(stateDir).length > 0) {
    const [lock] = await lockBackend().tryLock([`${stateDir}/hooks.lock`]);
    if (lock === undefined) return;
    try {
      for (const id of spooledHooks(stateDir)) await runOne(scene, id);
    } finally {
      await lock.release();
    }
  }
}

async function runOne(scene: HookScene, id: string): Promise<void> {
  const { stateDir } = scene.config;
  const file = readSpooled(stateDir, id);
  if (file.kind === 'read') await runSpooled(scene, file.value);
  if (file.kind === 'broken')
    scene.report({
      kind: 'warning',
      problem: `hook ${id} cannot be read: ${file.problem}`,
      at: now(),
      instance: 'hooks',
    });
  removeSpooled(stateDir, id);
}

async function runSpooled(scene: HookScene, spooled: Spooled): Promise<void> {
  const { hook, instance } = spooled;
  const worker = workerIn(scene.config, instance);
  const command = worker?.hooks[hook];
  if (worker === undefined || command === undefined) return; // it is no longer in the config
  const end = await outcomeOf(scene, worker, spooled);
  scene.report({ kind: 'hook_run', hook, ...end, at: now(), instance });
}

/** How a hook ended; `problem` is undefined if its exit status was 0. */
interface HookEnd {
  readonly problem?: string;
  readonly took: Duration;
  /** The last lines that it printed, of both outputs. */
  readonly output: readonly string[];
}

async function outcomeOf(
  { config, hostName }: HookScene,
  worker: Worker,
  { hook, instance, event }: Spooled,
): Promise<HookEnd> {
  const isWorker = instance === worker.name;
  const [first = '1'] = worker.identifiers;
  const name = isWorker ? instanceName(worker.name, first) : instance;
  const launch = launchOf(worker, name, config.stateDir, hostName, undefined, worker.hooks[hook]);
  try {
    const { end, took, lastLines } = await runProgram({
      command: launch.command,
      directory: launch.directory,
      environment: {
        ...buildEnvironment(launch, process.env),
        ...(isWorker ? { WORKERCTL_ID: '' } : { WORKERCTL_INSTANCE: instance }),
        ...variables(hook, event),
      },
      rights: launch,
      input: `${JSON.stringify(event)}\n`,
      timeout: worker.hooks.timeout,
    });
    const problem = problemOf(end);
    return { ...(problem !== undefined && { problem }), took, output: lastLines };
  } catch (error) {
    if (!(error instanceof WorkerctlError)) throw error; // such as an env file that cannot be read
    return { problem: error.message, took: durationOf(0), output: [] };
  }
}

/** What most hooks need, so that they need not read JSON. WORKERCTL_PID is left out: it marks the workers themselves. */
function variables(hook: HookName, event: Spooled['event']): Record<string, string> {
  const { pid, job, jobs, death } = event;
  const { signal, exit_status: status } = (death ?? {}) as Readonly<Record<string, unknown>>;
  const known = {
    WORKERCTL_HOOK: hook,
    WORKERCTL_DEAD_PID: pid,
    WORKERCTL_JOB: job,
    WORKERCTL_JOBS: Array.isArray(jobs) ? jobs.join('\n') : undefined,
    WORKERCTL_SIGNAL: signal,
    WORKERCTL_STATUS: status,
  };
  return Object.fromEntries(
    Object.entries(known).flatMap(([name, value]) =>
      typeof value === 'string' || typeof value === 'number' ? [[name, String(value)]] : [],
    ),
  );
}

const workerIn = ({ workers }: Config, instance: string): Worker | undefined => {
  const name = instance.includes('.') ? workerNameOf(instance) : instance;
  return workers.find((worker) => worker.name === name);
};
