import { hostname } from 'node:os';
import { isatty } from 'node:tty';
import type { GlobalOptions } from '../cli/command.ts';
import { configToPlan, reportStateProblem } from '../cli/config.ts';
import { usageError } from '../cli/options.ts';
import { WorkerctlError } from '../core/basics/error.ts';
import { lookup } from '../core/basics/lookup.ts';
import type { Config, Worker } from '../core/model/config.ts';
import { firstInstance } from '../core/model/instance.ts';
import { launchOf, pathsOf, type Launch } from '../core/model/launch.ts';
import { namedBy, selectInstances, workerNameOf } from '../core/model/targets.ts';
import { withCounts } from '../core/rules/scaling.ts';
import { openLaunches } from '../engine/observe/launches.ts';
import { mountProblem } from '../host/process/mount-problem.ts';
import { seenDesired } from '../host/state/desired-file.ts';
import { checkForLook } from '../host/state/state-directory.ts';
import { consoleEnvironment } from '../host/worker/in-place.ts';
import type { Place } from '../host/worker/place.ts';
import { limitProblem } from '../host/worker/preflight.ts';

/** The instance in whose place a person wants to be, and what a start would give it now. */
export interface Stead {
  readonly worker: Worker;
  readonly launch: Launch;
  readonly environment: Readonly<Record<string, string>>;
  /**
   * Its directory, opened.
   * @throws WorkerctlError `failed` if it cannot be entered, or the worker could not be started with its limits
   */
  readonly enter: () => Promise<Place>;
}

/**
 * Takes the place of an instance; of the first one of a worker. What the config names is run and read: it must be trusted,
 * and the caller must be allowed to start its workers.
 * @param named undefined: the only worker
 * @throws WorkerctlError `usage` if nothing has that name, or if it names several workers
 */
export async function steadOf(
  global: GlobalOptions,
  command: string,
  named: string | undefined,
): Promise<Stead> {
  const file = await configToPlan(global);
  checkForLook(file.stateDir);
  reportStateProblem(file);
  const { desired } = seenDesired(file.stateDir);
  const config = withCounts(file, desired);
  const [worker, instance] = meant(config, command, named);
  const hostName = hostname();
  const launch = launchOf(worker, instance, config.stateDir, hostName);
  await mountProblem(() => pathsOf(launch));
  return {
    worker,
    launch,
    environment: consoleEnvironment(launch, process.env),
    enter: async () => {
      const problem = limitProblem(worker);
      if (problem !== undefined) throw new WorkerctlError('failed', `${instance}: ${problem}`);
      const releases = (): Promise<undefined> => Promise.resolve(undefined);
      const launches = openLaunches({ config, hostName, releases });
      const { place } = await launches.of(worker, instance, lookup(desired.pins, worker.name));
      if (place instanceof WorkerctlError) throw place;
      return place;
    },
  };
}

function meant(config: Config, command: string, named: string | undefined): [Worker, string] {
  const { workers } = config;
  const found = named === undefined ? workers : workersOf(config, named);
  const [worker, ...others] = found;
  if (worker === undefined || others.length > 0) {
    const names = found.map(({ name }) => name).join(', ');
    throw usageError(command, `${command}: expected one worker or instance, found ${names}`);
  }
  const [instance = firstInstance(worker)] =
    named === undefined ? [] : selectInstances(config, [], [named]);
  return [worker, instance];
}

/** A worker of which none is wanted has no instances. */
function workersOf(config: Config, named: string): Worker[] {
  const names = new Set(selectInstances(config, [], [named]).map(workerNameOf));
  const isNamed = namedBy([named], config);
  return config.workers.filter(({ name }) => names.has(name) || isNamed(name));
}

/** At a terminal programs need to know which one: that is not a matter of the worker. */
export const withTerminal = (
  environment: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> => {
  const { TERM } = process.env;
  return TERM === undefined || !(isatty(0) || isatty(1)) ? environment : { TERM, ...environment };
};
