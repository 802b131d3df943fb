import type { Moment } from '../../core/basics/time.ts';
import type { Config, Worker } from '../../core/model/config.ts';
import { launchOf } from '../../core/model/launch.ts';
import {
  mayLive,
  refOf,
  withSeen,
  type Observation,
  type ObservedInstance,
  type Presence,
} from '../../core/model/observation.ts';
import { isSameProcess, type LiveProcess, type ProcessIdentity } from '../../core/model/process.ts';
import { isForeign, type ProcessRecord } from '../../core/model/record.ts';
import { workerNameOf } from '../../core/model/targets.ts';
import { isLaunchedStill, claimedBy } from '../../host/worker/claimed-pidfile.ts';
import { currentBootId, findProcess, startedAt } from '../../host/process/process-table.ts';
import { readDeath, type ReportedDeath } from '../../host/state/exits.ts';
import { stopOf, type ProcessFiles } from '../../host/state/process-files.ts';
import { readRecord } from '../../host/state/records.ts';
import { baseOf, recordedRetiring } from '../../host/state/paths.ts';
import { searchProcesses, shimActivity } from '../../host/process/strays.ts';
import type { Scene } from '../scene.ts';
import { isOfAnotherUser } from './owners.ts';
import { withLogWriters } from './log-writers.ts';

/** How the report of a dead process's shim stands; undefined if there is nothing to wait for. */
export type Reporting = {
  /** The shim. */
  readonly key: string;
  /** `frozen`: the shim was stopped by a signal; `reported`: it has written the report since we looked. */
  readonly kind: 'runs' | 'frozen' | 'reported';
};

/** One shim, which has one process. */
export const shimKeyOf = ({ shimPid, runId }: ProcessRecord): string => `${shimPid} ${runId}`;

/** Whether the shim of a dead process is still there to say how it died, or has reported it since we looked. */
export function reportingOf({ config }: Scene, observed: ObservedInstance): Reporting | undefined {
  const { presence } = observed;
  if (presence.kind !== 'dead' || presence.death.kind !== 'unknown') return undefined;
  const { record } = presence;
  const { shimPid, runId } = record;
  if (record.bootId !== currentBootId() || shimPid === 0) return undefined;
  const key = shimKeyOf(record);
  const kind = shimActivity(shimPid, runId);
  if (kind !== undefined) return { key, kind };
  const isReported = readDeath(config.stateDir, baseOf(refOf(observed)), record) !== undefined;
  return isReported ? { key, kind: 'reported' } : undefined;
}

/**
 * The same observation after a search of all of /proc, by marker and by output, for instances without a living process. It
 * costs some milliseconds, and is needed before anything is started or called missing.
 */
export function lookForStrays(scene: Scene, observation: Observation): Observation {
  const { stateDir } = scene.config;
  let seen = observation;
  const recorded = retiringProcesses(stateDir);
  const { marked, unmarked } = searchProcesses(stateDir);
  for (const { process, shim, isOfDaemon, ...found } of marked) {
    const runId = shim?.runId ?? found.runId;
    // An old process whose record was damaged, or the instance's.
    const damaged = seen.retiring.find((one) => one.retiring === runId && mayLive(one));
    const observed = damaged ?? seen.instances.get(found.instance);
    if (observed === undefined || observed.presence.kind === 'alive') continue;
    if (recorded.some((one) => isSameProcess(one, process))) continue;
    if (isOfDaemon === true && !mayBeDaemon(scene.config, observed)) continue;
    if (shim === undefined && isOfAnotherUser(scene.config, observed.name, process.pid)) continue;
    const stop = stopOf(stateDir, baseOf(refOf(observed)), process);
    const presence: Presence = {
      kind: 'stray',
      process,
      ...(shim && { shim }),
      ...(found.runId !== undefined && { runId: found.runId }),
      ...(stop && { stop }),
    };
    // If there are two, the older one was there first.
    if (
      observed.presence.kind === 'stray' &&
      observed.presence.process.startTime <= process.startTime
    )
      continue;
    seen = withSeen(seen, [{ ...observed, presence }]);
  }
  return withLogWriters(scene, seen, unmarked, recorded);
}

/**
 * Whether a process that has the marker of an instance, but no pid, may be its worker. What is left when the process in
 * the record has died are children of that one, and the same holds if the pidfile has named one.
 */
function mayBeDaemon({ workers }: Config, { name, presence }: ObservedInstance): boolean {
  const worker = workers.find((one) => one.name === workerNameOf(name));
  if (worker?.daemonizes === undefined) return false;
  if (presence.kind === 'dead') return presence.record.launch !== undefined;
  return presence.kind !== 'stray' || presence.evidence === undefined;
}

/** If the recorded process is dead, or there is no record, the pidfile of a program that forks away may name another. */
export function followed(scene: Scene, name: string, recorded: Presence, worker: Worker): Presence {
  const { config, hostName } = scene;
  if (recorded.kind === 'alive' || recorded.kind === 'stray') return recorded;
  if (recorded.kind === 'dead' && isLaunchedStill(recorded.record)) return recorded;
  const { stateDir } = config;
  const launch = launchOf(worker, name, stateDir, hostName);
  const claimed = claimedBy(launch, stateDir);
  if (claimed.kind !== 'its') return recorded;
  const { process, runId } = claimed;
  const stop = stopOf(stateDir, name, process);
  return {
    kind: 'stray',
    process,
    ...(runId !== undefined && { runId }),
    ...(stop && { stop }),
    evidence: `${launch.pidfile} names it, but no record claims it`,
  };
}

/** The presence of an instance by its record, the kernel and the files of the process. */
export function presenceOf(
  record: ProcessRecord,
  process: LiveProcess | undefined,
  files: ProcessFiles,
  worker: Worker | undefined,
): Presence {
  const { stop } = files;
  const isShown = worker !== undefined && worker.ready.kind !== 'after';
  const readyAge = isShown ? files.readyAge : undefined;
  const hasShownReady = readyAge !== undefined;
  // Only workers that are ready by sd_notify(3) may name a successor.
  const named = worker?.ready.kind === 'notify' ? files.successor : undefined;
  const successor = named && findProcess(named);
  if (process !== undefined) {
    const { quiet, extendedUntil } = files;
    if (!(stop || quiet || successor || extendedUntil))
      return hasShownReady
        ? { kind: 'alive', record, process, hasShownReady, readyAge }
        : { kind: 'alive', record, process, hasShownReady };
    const notes = {
      ...(hasShownReady && { readyAge }),
      ...(stop && { stop }),
      ...(quiet && { quiet }),
      ...(successor && { successor }),
      ...(extendedUntil &&
        worker && { extension: { until: extendedUntil, most: worker.maxExtension } }),
    };
    return { kind: 'alive', record, process, hasShownReady, ...notes };
  }
  if (successor !== undefined) {
    const { pid, runId } = record;
    return { kind: 'stray', process: successor, successorOf: { pid, runId } };
  }
  const { killing } = files;
  const notes = {
    ...(hasShownReady && { readyAge }),
    ...(stop && { stop }),
    ...(killing && { killing }),
  };
  const began = record.bootId === currentBootId() ? { beganAt: startedAt(record) } : {};
  return { kind: 'dead', record, ...deathOf(record, files), ...began, ...notes, hasShownReady };
}

/** The old processes that drain beside their replacements, by their records. */
function retiringProcesses(stateDir: string): ProcessIdentity[] {
  return recordedRetiring(stateDir).flatMap((ref) => {
    const record = readRecord(stateDir, baseOf(ref));
    return record.kind === 'read' ? [record.value] : [];
  });
}

function deathOf(
  record: ProcessRecord,
  { death: reported }: ProcessFiles,
): Omit<ReportedDeath, 'at'> & { readonly diedAt?: Moment } {
  if (reported !== undefined) {
    const { at, ...death } = reported;
    return { ...death, diedAt: at };
  }
  if (record.bootId !== currentBootId()) return { death: { kind: 'rebooted' } };
  return { death: { kind: 'unknown', problem: whyUnknown(record) } };
}

function whyUnknown(record: ProcessRecord): string {
  if (isForeign(record)) return 'it was adopted';
  return record.shimPid === 0 ? 'it had no shim' : 'no report of how it exited';
}
