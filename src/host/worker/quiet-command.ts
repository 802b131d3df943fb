import { appendFileSync } from 'node:fs';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { workerPath, type Launch } from '../../core/model/launch.ts';
import type { ProcessRecord } from '../../core/model/record.ts';
import type { Duration } from '../../core/basics/time.ts';
import { makeDirectory } from '../files/make-directory.ts';
import { ownerOf, withRights, type Prepared } from '../process/as-user.ts';
import { childProcess } from '../process/spawn.ts';
import { heartbeatFolder } from '../state/paths.ts';
import { quietEndPath } from '../state/quiet-end.ts';
import { buildEnvironment } from './environment.ts';
import { setsid } from './shim-call.ts';

/** A command for one process. */
export interface QuietCommandRun {
  readonly stateDir: string;
  readonly record: ProcessRecord;
  /** How it is run: its words, directory and environment. */
  readonly launch: Launch;
  readonly timeout: Duration;
  /** When it is killed, since the boot of the host; also names this run. */
  readonly until: Duration;
}

/**
 * Starts a command in a session of its own, where it outlives us. A script notes how it ended, see `readQuietEnd`. The
 * child is that script.
 * @throws WorkerctlError `failed` if an env file cannot be read, or there is no setsid
 */
export function startQuietCommand(run: QuietCommandRun): ChildProcess {
  const { stateDir, record, launch, timeout, until } = run;
  const { instance, runId } = record;
  const prepared = commandOf(run);
  makeDirectory(heartbeatFolder(stateDir));
  const words = [
    join(__dirname, 'quiet-command.sh'),
    setsid(),
    String(Math.ceil(timeout / 1000)),
    String(until),
    quietEndPath(stateDir, instance, runId),
    ...prepared.command,
  ];
  const child = childProcess().spawn('/bin/sh', words, {
    cwd: prepared.directory,
    detached: true,
    stdio: 'ignore',
    env: {
      ...prepared.environment,
      // The script's own programs are found whatever the worker's PATH is.
      PATH: workerPath,
      QUIET_PATH: prepared.environment['PATH'] ?? workerPath,
    },
  });
  child.on('error', () => {
    noteQuietEnd(run, `${launch.directory}: cannot be entered`);
  });
  child.unref();
  return child;
}

/** What is run where: with the rights of the worker, whose user must be able to enter the directory, not we. */
function commandOf({ record, launch }: QuietCommandRun): Prepared & { readonly directory: string } {
  const environment = {
    ...buildEnvironment(launch, process.env),
    WORKERCTL_INSTANCE: record.instance,
    WORKERCTL_PID: String(record.pid),
  };
  const isOthers = ownerOf(launch) !== undefined;
  const { directory, command } = launch;
  return {
    ...withRights(command, environment, launch, isOthers ? directory : ''),
    directory: isOthers ? '/' : directory,
  };
}

/** Notes that a command could not be run. */
export function noteQuietEnd({ stateDir, record, until }: QuietCommandRun, problem: string): void {
  const path = quietEndPath(stateDir, record.instance, record.runId);
  appendFileSync(path, `${until} ${problem}\n`);
}
