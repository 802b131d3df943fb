import { existsSync } from 'node:fs';
import { childProcess } from './spawn.ts';

/** The launcher that runs us. */
const program = (): string => process.argv[1] ?? '';

/** Whether our own program is still installed: without it nothing can be started. */
export const isInstalled = (): boolean => existsSync(program());

/**
 * Starts this very program with these arguments, in a session of its own and in `/`. It outlives us, and keeps nothing of
 * our caller open: neither pipes nor locks nor a directory.
 * @param environment all of it: nothing is inherited
 * @returns whether it was started
 */
export function startDetached(words: readonly string[], environment: NodeJS.ProcessEnv): boolean {
  const line = [...process.execArgv, program(), ...words];
  const child = childProcess().spawn(process.execPath, line, {
    cwd: '/',
    detached: true,
    stdio: 'ignore',
    env: environment,
  });
  child.on('error', () => undefined); // it has no pid then
  child.unref();
  return child.pid !== undefined;
}
