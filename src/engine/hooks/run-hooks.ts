import { instanceName } from '../../core/model/instance.ts';
import { launchOf } from '../../core/model/launch.ts';
import { hookCommand, type HookName, type Worker } from '../../core/model/config.ts';
import { now } from '../../host/process/clock.ts';
import { buildEnvironment } from '../../host/worker/environment.ts';
import {
  hookFolder,
  removeEmpty,
  removeSpooled,
  type Spooled,
} from '../../host/state/hook-spool.ts';
import { lockBackend } from '../../host/lock/choose-backend.ts';
import { problemOf, runProgram } from '../../host/process/run-program.ts';
import { dueIn } from './due.ts';
import { workerIn, type HookScene } from './note.ts';
import { durationOf, type Duration } from '../../core/basics/time.ts';
import { WorkerctlError } from '../../core/basics/error.ts';

/**
 * Runs all spooled hooks, one after the other, outside of the pass lock. If another command is running them already, they
 * are left to it. If this command is killed, the next one runs the rest, and again the one that was running.
 */
export async function runHooks(scene: HookScene): Promise<void> {
  const { stateDir } = scene.config;
  const folder = hookFolder(stateDir);
  while (dueIn(scene, folder).length > 0) {
    const [lock] = await lockBackend().tryLock([`${stateDir}/hooks.lock`]);
    if (lock === undefined) return;
    try {
      for (const { id, spooled } of dueIn(scene, folder)) {
        await runSpooled(scene, spooled);
        removeSpooled(folder, id);
      }
    } finally {
      await lock.release();
    }
  }
  removeEmpty(folder); // a command that was killed may have left it
}

async function runSpooled(scene: HookScene, spooled: Spooled): Promise<void> {
  const { hook, instance } = spooled;
  const worker = workerIn(scene.config, instance);
  const command = worker && hookCommand(worker.hooks, hook);
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
  const launch = launchOf(
    worker,
    name,
    config.stateDir,
    hostName,
    undefined,
    hookCommand(worker.hooks, hook),
  );
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
