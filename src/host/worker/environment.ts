import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { parseEnv } from 'node:util';
import { WorkerctlError } from '../../core/basics/error.ts';
import { workerPath } from '../../core/model/launch.ts';
import { describeErrno } from '../files/errno.ts';

/** What a worker's environment is built of. */
export interface EnvironmentSource {
  readonly envFiles: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly passEnv: readonly string[];
}

/**
 * A worker's environment: a small fixed base, then `pass_env` from the caller, the files and `env`, the later ones over the earlier. Built, not
 * inherited, so that a worker is the same whether cron, a deploy or a person has started it.
 * @throws WorkerctlError `failed` when a file cannot be read
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

/** Who we are by the user database; containers often run as a user who is not in it. */
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
