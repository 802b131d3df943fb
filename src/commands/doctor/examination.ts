import { hostname } from 'node:os';
import { observe } from '../../control/observe.ts';
import { WorkerctlError } from '../../core/error.ts';
import { noIntent, type Intent } from '../../core/intent.ts';
import type { Observation } from '../../core/observation.ts';
import type { LiveProcess } from '../../core/process.ts';
import { selectInstances } from '../../core/targets.ts';
import { withWants } from '../../core/wants.ts';
import type { Config } from '../../core/worker.ts';
import { createAsk, type Ask } from '../../os/ask-program.ts';
import { readIntent } from '../../os/intent-file.ts';
import { recordedInstances } from '../../os/state-files.ts';
import { findMarkedProcesses, type MarkedProcess } from '../../os/strays.ts';
import { findWatch } from './resident.ts';

/** What all checks work on: looked at once. */
export interface Examination {
  /** The config in force, with the counts that people want. */
  readonly config: Config;
  readonly hostName: string;
  readonly env: NodeJS.ProcessEnv;
  /** Nothing where state.json cannot be understood. */
  readonly intent: Intent;
  /** All instances of the config, and all of which there is a record. */
  readonly observation: Observation;
  /** The main processes of this state directory that the kernel knows, whatever the files say. */
  readonly marked: readonly MarkedProcess[];
  /** The resident watch of this state directory, as far as it can be seen. */
  readonly watch: LiveProcess | undefined;
  readonly ask: Ask;
}

/** Looks at everything. A state directory that cannot be read is as good as an empty one here: its own check tells. */
export function examine(config: Config, env: NodeJS.ProcessEnv): Examination {
  const { stateDir } = config;
  const hostName = hostname();
  const intent = orNothing(() => readIntent(stateDir), noIntent);
  const inForce = withWants(config, intent);
  const recorded = orNothing(() => recordedInstances(stateDir), []);
  const names = [...new Set([...selectInstances(inForce, recorded, []), ...recorded])];
  return {
    config: inForce,
    hostName,
    env,
    intent,
    observation: observe({ config: inForce, hostName }, names),
    marked: findMarkedProcesses(stateDir),
    watch: findWatch(stateDir),
    ask: createAsk(env),
  };
}

function orNothing<T>(read: () => T, nothing: T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof WorkerctlError) return nothing;
    throw error;
  }
}
