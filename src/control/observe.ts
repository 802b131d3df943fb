import type { Activity } from '../core/activity.ts';
import { expandedReadiness, launchOf, pidfileOf } from '../core/launch.ts';
import { isLeaving, leavingName } from '../core/leaving.ts';
import {
  leavingSince,
  type Observation,
  type ObservedInstance,
  type Presence,
} from '../core/observation.ts';
import { isSameProcess, type LiveProcess, type ProcessIdentity } from '../core/process.ts';
import {
  isForeign,
  type Death,
  type ProcessRecord,
  type Quieting,
  type Stop,
} from '../core/record.ts';
import { workerNameOf } from '../core/targets.ts';
import { formatDuration } from '../core/time.ts';
import type { Config, HeartbeatPolicy, Worker } from '../core/worker.ts';
import { readActivity, titleActivity } from '../os/activity-file.ts';
import { monotonicMs, now, sleep } from '../os/clock.ts';
import { claimedBy, isLaunchedStill } from '../os/claimed-pidfile.ts';
import { measureLog } from '../os/log-tail.ts';
import { currentBootId, findProcess, readProcess, sinceBoot } from '../os/process-table.ts';
import { createRecordReader } from '../os/record-cache.ts';
import { probeOnce, type ReadinessProbe, type ReadinessQuestion } from '../os/readiness-probe.ts';
import {
  heartbeatName,
  heartbeatPath,
  noteReady,
  readDeath,
  readDump,
  readHeir,
  readKilling,
  readPidfile,
  readQuiet,
  readRecord,
  readSaidStatus,
  readStop,
  recordedInstances,
  wasSeenReady,
  type StateFile,
} from '../os/state-files.ts';
import type { Measures } from './measure.ts';
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
  /** Measures what recycling depends on. Who has none replaces nobody because he is worn. */
  readonly measures?: Measures;
  /** What dead processes have left behind is to be shown, whatever the config makes of it. */
  readonly showsLeftovers?: boolean;
  /** Whether logs with a limit are measured: done by those who rotate them. */
  readonly measuresLogs?: boolean;
  /** Measures how long workers give no sign of life. Who has none does not watch for that. */
  readonly silence?: SilenceTracker;
}

/** Looks at these instances: their files, and what the kernel says of the processes in them. Takes no lock. */
export function observe(scene: Scene, names: readonly string[]): Observation {
  const workers = new Map(scene.config.workers.map((worker) => [worker.name, worker]));
  const records = createRecordReader(scene.config.stateDir, names);
  const observation = {
    now: now(),
    sinceBoot: sinceBoot(),
    instances: new Map(
      names.map((name) => {
        const worker = workers.get(workerNameOf(name));
        return [name, observeInstance(scene, name, worker, records.read(name))];
      }),
    ),
  };
  records.keep();
  return observation;
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
    if (!isReporting || monotonicMs() > deadline)
      return withFacts(scene, await withReadiness(scene, observation));
    await sleep(3);
  }
}

/** What only some workers want to be known of them. */
async function withFacts(scene: Scene, observation: Observation): Promise<Observation> {
  const { config, measures, showsLeftovers, notes } = scene;
  const asksForLeft =
    config.workers.some(({ stop }) => stop.leftovers !== undefined) || showsLeftovers === true;
  const isAnyDead = asksForLeft && [...observation.instances.values()].some(isDead);
  const isAnyNoted =
    showsLeftovers === true && [...(notes ?? [])].some((file) => file.endsWith('.left'));
  const isMeasured = measures !== undefined && config.workers.some(({ recycle }) => recycle);
  const found =
    isAnyDead || isAnyNoted
      ? (await import('./leftovers.ts')).withLeftovers(scene, observation)
      : observation;
  return isMeasured ? (await import('./measure.ts')).withMeasures(scene, measures, found) : found;
}

const isDead = ({ presence }: ObservedInstance): boolean => presence.kind === 'dead';

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
  for (const { process, shim, isOfDaemon, ...found } of findMarkedProcesses(stateDir)) {
    const torn = leavingName(found.instance, shim?.start ?? found.start ?? '');
    // One that was leaving when its record was torn, or its instance's.
    const instance = instances.get(torn)?.presence.kind === 'absent' ? torn : found.instance;
    const observed = instances.get(instance);
    if (observed === undefined || observed.presence.kind === 'alive') continue;
    if (leaving.some((one) => isSameProcess(one, process))) continue;
    if (isOfDaemon === true && !mayBeDaemon(scene.config, observed)) continue;
    const stop = stopOf(stateDir, instance, process);
    const presence: Presence = {
      kind: 'stray',
      process,
      ...(shim && { shim }),
      ...(found.start !== undefined && { start: found.start }),
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

/**
 * Whether a process that bears the marker of an instance, but no pid, may be its worker. What is left when the process in
 * the record has died are children of that one, and so it is where the pidfile has spoken.
 */
function mayBeDaemon({ workers }: Config, { name, presence }: ObservedInstance): boolean {
  const worker = workers.find((one) => one.name === workerNameOf(name));
  if (worker?.daemonizes === undefined) return false;
  if (presence.kind === 'dead') return presence.record.launch !== undefined;
  return presence.kind !== 'stray' || presence.evidence === undefined;
}

const absent = { kind: 'absent' } as const;
const noProblems: readonly string[] = [];

function observeInstance(
  scene: Scene,
  name: string,
  worker: Worker | undefined,
  record: StateFile<ProcessRecord>,
): ObservedInstance {
  const { hostName, ignoresPidfiles = false } = scene;
  const recorded: Presence =
    record.kind === 'read' ? presenceOf(scene, name, record.value, worker) : absent;
  const presence = worker?.daemonizes ? followed(scene, name, recorded, worker) : recorded;
  const activity = activityOf(scene, name, presence, worker);
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
  const alive = withSigns(scene, observed, presence.record, worker);
  if (scene.measuresLogs !== true || worker?.log?.kind !== 'rotated') return alive;
  const log = measureLog(presence.record.log.path);
  return log === undefined ? alive : { ...alive, log };
}

/** What a living process says of itself and of its life, where it can. */
function withSigns(
  scene: Scene,
  observed: ObservedInstance,
  living: ProcessRecord,
  worker: Worker | undefined,
): ObservedInstance {
  const { name } = observed;
  const { config } = scene;
  const said = mayHave(scene, () => `${heartbeatName(name, living.start)}.status`)
    ? readSaidStatus(config.stateDir, name, living.start)
    : undefined;
  if (worker?.heartbeat === undefined && said === undefined) return observed;
  return {
    ...observed,
    ...(said !== undefined && { saidStatus: said }),
    ...(worker?.heartbeat && vitalSigns(scene, name, living, worker.heartbeat)),
  };
}

/** Where the recorded process is dead, or there is no record, the pidfile of a program that forks away may name another. */
function followed(scene: Scene, name: string, recorded: Presence, worker: Worker): Presence {
  const { config, hostName } = scene;
  if (recorded.kind === 'alive' || recorded.kind === 'stray' || isLeaving(name)) return recorded;
  if (recorded.kind === 'dead' && isLaunchedStill(recorded.record)) return recorded;
  const { stateDir } = config;
  const launch = launchOf(worker, name, stateDir, hostName);
  const claimed = claimedBy(launch, stateDir);
  if (claimed.kind !== 'its') return recorded;
  const { process, start } = claimed;
  const stop = stopOf(stateDir, name, process);
  return {
    kind: 'stray',
    process,
    ...(start !== undefined && { start }),
    ...(stop && { stop }),
    evidence: `${launch.pidfile} names it, but no record claims it`,
  };
}

/** How long it has been silent. On a full disk nobody can tell: the beats may just not get through. */
function vitalSigns(
  scene: Scene,
  name: string,
  record: ProcessRecord,
  { timeout }: HeartbeatPolicy,
): Pick<ObservedInstance, 'silence' | 'dumpedAt'> & { problems?: readonly string[] } {
  const { config, silence: tracker } = scene;
  const { stateDir } = config;
  if (tracker === undefined || isForeign(record)) return {};
  const maySpeak = mayHave(scene, () => `${heartbeatName(name, record.start)}.notify`);
  if (maySpeak && tracker.isUnheard(name, record.start)) return {};
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
    mayHave(scene, () => `${name}.ready`) &&
    wasSeenReady(stateDir, name, record.start);
  const heir = heirOf(scene, name, record, worker);
  if (process === undefined && heir !== undefined)
    return { kind: 'stray', process: heir, heirOf: { pid: record.pid, start: record.start } };
  if (process === undefined) {
    const stop = stopOf(stateDir, name, record);
    const death = deathOf(stateDir, name, record);
    const killing = readKilling(stateDir, name, record);
    const notes = { ...(stop && { stop }), ...(killing && { killing }) };
    return { kind: 'dead', record, ...death, ...notes, hasShownReady };
  }
  const stop = mayHave(scene, () => `${name}.stop`) ? stopOf(stateDir, name, record) : undefined;
  const quiet = mayHave(scene, () => `${name}.quiet`) ? quietOf(stateDir, name, record) : undefined;
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
  if (worker?.ready.kind !== 'notify' || !mayHave(scene, () => `${name}.heir`)) return undefined;
  const heir = readHeir(scene.config.stateDir, name, start);
  return heir && findProcess(heir);
}

const mayHave = ({ notes }: Scene, fileOf: () => string): boolean =>
  notes === undefined || (notes.size > 0 && notes.has(fileOf()));

const titlePatterns = new Map<string, RegExp>();

/** What a process says of its work, or said last: its heartbeat file first, since that is meant for us. */
function activityOf(
  scene: Scene,
  name: string,
  presence: Presence,
  worker: Worker | undefined,
): Activity | undefined {
  if (presence.kind !== 'alive' && presence.kind !== 'dead') return undefined;
  const { record } = presence;
  const said = mayHave(scene, () => heartbeatName(name, record.start))
    ? readActivity(heartbeatPath(scene.config.stateDir, name, record.start))
    : undefined;
  const title = worker?.busyTitle;
  if (said !== undefined || title === undefined || presence.kind === 'dead') return said;
  let pattern = titlePatterns.get(title);
  if (pattern === undefined) titlePatterns.set(title, (pattern = new RegExp(title, 'm')));
  return titleActivity(presence.process.pid, pattern);
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
  return { death: { kind: 'unknown', why: whyUnknown(record) } };
}

function whyUnknown(record: ProcessRecord): string {
  if (isForeign(record)) return 'it was adopted';
  return record.shimPid === 0 ? 'it had no shim' : 'its shim was killed';
}
