import { constants } from 'node:os';
import { exitCodeOfSignal } from '../../core/basics/exit-codes.ts';
import { WorkerctlError } from '../../core/basics/error.ts';
import { describeErrno } from '../files/errno.ts';
import { closeInheritedFds } from './spawn.ts';

/** A program that has the terminal, or whatever our standard files are, as if it had been called instead of us. */
export interface Foreground {
  readonly command: readonly string[];
  readonly directory: string;
  /** All of its environment: nothing is inherited. */
  readonly environment: Readonly<Record<string, string>>;
}

/** What a terminal sends to all that run in its foreground: the program has got it too, and decides what it means. */
const leftToIt = ['SIGINT', 'SIGQUIT'] as const;

/** What may have been sent to us alone. */
const passedOn = ['SIGTERM', 'SIGHUP'] as const;

/**
 * Runs a program in our session and process group until it ends, without a limit. It is stopped and continued with us
 * (Ctrl-Z).
 * @returns its exit code; 128 and the number of the signal that ended it
 * @throws WorkerctlError `failed` if it cannot be started
 */
export async function runInForeground({
  command: [file = '', ...words],
  directory,
  environment,
}: Foreground): Promise<number> {
  closeInheritedFds();
  const { execa } = await import('execa');
  const child = execa(file, words, {
    cwd: directory,
    env: environment,
    extendEnv: false,
    stdio: 'inherit',
    cleanup: false,
    reject: false,
  });
  const ignore = (): void => undefined;
  const pass = (name: NodeJS.Signals): void => {
    child.kill(name);
  };
  for (const name of leftToIt) process.on(name, ignore);
  for (const name of passedOn) process.on(name, pass);
  try {
    const { exitCode, signal, cause } = await child;
    if (signal !== undefined) return exitCodeOfSignal(constants.signals[signal]);
    if (exitCode !== undefined) return exitCode;
    throw new WorkerctlError('failed', `${file}: ${describeErrno(cause)}`, { cause });
  } finally {
    for (const name of leftToIt) process.off(name, ignore);
    for (const name of passedOn) process.off(name, pass);
  }
}
