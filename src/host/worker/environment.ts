import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { parseEnv } from 'node:util';
import { WorkerctlError } from '../../core/basics/error.ts';
import { workerPath } from '../../core/model/launch.ts';
import { describeErrno } from '../files/errno.ts';

/** The sources of a worker's environment. */
export interface EnvironmentSource {
  readonly envFiles: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly passEnv: readonly string[];
}

/**
 * A worker's environment: a small fixed base, then `pass_env` from the caller, the files and `env`; later values replace
 * earlier ones. It is built, not inherited, so that it is the same whether cron, a deploy or a person starts the worker.
 * @throws WorkerctlError `failed` if a file cannot be read
 */
export function buildEnvironment(
  source: EnvironmentSource,
  caller: NodeJS.ProcessEnv,
): Record<string, string> {
  return {
    ...baseEnvironment(),
    ...pick(caller, source.passEnv),
    ...Object.fromEntries(source.envFiles.flatMap(readEnvFile)),
    ...source.env,
  };
}

/** The same for every caller: nothing here comes from the environment that workerctl itself was started in. */
function baseEnvironment(): Record<string, string> {
  const user = currentUser();
  return {
    PATH: workerPath,
    HOME: user.home,
    USER: user.name,
    LOGNAME: user.name,
    SHELL: '/bin/sh',
    LANG: 'C.UTF-8',
  };
}

/** Our user in the user database; containers often run as a user that is not in it. */
export function currentUser(): { name: string; home: string } {
  try {
    const { username, homedir } = userInfo();
    return { name: username, home: homedir };
  } catch {
    return { name: String(process.geteuid?.() ?? 0), home: '/' };
  }
}

function pick(from: NodeJS.ProcessEnv, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = from[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

function readEnvFile(path: string): [string, string][] {
  try {
    return Object.entries(parseEnv(readFileSync(path, 'utf8'))).map(([name, value = '']) => [
      name,
      value,
    ]);
  } catch (error) {
    throw new WorkerctlError('failed', `env file ${path}: ${describeErrno(error)}`, {
      cause: error,
    });
  }
}
