import { accessSync, closeSync, constants, openSync, rmSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { WorkerctlError } from '../../core/basics/error.ts';
import { workerPath, type Launch } from '../../core/model/launch.ts';
import { childProcess } from '../process/spawn.ts';
import { describeErrno } from '../files/errno.ts';
import { faultPoint } from '../files/fault-point.ts';

/** Where and how a logger runs. */
export interface LoggerPlace {
  readonly stateDir: string;
  /** The worker's own directory and environment. */
  readonly directory: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Open for appending: takes what the logger itself says. */
  readonly logFd: number;
}

/**
 * Starts the logger of an instance, in a session of its own: neither a signal to the worker's session nor our own end reaches
 * it. It ends when all who write to the pipe have ended.
 * @returns the writing end of its pipe
 * @throws WorkerctlError `failed` when the program cannot be run: better than a worker that nobody reads
 */
export function startLogger(launch: Launch, words: readonly string[], place: LoggerPlace): number {
  const { stateDir, directory, environment, logFd } = place;
  const path = environment['PATH'] ?? workerPath;
  assertRunnable(words[0] ?? '', directory, path);
  const pipe = openPipe(join(stateDir, `${launch.instance}.fifo`));
  try {
    const script = join(__dirname, 'logger.sh');
    const child = childProcess().spawn(
      '/bin/sh',
      [script, launch.instance, launch.umask, ...words],
      {
        cwd: directory,
        // The usual folders behind its own: the script has programs to find, too.
        env: { ...environment, WORKERCTL_INSTANCE: launch.instance, PATH: `${path}:${workerPath}` },
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
  const files = program.includes('/')
    ? [resolve(directory, program)]
    : path.split(':').map((folder) => resolve(directory, folder, program));
  if (files.some(isRunnable)) return;
  const where = program.includes('/') ? '' : ` in PATH (${path})`;
  throw new WorkerctlError('failed', `log.command: there is no program ${program}${where}`);
}

function isRunnable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

/**
 * A pipe with a name, which has no name any more: unlike Node's own, which are sockets, it can be opened again as
 * /dev/stdout, also by a worker that becomes another user.
 */
function openPipe(path: string): { read: number; write: number } {
  rmSync(path, { force: true });
  const made = childProcess().spawnSync('mkfifo', ['-m', '0622', path], { encoding: 'utf8' });
  if (made.status !== 0) {
    const why = made.error === undefined ? made.stderr.trim() : describeErrno(made.error);
    throw new WorkerctlError('failed', `log.command: no pipe can be made: ${why}`);
  }
  const both = openSync(path, constants.O_RDWR); // never waits; the other two find a partner then
  try {
    return { read: openSync(path, 'r'), write: openSync(path, 'w') };
  } finally {
    closeSync(both);
    rmSync(path, { force: true });
  }
}
