import { constants } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { placedProblem, type ConfigProblem } from '../../core/basics/config-problem.ts';
import { WorkerctlError } from '../../core/basics/error.ts';
import { workerPath } from '../../core/model/launch.ts';
import { mayAccess } from '../files/access.ts';
import type { Rights } from '../../core/model/account.ts';
import { asUserOf } from '../process/as-user.ts';
import { readEnvFiles } from './env-files.ts';

/** The sources of a worker's environment. */
export interface EnvironmentSource extends Pick<Rights, 'runAs'> {
  readonly envFiles: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly passEnv: readonly string[];
}

/**
 * A worker's environment, as if its user had started it: a small fixed base, then `pass_env` from the caller, the files and `env`; later values replace
 * earlier ones. It is built, not inherited, so that it is the same whether cron, a deploy or a person starts the worker.
 * @throws WorkerctlError `failed` if a file cannot be read, or is no env file
 */
export function buildEnvironment(
  source: EnvironmentSource,
  caller: NodeJS.ProcessEnv,
): Record<string, string> {
  return asUserOf(source, () => {
    const base = beforeFiles(source, caller);
    const { variables, problems } = readEnvFiles(source.envFiles, base);
    if (problems.length > 0) throw new WorkerctlError('failed', inOneLine(problems));
    return { ...Object.fromEntries([...base, ...variables]), ...source.env };
  });
}

/** What is wrong in the env files of a worker, up to the first one that this user cannot read. */
export function envFileProblems(
  source: EnvironmentSource,
  caller: NodeJS.ProcessEnv,
): readonly ConfigProblem[] {
  const { envFiles } = source;
  return asUserOf(source, () => {
    const unreadable = envFiles.findIndex((file) => !mayAccess(file, constants.R_OK));
    const readable = unreadable === -1 ? envFiles : envFiles.slice(0, unreadable);
    return readEnvFiles(readable, beforeFiles(source, caller)).problems;
  });
}

const beforeFiles = ({ passEnv }: EnvironmentSource, caller: NodeJS.ProcessEnv) =>
  new Map(Object.entries({ ...baseEnvironment(), ...pick(caller, passEnv) }));

function inOneLine([first, ...rest]: readonly ConfigProblem[]): string {
  const more = rest.length === 0 ? '' : ` (and ${rest.length} more: run workerctl check)`;
  return `${first === undefined ? '' : placedProblem(first)}${more}`;
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
export function currentUser(): User {
  const uid = process.geteuid?.() ?? 0;
  const user = users.get(uid) ?? readUser(uid);
  users.set(uid, user);
  return user;
}

interface User {
  readonly name: string;
  readonly home: string;
}

/** A start of hundreds asks for each. */
const users = new Map<number, User>();

function readUser(uid: number): User {
  try {
    const { username: name, homedir: home } = userInfo();
    return { name, home };
  } catch {
    return { name: String(uid), home: '/' };
  }
}

/** Who asks, in the journal and for others: `deploy@web1`. */
export const userAtHost = (): string => `${currentUser().name}@${hostname()}`;

function pick(from: NodeJS.ProcessEnv, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = from[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}
