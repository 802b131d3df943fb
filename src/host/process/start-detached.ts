import { existsSync } from 'node:fs';
import { childProcess } from './spawn.ts';

/** The launcher that runs us. */
const program = (): string => process.argv[1] ?? '';

/** Whether our own program is still installed: without it nothing can be started. */
export const isInstalled = (): boolean => existsSync(program());

/** A process that outlives us. */
export interface Detached {
  /** How it has ended, in words; undefined as long as it runs. */
  readonly ended: () => string | undefined;
}

/**
 * Starts this very program with these arguments, in a session of its own and in `/`. It outlives us, and keeps nothing of
 * our caller open: neither pipes nor locks nor a directory.
 * @param environment all of it: nothing is inherited
 * @returns undefined if it could not be started
 */
export function startDetached(
  words: readonly string[],
  environment: NodeJS.ProcessEnv,
): Detached | undefined {
  const line = [...process.execArgv, program(), ...words];
  const child = childProcess().spawn(process.execPath, line, {
    cwd: '/',
    detached: true,
    stdio: 'ignore',
    env: environment,
  });
  child.on('error', () => undefined); // it has no pid then
  let how: string | undefined;
  child.on('exit', (code, signal) => {
    how = signal ?? `exit status ${String(code)}`;
  });
  child.unref();
  return child.pid === undefined ? undefined : { ended: () => how };
}
