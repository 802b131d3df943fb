import { hostname } from 'node:os';
import { observe } from '../../engine/observe/observe.ts';
import { WorkerctlError } from '../../core/basics/error.ts';
import { noDesired, type Desired } from '../../core/model/desired.ts';
import type { Observation } from '../../core/model/observation.ts';
import type { LiveProcess } from '../../core/model/process.ts';
import { selectInstances } from '../../core/model/targets.ts';
import { withCounts } from '../../core/rules/scaling.ts';
import type { Config } from '../../core/model/config.ts';
import { createAsk, type Ask } from '../../host/process/ask-program.ts';
import { readDesired } from '../../host/state/desired-file.ts';
import { listStateFiles, type StateFiles } from '../../host/state/paths.ts';
import { findMarkedProcesses, type MarkedProcess } from '../../host/process/strays.ts';
import { findUnits, type Members } from './units.ts';
import { findWatch } from '../../engine/watch/find-watch.ts';

/** The facts that several checks judge, gathered once. */
export interface Examination {
  /** The config with the counts in force. */
  readonly config: Config;
  readonly hostName: string;
  readonly env: NodeJS.ProcessEnv;
  /** Empty if state.json cannot be understood. */
  readonly desired: Desired;
  /** All instances of the config, and all that have a record. */
  readonly observation: Observation;
  /** The main processes of this state directory as the kernel knows them, whatever the files say. */
  readonly marked: readonly MarkedProcess[];
  /** The watch of this state directory, if one can be seen. */
  readonly watch: LiveProcess | undefined;
  /** The control groups of our processes. */
  readonly units: readonly Members[];
  /** Asks a program, such as systemctl. */
  readonly ask: Ask;
}

const nothing: StateFiles = { instances: [], retiring: [], notes: new Set() };

/** Gathers the facts. A state directory that cannot be read counts as empty here: it has a check of its own. */
export function examine(config: Config, env: NodeJS.ProcessEnv): Examination {
  const { stateDir } = config;
  const hostName = hostname();
  const desired = orElse(
    () => readDesired(stateDir),
    () => noDesired,
  );
  const inForce = withCounts(config, desired);
  const { instances: recorded, retiring } = orElse(
    () => listStateFiles(stateDir),
    () => nothing,
  );
  const names = [...new Set([...selectInstances(inForce, recorded, []), ...recorded])];
  const observation = observe({ config: inForce, hostName }, names, retiring);
  const watch = findWatch(stateDir);
  return {
    config: inForce,
    hostName,
    env,
    desired,
    observation,
    marked: findMarkedProcesses(stateDir),
    watch,
    units: findUnits(observation, watch),
    ask: createAsk(env),
  };
}

/** What `look` returns, or what is said instead about the error that it throws. */
export function orElse<T, Else>(look: () => T, instead: (error: WorkerctlError) => Else): T | Else {
  try {
    return look();
  } catch (error) {
    if (error instanceof WorkerctlError) return instead(error);
    throw error;
  }
}
