import { hostname } from 'node:os';
import { withLeftovers } from '../../engine/observe/leftovers.ts';
import { createReleaseReader } from '../../engine/observe/release-reader.ts';
import { status } from '../../engine/observe/status.ts';
import type { Status } from '../../core/views/status.ts';
import { observe } from '../../engine/observe/observe.ts';
import { WorkerctlError } from '../../core/basics/error.ts';
import type { Desired } from '../../core/model/desired.ts';
import { allObserved, type Observation } from '../../core/model/observation.ts';
import type { LiveProcess } from '../../core/model/process.ts';
import { selectInstances } from '../../core/model/targets.ts';
import { withCounts } from '../../core/rules/scaling.ts';
import type { Config } from '../../core/model/config.ts';
import { createAsk, type Ask } from '../../host/process/ask-program.ts';
import { seenDesired } from '../../host/state/desired-file.ts';
import { listStateFiles, type StateFiles } from '../../host/state/paths.ts';
import { findMarkedProcesses, type MarkedProcess } from '../../host/process/strays.ts';
import { unitOf, type Unit } from '../../core/protocols/cgroup.ts';
import { groupOf } from '../../host/process/process-table.ts';
import { findWatch } from '../../engine/watch/find-watch.ts';

/** The facts that several checks judge, gathered once. */
export interface Examination {
  /** The config with the counts in force. */
  readonly config: Config;
  readonly hostName: string;
  readonly env: NodeJS.ProcessEnv;
  /** Empty if state.json cannot be understood. */
  readonly desired: Desired;
  /** What `status` shows; undefined if state.json cannot be understood. */
  readonly status: Status | undefined;
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
export async function examine(config: Config, env: NodeJS.ProcessEnv): Promise<Examination> {
  const { stateDir } = config;
  const hostName = hostname();
  const { desired } = seenDesired(stateDir);
  const inForce = withCounts(config, desired);
  const {
    instances: recorded,
    retiring,
    notes,
  } = orElse(
    () => listStateFiles(stateDir),
    () => nothing,
  );
  const names = [...new Set([...selectInstances(inForce, recorded, []), ...recorded])];
  // Whether the folders of the logs answer was checked before.
  const scene = {
    config: inForce,
    hostName,
    notes,
    showsLeftovers: true,
    measuresLogs: 'all' as const,
  };
  const observation = withLeftovers(scene, observe(scene, names, retiring));
  const watch = findWatch(stateDir);
  return {
    config: inForce,
    hostName,
    env,
    desired,
    status: await statusIn(inForce, hostName),
    observation,
    marked: findMarkedProcesses(stateDir),
    watch,
    units: findUnits(observation, watch),
    ask: createAsk(env),
  };
}

async function statusIn(config: Config, hostName: string): Promise<Status | undefined> {
  const releases = createReleaseReader(config);
  try {
    return await status({ config, hostName, ignoresPidfiles: true }, { targets: [], releases });
  } catch (error) {
    if (error instanceof WorkerctlError) return undefined;
    throw error;
  }
}

/** A control group and our processes in it: workers, and the watch, because what it starts lands there too. */
export interface Members {
  readonly path: string;
  readonly unit: Unit;
  readonly names: readonly string[];
}

/** The units that our processes are in. If none is running, that of this command: what it starts lands there. */
export function findUnits(observation: Observation, watch: LiveProcess | undefined): Members[] {
  const pids = allObserved(observation).flatMap(({ name, presence }) =>
    presence.kind === 'alive' ? [{ name, pid: presence.process.pid }] : [],
  );
  if (watch !== undefined) pids.push({ name: 'watch', pid: watch.pid });
  if (pids.length === 0) pids.push({ name: 'this command', pid: process.pid });
  const found = new Map<string, Members>();
  for (const { name, pid } of pids) {
    const path = groupOf(pid);
    const unit = withoutRun(unitOf(path));
    // Instances with limits have groups of their own in the same unit.
    const key = unit.kind === 'other' ? path : JSON.stringify(unit);
    const { names = [] } = found.get(key) ?? {};
    found.set(key, { path, unit, names: [...names, name] });
  }
  return [...found.values()];
}

/** The scopes of instances with limits are alike. */
const withoutRun = (unit: Unit): Unit => ({
  ...unit,
  name: unit.name.replace(/^workerctl-.+-[0-9a-f]{16}\.scope$/, 'workerctl-*.scope'),
});

/** What `look` returns, or what is said instead about the error that it throws. */
export function orElse<T, Else>(look: () => T, instead: (error: WorkerctlError) => Else): T | Else {
  try {
    return look();
  } catch (error) {
    if (error instanceof WorkerctlError) return instead(error);
    throw error;
  }
}
