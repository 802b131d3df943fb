import { closeSync, constants, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { WorkerctlError } from '../../core/basics/error.ts';
import { workerPath, type Launch } from '../../core/model/launch.ts';
import { childProcess } from '../process/spawn.ts';
import { asUserOf, withRights } from '../process/as-user.ts';
import { programAt } from '../process/find-program.ts';
import { makeFifo } from '../process/make-fifo.ts';
import type { Place } from './place.ts';
import { faultPoint } from '../files/fault-point.ts';

/** Where and how a logger runs. */
export interface LoggerPlace {
  readonly stateDir: string;
  /** The worker's own directory and environment. */
  readonly place: Place;
  readonly environment: Readonly<Record<string, string>>;
  /** Open for appending: gets what the logger itself prints. */
  readonly logFd: number;
}

/**
 * Starts the logger of an instance, in a session of its own, so that it outlives us and gets no signal that is sent to the
 * worker's session. It ends when all processes that can write to its pipe have exited.
 * @returns the writing end of its pipe
 * @throws WorkerctlError `failed` if the program cannot be run: better than a worker whose output is read by no process
 */
export function startLogger(launch: Launch, words: readonly string[], site: LoggerPlace): number {
  const { stateDir, place, environment, logFd } = site;
  const path = environment['PATH'] ?? workerPath;
  asUserOf(launch, () => {
    assertRunnable(words[0] ?? '', place.path, path);
  });
  const pipe = openPipe(join(stateDir, `${launch.instance}.fifo`));
  try {
    const script = join(__dirname, 'logger.sh');
    // Its own PATH, then the usual directories: the script has to find programs, too.
    const variables = {
      ...environment,
      WORKERCTL_INSTANCE: launch.instance,
      PATH: `${path}:${workerPath}`,
    };
    const logger = withRights(words, variables, launch);
    const child = childProcess().spawn(
      '/bin/sh',
      [script, launch.instance, launch.umask, ...logger.command],
      {
        cwd: place.handle,
        env: logger.environment,
        detached: true,
        stdio: [pipe.read, logFd, logFd],
      },
    );
    child.on('error', () => undefined).unref();
    faultPoint();
    return pipe.write;
  } catch (error) {
    closeSync(pipe.write);
    throw error;
  } finally {
    closeSync(pipe.read);
  }
}

function assertRunnable(program: string, directory: string, path: string): void {
  if (programAt(program, path, directory) !== undefined) return;
  const where = program.includes('/') ? '' : ` in PATH (${path})`;
  throw new WorkerctlError('failed', `log.command: there is no program ${program}${where}`);
}

/**
 * A FIFO whose name is removed at once. Node's own pipes are sockets; this one can be opened again as /dev/stdout, also by a
 * worker that becomes another user.
 */
function openPipe(path: string): { read: number; write: number } {
  rmSync(path, { force: true });
  const problem = makeFifo(path, '0622');
  if (problem !== undefined)
    throw new WorkerctlError('failed', `log.command: cannot make its pipe: ${problem}`);
  const both = openSync(path, constants.O_RDWR); // never blocks; nor do the other two then
  try {
    return { read: openSync(path, 'r'), write: openSync(path, 'w') };
  } finally {
    closeSync(both);
    rmSync(path, { force: true });
  }
}
