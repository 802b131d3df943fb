import { dirname } from 'node:path';
import { actsOnLeftovers, sessionStop } from '../../core/rules/awaited.ts';
import { filesSeen, pidfileOf } from '../../core/model/launch.ts';
import type { ProcessRef } from '../../core/model/instance.ts';
import {
  allObserved,
  deadIn,
  refOf,
  withSeen,
  type Observation,
  type ObservedInstance,
  type PidfileState,
  type Presence,
} from '../../core/model/observation.ts';
import { logPlacesOf, type ProcessRecord } from '../../core/model/record.ts';
import { workerNameOf } from '../../core/model/targets.ts';
import { usualPidfile } from '../../config/specifiers.ts';
import type { Worker } from '../../core/model/config.ts';
import { momentOf, type Moment } from '../../core/basics/time.ts';
import { monotonicMs, now, sleep } from '../../host/process/clock.ts';
import { measureLog } from '../../host/logs/lost-log.ts';
import { asUserOf, ownerOf } from '../../host/process/as-user.ts';
import { mountProblems } from '../../host/process/mount-problem.ts';
import { findProcess, sinceBoot } from '../../host/process/process-table.ts';
import { createRecordReader, type RecordReader } from '../../host/state/record-cache.ts';
import { baseOf } from '../../host/state/paths.ts';
import { readProcessFiles, type ProcessFiles } from '../../host/state/process-files.ts';
import { readPidfile } from '../../host/state/records.ts';
import { type Scene } from '../scene.ts';
import { ofOtherConfigs } from './other-config.ts';
import { followed, presenceOf, reportingOf, shimKeyOf } from './presence.ts';
import { withReadiness, activityOf, withSigns } from './signs.ts';

/** Looks at these instances, and at these old processes beside them: their files, and what the kernel says of the processes in them. Takes no lock. */
export function observe(
  scene: Scene,
  names: readonly string[],
  retiring: readonly ProcessRef[] = [],
): Observation {
  const workers = new Map(scene.config.workers.map((worker) => [worker.name, worker]));
  const records = createRecordReader(scene.config.stateDir, names.length);
  const seen: Look = {
    ...scene,
    pidfiles: pidfilesOfUsers(scene, names, workers),
    usualPidfile: usualPidfile(scene.config.stateDir),
  };
  const look = (ref: ProcessRef): ObservedInstance =>
    observeProcess(seen, ref, workers.get(workerNameOf(ref.instance)), records);
  const observation = {
    now: now(),
    sinceBoot: sinceBoot(),
    instances: ofOtherConfigs(
      scene.config,
      new Map(names.map((instance) => [instance, look({ instance })])),
    ),
    retiring: retiring.map(look),
    ...(scene.startsAtOnce !== undefined && { startsAtOnce: scene.startsAtOnce }),
  };
  records.keep();
  return observation;
}

/** How long a shim may take from its worker's death to its report: on a busy host that takes a while. */
const patienceMs = { runs: 2_000, frozen: 200, reported: Infinity };

/** When this command has first waited for each shim: for a slow one it waits once, and not at each look. */
const awaitedSince = new Map<string, number>();
const forgottenMs = 3_600_000;

/**
 * The same as `observe`, but waits for shims that live to report the deaths of their workers.
 */
export async function observeReported(
  scene: Scene,
  names: readonly string[],
  retiring: readonly ProcessRef[] = [],
): Promise<Observation> {
  await askMounts(scene, names);
  let observation = observe(scene, names, retiring);
  for (;;) {
    const late = allObserved(observation).filter((observed) => isWorthWaiting(scene, observed));
    if (late.length === 0) break;
    await sleep(3);
    const again = observe(
      scene,
      late.flatMap((one) => (one.retiring === undefined ? [one.name] : [])),
      late.map(refOf).filter((ref) => ref.retiring !== undefined),
    );
    const { now: at, sinceBoot: up } = again; // a death must not lie in the future
    observation = { ...withSeen(observation, allObserved(again)), now: at, sinceBoot: up };
  }
  return withFacts(scene, await withReadiness(scene, withBounds(observation)));
}

/** With the moment at which this command has first found a process dead, if its shim has not said when that was. */
function withBounds(observation: Observation): Observation {
  if (awaitedSince.size === 0) return observation;
  const foundAt = (since: number): Moment => momentOf(observation.now - (monotonicMs() - since));
  const bounded = allObserved(observation).flatMap((observed) => {
    const { presence } = observed;
    if (presence.kind !== 'dead' || presence.death.kind !== 'unknown') return [];
    const since = awaitedSince.get(shimKeyOf(presence.record));
    return since === undefined
      ? []
      : [{ ...observed, presence: { ...presence, diedBy: foundAt(since) } }];
  });
  return withSeen(observation, bounded);
}

/** What a look reads outside of the state directory may be on a file system that does not answer: it is left out then. */
async function askMounts({ config, hostName }: Scene, names: readonly string[]): Promise<void> {
  await mountProblems(() => {
    const workers = new Map(config.workers.map((worker) => [worker.name, worker]));
    return names.flatMap((name) => {
      const worker = workers.get(workerNameOf(name));
      return worker === undefined ? [] : filesSeen(worker, name, config.stateDir, hostName);
    });
  });
}

function isWorthWaiting(scene: Scene, observed: ObservedInstance): boolean {
  const reporting = reportingOf(scene, observed);
  if (reporting === undefined) return false;
  const { key, kind } = reporting;
  const time = monotonicMs();
  const since = awaitedSince.get(key);
  if (since !== undefined) return time - since < patienceMs[kind];
  for (const [known, at] of awaitedSince) if (time - at > forgottenMs) awaitedSince.delete(known);
  awaitedSince.set(key, time);
  return true;
}

/** Facts that only some workers need. */
async function withFacts(scene: Scene, observation: Observation): Promise<Observation> {
  const { config, measures, showsLeftovers, notes } = scene;
  const asksForLeft =
    showsLeftovers === true || config.workers.some(({ stop }) => actsOnLeftovers(stop));
  const isAnyDead = asksForLeft
    ? deadIn(observation).length > 0
    : allObserved(observation).some((one) => sessionStop(one) !== undefined);
  const isAnyNoted =
    showsLeftovers === true && [...(notes ?? [])].some((file) => file.endsWith('.left'));
  const isMeasured = measures !== undefined && config.workers.some(({ recycle }) => recycle);
  const mayBeDone = config.workers.some(({ onExit }) => onExit !== 'always');
  const looked =
    isAnyDead || isAnyNoted
      ? (await import('./leftovers.ts')).withLeftovers(scene, observation)
      : observation;
  const known =
    deadIn(looked).length > 0
      ? (await import('./continuing.ts')).withContinuing(scene, looked)
      : looked;
  const found = mayBeDone
    ? await (await import('./command-digests.ts')).withCommandDigests(scene, known)
    : known;
  return isMeasured ? (await import('./measures.ts')).withMeasures(scene, measures, found) : found;
}

/** What other users' pidfiles hold, by instance: to act as a user takes a millisecond, so it is done once for each worker. */
function pidfilesOfUsers(
  { config, hostName, ignoresPidfiles = false }: Scene,
  names: readonly string[],
  workers: ReadonlyMap<string, Worker>,
): ReadonlyMap<string, PidfileState> | undefined {
  const users = [...workers.values()].filter((worker) => ownerOf(worker) !== undefined);
  if (users.length === 0 || ignoresPidfiles) return undefined;
  return new Map(
    users.flatMap((worker) => {
      const paths = names
        .filter((name) => workerNameOf(name) === worker.name)
        .map((name): [string, string] => [name, pidfileOf(worker, name, hostName)])
        .filter(([, path]) => dirname(path) !== config.stateDir);
      if (paths.length === 0) return [];
      return asUserOf(worker, () =>
        paths.map(([name, path]): [string, PidfileState] => [name, readPidfile(path)]),
      );
    }),
  );
}

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

const absent = { kind: 'absent' } as const;
const noFiles: ProcessFiles = {};
const noProblems: readonly string[] = [];

/** What all processes are looked at with. */
interface Look extends Scene {
  readonly pidfiles: ReadonlyMap<string, PidfileState> | undefined;
  readonly usualPidfile: string;
}

/** Undefined: it is in the state directory, under the name of the instance. A thousand such paths take a millisecond. */
const pidfileElsewhere = (look: Look, worker: Worker, name: string): string | undefined =>
  worker.pidfile === look.usualPidfile ? undefined : pidfileOf(worker, name, look.hostName);

/** Whether all logs of a process can be looked at. */
const seesLogs = ({ seesLog }: Scene, record: ProcessRecord): boolean =>
  seesLog !== undefined && logPlacesOf(record).every(({ path }) => seesLog(path));

function observeProcess(
  scene: Look,
  ref: ProcessRef,
  worker: Worker | undefined,
  records: RecordReader,
): ObservedInstance {
  const { ignoresPidfiles = false } = scene;
  const { instance: name, retiring } = ref;
  const base = baseOf(ref);
  const record = records.read(base);
  const process = record.kind === 'read' ? findProcess(record.value) : undefined;
  const files =
    record.kind === 'read' && (process === undefined || scene.notes?.size !== 0)
      ? readProcessFiles(scene.config.stateDir, base, record.value, {
          isAlive: process !== undefined,
          sweeps: !ignoresPidfiles,
          ...(scene.notes && { listed: scene.notes }),
        })
      : noFiles;
  const recorded: Presence =
    record.kind === 'read' ? presenceOf(record.value, process, files, worker) : absent;
  const presence =
    worker?.daemonizes && retiring === undefined
      ? followed(scene, name, recorded, worker)
      : recorded;
  const activity = activityOf(presence, worker, files);
  const pidfile =
    worker === undefined || ignoresPidfiles || retiring !== undefined
      ? absent
      : (scene.pidfiles?.get(name) ?? records.pidfile(name, pidfileElsewhere(scene, worker, name)));
  const problems = record.kind === 'broken' ? [record.problem] : noProblems;
  const observed: Writable<ObservedInstance> = { name, presence, pidfile, problems };
  if (retiring !== undefined) observed.retiring = retiring;
  if (activity !== undefined) observed.activity = activity;
  if (presence.kind !== 'alive') return observed;
  const alive = withSigns(scene, observed, presence.record, worker, files);
  const { measuresLogs } = scene;
  const isMeasured =
    measuresLogs === 'all' || (measuresLogs === 'limited' && worker?.log?.kind === 'rotated');
  const { record: running } = presence;
  if (!isMeasured && !seesLogs(scene, running)) return alive;
  if (!isMeasured && records.hasLogs(base, running)) return alive;
  const log = measureLog(running);
  const errorLog = running.errorLog && measureLog({ pid: running.pid, log: running.errorLog });
  return { ...alive, ...(log && { log }), ...(errorLog && { errorLog }) };
}
