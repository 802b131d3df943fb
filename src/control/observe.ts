import type { Activity } from '../core/activity.ts';
import { expandedReadiness, launchOf, pidfileOf } from '../core/launch.ts';
import { isLeaving } from '../core/leaving.ts';
import {
  leavingSince,
  type Observation,
  type ObservedInstance,
  type Presence,
} from '../core/observation.ts';
import { isSameProcess, type LiveProcess, type ProcessIdentity } from '../core/process.ts';
import type { Death, ProcessRecord, Quieting, Stop } from '../core/record.ts';
import { workerNameOf } from '../core/targets.ts';
import { formatDuration } from '../core/time.ts';
import type { Config, HeartbeatPolicy, Worker } from '../core/worker.ts';
import { readActivity, titleActivity } from '../os/activity-file.ts';
import { monotonicMs, now, sleep } from '../os/clock.ts';
import { currentBootId, findProcess, readProcess, sinceBoot } from '../os/process-table.ts';
import { probeOnce, type ReadinessProbe, type ReadinessQuestion } from '../os/readiness-probe.ts';
import {
  heartbeatName,
  heartbeatPath,
  noteReady,
  readDeath,
  readDump,
  readHeir,
  readPidfile,
  readQuiet,
  readRecord,
  readSaidStatus,
  readStop,
  recordedInstances,
  wasSeenReady,
} from '../os/state-files.ts';
import { isDiskFull, type SilenceTracker } from '../os/silence.ts';
import { findMarkedProcesses } from '../os/strays.ts';

/** Where to look, and at what. */
export interface Scene {
  readonly config: Config;
  readonly hostName: string;
  /** Pidfiles are not read: whoever only looks does not repair them. */
  readonly ignoresPidfiles?: boolean;
  /** The stop files and the like that there are, where that is known: a thousand instances need not be asked for theirs. */
  readonly notes?: ReadonlySet<string>;
  /** Remembers from look to look what is ready. Who looks only once has none, and waits for the answers. */
  readonly probe?: ReadinessProbe;
  /** Measures how long workers give no sign of life. Who has none does not watch for that. */
  readonly silence?: SilenceTracker;
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
    const isReporting = [...observation.instances.values()].some((observed) =>
      isBeingReported(scene, observed),
    );
    if (!isReporting || monotonicMs() > deadline) return withReadiness(scene, observation);
    await sleep(3);
  }
}

/** Whether the shim of a dead process is still there to say how it died, or has said it since we looked. */
function isBeingReported({ config }: Scene, { name, presence }: ObservedInstance): boolean {
  if (presence.kind !== 'dead' || presence.death.kind !== 'unknown') return false;
  const { record } = presence;
  if (record.bootId !== currentBootId() || record.shimPid === 0) return false;
  return (
    readProcess(record.shimPid) !== undefined ||
    readDeath(config.stateDir, name, record) !== undefined
  );
}

/**
 * The same observation, where instances without a living process were looked for by their marker in all of /proc. It
 * costs some milliseconds, and is needed before anything is started or called missing.
 */
export function lookForStrays(scene: Scene, observation: Observation): Observation {
  const { stateDir } = scene.config;
  const instances = new Map(observation.instances);
  const leaving = leavingProcesses(stateDir);
  for (const { instance, process, shim } of findMarkedProcesses(stateDir)) {
    const observed = instances.get(instance);
    if (observed === undefined || observed.presence.kind === 'alive') continue;
    if (leaving.some((one) => isSameProcess(one, process))) continue;
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

const absent = { kind: 'absent' } as const;
const noProblems: readonly string[] = [];

function observeInstance(scene: Scene, name: string, worker: Worker | undefined): ObservedInstance {
  const { config, hostName, ignoresPidfiles = false } = scene;
  const record = readRecord(config.stateDir, name);
  const presence: Presence =
    record.kind === 'read' ? presenceOf(scene, name, record.value, worker) : absent;
  const activity =
    presence.kind === 'alive' ? activityOf(scene, name, presence, worker) : undefined;
  const pidfile =
    worker === undefined || ignoresPidfiles || isLeaving(name)
      ? absent
      : readPidfile(pidfileOf(worker, name, hostName));
  const problems = record.kind === 'broken' ? [record.problem] : noProblems;
  const observed: ObservedInstance =
    activity === undefined
      ? { name, presence, pidfile, problems }
      : { name, presence, pidfile, activity, problems };
  if (presence.kind !== 'alive') return observed;
  const { record: living } = presence;
  const said = mayHave(scene, `${heartbeatName(name, living.start)}.status`)
    ? readSaidStatus(config.stateDir, name, living.start)
    : undefined;
  if (worker?.heartbeat === undefined && said === undefined) return observed;
  return {
    ...observed,
    ...(said !== undefined && { saidStatus: said }),
    ...(worker?.heartbeat && vitalSigns(scene, name, living, worker.heartbeat)),
  };
}

/** How long it has been silent. On a full disk nobody can tell: the beats may just not get through. */
function vitalSigns(
  { config: { stateDir }, silence: tracker }: Scene,
  name: string,
  record: ProcessRecord,
  { timeout }: HeartbeatPolicy,
): Pick<ObservedInstance, 'silence' | 'dumpedAt'> & { problems?: readonly string[] } {
  if (tracker === undefined || tracker.isUnheard(name, record.start)) return {};
  const silence = tracker.silenceOf(name, record.start);
  if (silence < timeout) return { silence };
  if (isDiskFull(stateDir)) {
    // Whoever looks once a second must see the same words each time.
    const said = `no sign of life for ${formatDuration(timeout)} and more, but the disk is full: it may be unable to give one`;
    return { problems: [said] };
  }
  const dumpedAt = readDump(stateDir, name, record);
  // A dump in an earlier silence says nothing of this one: whoever gave a sign of life since has his grace again.
  const isOfThis = dumpedAt !== undefined && sinceBoot() - dumpedAt < silence;
  return { silence, ...(isOfThis && { dumpedAt }) };
}

function presenceOf(
  scene: Scene,
  name: string,
  record: ProcessRecord,
  worker: Worker | undefined,
): Presence {
  const { stateDir } = scene.config;
  const process = findProcess(record);
  const hasShownReady =
    worker !== undefined &&
    worker.ready.kind !== 'after' &&
    mayHave(scene, `${name}.ready`) &&
    wasSeenReady(stateDir, name, record.start);
  const heir = heirOf(scene, name, record, worker);
  if (process === undefined && heir !== undefined)
    return { kind: 'stray', process: heir, heirOf: { pid: record.pid, start: record.start } };
  if (process === undefined) {
    const stop = stopOf(stateDir, name, record);
    const death = deathOf(stateDir, name, record);
    return { kind: 'dead', record, ...death, ...(stop && { stop }), hasShownReady };
  }
  const stop = mayHave(scene, `${name}.stop`) ? stopOf(stateDir, name, record) : undefined;
  const quiet = mayHave(scene, `${name}.quiet`) ? quietOf(stateDir, name, record) : undefined;
  if (stop === undefined && quiet === undefined && heir === undefined)
    return { kind: 'alive', record, process, hasShownReady };
  const notes = { ...(stop && { stop }), ...(quiet && { quiet }), ...(heir && { heir }) };
  return { kind: 'alive', record, process, hasShownReady, ...notes };
}

/** Only workers that are ready by sd_notify(3) may name a successor: no other one is asked for a file more. */
function heirOf(
  scene: Scene,
  name: string,
  { start }: ProcessRecord,
  worker: Worker | undefined,
): LiveProcess | undefined {
  if (worker?.ready.kind !== 'notify' || !mayHave(scene, `${name}.heir`)) return undefined;
  const heir = readHeir(scene.config.stateDir, name, start);
  return heir && findProcess(heir);
}

const mayHave = ({ notes }: Scene, file: string): boolean => notes?.has(file) !== false;

const titlePatterns = new Map<string, RegExp>();

/** What a process says of its work: its heartbeat file first, since that is meant for us. */
function activityOf(
  scene: Scene,
  name: string,
  { record, process }: Extract<Presence, { kind: 'alive' }>,
  worker: Worker | undefined,
): Activity | undefined {
  const said = mayHave(scene, heartbeatName(name, record.start))
    ? readActivity(heartbeatPath(scene.config.stateDir, name, record.start))
    : undefined;
  const title = worker?.busyTitle;
  if (said !== undefined || title === undefined) return said;
  let pattern = titlePatterns.get(title);
  if (pattern === undefined) titlePatterns.set(title, (pattern = new RegExp(title, 'm')));
  return titleActivity(process.pid, pattern);
}

function quietOf(stateDir: string, name: string, process: ProcessIdentity): Quieting | undefined {
  const file = readQuiet(stateDir, name);
  return file.kind === 'read' && isSameProcess(file.value.process, process)
    ? file.value
    : undefined;
}

/**
 * The same observation, where each living process that was not seen ready before was looked at for that. What is seen is
 * noted, so that it stays true whatever becomes of the log or the file.
 */
async function withReadiness(scene: Scene, observation: Observation): Promise<Observation> {
  const questions = [...observation.instances.values()].flatMap((observed) =>
    questionOf(scene, observed),
  );
  if (questions.length === 0) return observation;
  const instances = new Map(observation.instances);
  const { probe } = scene;
  await Promise.all(
    questions.map(async ({ observed, presence, question }) => {
      const isReady = probe === undefined ? await probeOnce(question) : probe.isReady(question);
      if (!isReady) return;
      instances.set(observed.name, { ...observed, presence: { ...presence, hasShownReady: true } });
      if (scene.ignoresPidfiles !== true) tryToNote(scene, observed.name, presence.record.start);
    }),
  );
  return { ...observation, instances };
}

/** A full disk only means that somebody else has to look once more. */
function tryToNote({ config }: Scene, name: string, start: string): void {
  try {
    noteReady(config.stateDir, name, start);
  } catch {
    return;
  }
}

function questionOf(
  { config, hostName }: Scene,
  observed: ObservedInstance,
): {
  observed: ObservedInstance;
  presence: Extract<Presence, { kind: 'alive' }>;
  question: ReadinessQuestion;
}[] {
  const { name, presence } = observed;
  if (presence.kind !== 'alive' || presence.hasShownReady || isLeaving(name)) return [];
  const worker = config.workers.find((one) => one.name === workerNameOf(name));
  if (worker === undefined || worker.ready.kind === 'after' || worker.ready.kind === 'notify')
    return [];
  if (leavingSince(observed) !== undefined) return [];
  const { stateDir } = config;
  const { record } = presence;
  const launch = launchOf(worker, name, stateDir, hostName, record.release);
  const readiness = expandedReadiness(worker.ready, worker, name, hostName);
  return [{ observed, presence, question: { record, readiness, launch } }];
}

/** The processes that are kept under another name while they leave beside their replacements. */
function leavingProcesses(stateDir: string): ProcessIdentity[] {
  return recordedInstances(stateDir)
    .filter(isLeaving)
    .flatMap((name) => {
      const record = readRecord(stateDir, name);
      return record.kind === 'read' ? [record.value] : [];
    });
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
  name: string,
  record: ProcessRecord,
): { death: Death; diedAt?: ReturnType<typeof now> } {
  const reported = readDeath(stateDir, name, record);
  if (reported !== undefined) return { death: reported.death, diedAt: reported.at };
  if (record.bootId !== currentBootId()) return { death: { kind: 'rebooted' } };
  const why = record.shimPid === 0 ? 'no shim waited for it' : 'its shim was killed';
  return { death: { kind: 'unknown', why } };
}
