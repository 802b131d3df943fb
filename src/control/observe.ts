import type { Observation, ObservedInstance, Presence } from '../core/observation.ts';
import { pidfileOf } from '../core/launch.ts';
import type { Death, ProcessRecord, Stop } from '../core/record.ts';
import type { Config, Worker } from '../core/worker.ts';
import { workerNameOf } from '../core/targets.ts';
import { isSameProcess, type ProcessIdentity } from '../core/process.ts';
import { monotonicMs, now, sleep } from '../os/clock.ts';
import { currentBootId, findProcess, readProcess, sinceBoot } from '../os/process-table.ts';
import { readDeath, readPidfile, readRecord, readStop } from '../os/state-files.ts';
import { findMarkedProcesses } from '../os/strays.ts';

/** Where to look, and at what. */
export interface Scene {
  readonly config: Config;
  readonly hostName: string;
  /** Pidfiles are not read: whoever only looks does not repair them. */
  readonly ignoresPidfiles?: boolean;
}

/** Looks at these instances: their files, and what the kernel says of the processes in them. Takes no lock. */
export function observe(scene: Scene, names: readonly string[]): Observation {
  const workers = new Map(scene.config.workers.map((worker) => [worker.name, worker]));
  return {
    now: now(),
    sinceBoot: sinceBoot(),
    instances: new Map(
      names.map((name) => [name, observeInstance(scene, name, workers.get(workerNameOf(name)))]),
    ),
  };
}

/** How long a shim may take from its worker's death to its report. */
const reportMs = 200;

/**
 * The same as `observe`, but waits for the moment that a shim needs to report a death that it is about to report.
 */
export async function observeReported(
  scene: Scene,
  names: readonly string[],
): Promise<Observation> {
  const deadline = monotonicMs() + reportMs;
  for (;;) {
    const observation = observe(scene, names);
    const isReporting = [...observation.instances.values()].some(isBeingReported);
    if (!isReporting || monotonicMs() > deadline) return observation;
    await sleep(3);
  }
}

/** Whether the shim of a dead process is still there to say how it died. */
function isBeingReported({ presence }: ObservedInstance): boolean {
  if (presence.kind !== 'dead' || presence.death.kind !== 'unknown') return false;
  const { shimPid, bootId } = presence.record;
  return bootId === currentBootId() && shimPid > 0 && readProcess(shimPid) !== undefined;
}

/**
 * The same observation, where instances without a living process were looked for by their marker in all of /proc. It
 * costs some milliseconds, and is needed before anything is started or called missing.
 */
export function lookForStrays(scene: Scene, observation: Observation): Observation {
  const { stateDir } = scene.config;
  const instances = new Map(observation.instances);
  for (const { instance, process, shim } of findMarkedProcesses(stateDir)) {
    const observed = instances.get(instance);
    if (observed === undefined || observed.presence.kind === 'alive') continue;
    const stop = stopOf(stateDir, instance, process);
    const presence: Presence = {
      kind: 'stray',
      process,
      ...(shim && { shim }),
      ...(stop && { stop }),
    };
    // Should there be two, the older one was first in the instance's place.
    if (
      observed.presence.kind === 'stray' &&
      observed.presence.process.startTime <= process.startTime
    )
      continue;
    instances.set(instance, { ...observed, presence });
  }
  return { ...observation, instances };
}

function observeInstance(
  { config, hostName, ignoresPidfiles = false }: Scene,
  name: string,
  worker: Worker | undefined,
): ObservedInstance {
  const record = readRecord(config.stateDir, name);
  return {
    name,
    presence:
      record.kind === 'read' ? presenceOf(config.stateDir, record.value) : { kind: 'absent' },
    pidfile:
      worker === undefined || ignoresPidfiles
        ? { kind: 'absent' }
        : readPidfile(pidfileOf(worker, name, hostName)),
    problems: record.kind === 'broken' ? [record.problem] : [],
  };
}

function presenceOf(stateDir: string, record: ProcessRecord): Presence {
  const process = findProcess(record);
  const stop = stopOf(stateDir, record.instance, record);
  if (process === undefined)
    return { kind: 'dead', record, ...deathOf(stateDir, record), ...(stop && { stop }) };
  return { kind: 'alive', record, process, ...(stop && { stop }) };
}

/** A stop file that cannot be read counts as a signal that was sent: a second one would cost some workers their job. */
function stopOf(stateDir: string, instance: string, process: ProcessIdentity): Stop | undefined {
  const file = readStop(stateDir, instance);
  switch (file.kind) {
    case 'absent':
      return undefined;
    case 'read':
      return isSameProcess(file.value.process, process) ? file.value : undefined;
    case 'broken':
      return { process, sent: true, signal: 'TERM', at: now(), cause: file.problem };
  }
}

function deathOf(
  stateDir: string,
  record: ProcessRecord,
): { death: Death; diedAt?: ReturnType<typeof now> } {
  const reported = readDeath(stateDir, record);
  if (reported !== undefined) return { death: reported.death, diedAt: reported.at };
  const why =
    record.bootId === currentBootId() ? 'its shim was killed' : 'the host was booted since';
  return { death: { kind: 'unknown', why } };
}
