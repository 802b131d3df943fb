import { WorkerctlError } from '../../core/basics/error.ts';
import { workerPath, type Launch } from '../../core/model/launch.ts';
import { asUserOf, withRights } from '../process/as-user.ts';
import type { Foreground } from '../process/foreground.ts';
import { programProblem } from '../process/program-problem.ts';
import { buildEnvironment } from './environment.ts';
import type { Place } from './place.ts';
import { execArguments, ownSettings } from './shim-call.ts';

/** What a worker is known by, or speaks through. */
const isWorkersOwn = (name: string): boolean =>
  name.startsWith('WORKERCTL_') ||
  ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID'].includes(name);

/**
 * The environment of a worker for a command of a person, which must not be taken for the worker, nor report in its name.
 * @throws WorkerctlError `failed` if an env file cannot be read
 */
export const consoleEnvironment = (
  launch: Launch,
  caller: NodeJS.ProcessEnv,
): Record<string, string> =>
  Object.fromEntries(
    Object.entries(buildEnvironment(launch, caller)).filter(([name]) => !isWorkersOwn(name)),
  );

/** Why its user could not run this program there, in words; undefined if it could. */
export const consoleProblem = (
  launch: Launch,
  { path: directory }: Place,
  environment: Readonly<Record<string, string>>,
  program: string,
): string | undefined => {
  const path = environment['PATH'] ?? workerPath;
  return asUserOf(launch, () => programProblem(program, { directory, path }));
};

/**
 * A command as it is run in the place of a worker: by the script that starts workers, with the worker's rights, limits,
 * umask and priorities.
 * @throws WorkerctlError `notRun` if there is no such program; `failed` if there is no such user
 */
export function consoleProgram(
  launch: Launch,
  place: Place,
  environment: Readonly<Record<string, string>>,
  command: readonly [string, ...string[]],
): Foreground {
  const problem = consoleProblem(launch, place, environment, command[0]);
  if (problem !== undefined) throw new WorkerctlError('notRun', problem);
  const prepared = withRights(command, environment, launch);
  return {
    command: ['/bin/sh', ...execArguments(launch, prepared.command)],
    directory: place.handle,
    environment: {
      ...prepared.environment,
      ...ownSettings(launch, prepared.environment['PATH']),
    },
  };
}
