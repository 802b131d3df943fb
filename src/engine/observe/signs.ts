import { durationOf, elapsed, formatDuration, type Duration } from '../../core/basics/time.ts';
import type { Activity } from '../../core/model/activity.ts';
import type { HeartbeatPolicy, Readiness, Worker } from '../../core/model/config.ts';
import { launchOf, expandedReadiness } from '../../core/model/launch.ts';
import {
  type ObservedInstance,
  type Presence,
  type Observation,
  ageOf,
  drainingSince,
  refOf,
  withSeen,
} from '../../core/model/observation.ts';
import { type ProcessRecord, isForeign } from '../../core/model/record.ts';
import { workerNameOf } from '../../core/model/targets.ts';
import { compilePattern } from '../../host/process/compile-pattern.ts';
import { mountProblems } from '../../host/process/mount-problem.ts';
import { titleActivity } from '../../host/state/activity-file.ts';
import { sinceBoot } from '../../host/process/process-table.ts';
import {
  pathsAsked,
  probeOnce,
  shownBy,
  type ReadinessQuestion,
} from '../../host/worker/readiness-probe.ts';
import type { ProcessFiles } from '../../host/state/process-files.ts';
import { isDiskFull } from '../../host/state/heartbeats.ts';
import { noteReady } from '../../host/state/notes.ts';
import { baseOf, heartbeatName } from '../../host/state/paths.ts';
import { type Scene, mayHave } from '../scene.ts';

/** What a living process says about itself, and its signs of life. */
export function withSigns(
  scene: Scene,
  observed: ObservedInstance,
  living: ProcessRecord,
  worker: Worker | undefined,
  files: ProcessFiles,
): ObservedInstance {
  const { saidStatus: said } = files;
  if (worker?.heartbeat === undefined && said === undefined) return observed;
  return {
    ...observed,
    ...(said !== undefined && { saidStatus: said }),
    ...(worker?.heartbeat &&
      vitalSigns(scene, baseOf(refOf(observed)), living, worker.heartbeat, files)),
  };
}

/** How long it has been silent. On a full disk that is not known: its signs of life may not get through. */
function vitalSigns(
  scene: Scene,
  name: string,
  record: ProcessRecord,
  { timeout }: HeartbeatPolicy,
  { dumpedAt }: ProcessFiles,
): Pick<ObservedInstance, 'silence' | 'dumpedAt'> & { problems?: readonly string[] } {
  const { config, silence: tracker } = scene;
  const { stateDir } = config;
  if (tracker === undefined || isForeign(record)) return {};
  const maySpeak = mayHave(scene, () => `${heartbeatName(name, record.runId)}.notify`);
  if (maySpeak && tracker.isUnheard(name, record.runId)) return {};
  const silence = tracker.silenceOf(name, record.runId);
  if (silence < timeout) return { silence };
  if (isDiskFull(stateDir)) {
    // The words must not change from look to look: each is reported once.
    const said = `no sign of life for at least ${formatDuration(timeout)}, but the disk is full, which may be why`;
    return { problems: [said] };
  }
  // A dump in an earlier silence does not count: a process that has given a sign of life since has its grace again.
  const isOfThis = dumpedAt !== undefined && sinceBoot() - dumpedAt < silence;
  return { silence, ...(isOfThis && { dumpedAt }) };
}
const titlePatterns = new Map<string, RegExp>();

/**
 * What a process says about its work, or said last, in its heartbeat file and in its title. What says that it is busy comes
 * first, and the heartbeat file before the title. The title of a dead process is gone: if it could have been busy by that, it
 * was idle only if it counted its jobs.
 */
export function activityOf(
  presence: Presence,
  worker: Worker | undefined,
  { activity: said }: Pick<ProcessFiles, 'activity'>,
): Activity | undefined {
  if (presence.kind !== 'alive' && presence.kind !== 'dead') return undefined;
  const title = worker?.busyTitle;
  if (said?.kind === 'busy' || title === undefined) return said;
  if (presence.kind === 'dead') return said?.isCounted === true ? said : undefined;
  let pattern = titlePatterns.get(title);
  if (pattern === undefined) titlePatterns.set(title, (pattern = compilePattern(title)));
  const shown = titleActivity(presence.process.pid, pattern);
  return shown?.kind === 'busy' ? shown : (said ?? shown);
}

/** Whether something has to be looked at: time shows it of the others, or they say it themselves. */
const isAsked = (
  ready: Readiness,
): ready is Exclude<Readiness, { readonly kind: 'after' | 'notify' }> =>
  ready.kind !== 'after' && ready.kind !== 'notify';

/**
 * The same observation after a check of each living process that was not seen ready before. The result is noted, so that
 * it stays true whatever happens to the log or the file.
 */
export async function withReadiness(scene: Scene, observation: Observation): Promise<Observation> {
  if (!scene.config.workers.some(({ ready }) => isAsked(ready))) return observation;
  const questions = [...observation.instances.values()].flatMap((observed) =>
    questionOf(scene, observed),
  );
  if (questions.length === 0) return observation;
  const silent = await mountProblems(() =>
    questions.flatMap(({ question }) => pathsAsked(question)),
  );
  const seen: ObservedInstance[] = [];
  const { probe } = scene;
  await Promise.all(
    questions.map(async ({ observed, presence, question }) => {
      if (silent.size > 0 && pathsAsked(question).some((path) => silent.has(path))) return;
      const isReady = probe === undefined ? await probeOnce(question) : probe.isReady(question);
      if (!isReady) return;
      const readyAge = shownAtAge(presence, question, observation);
      seen.push({ ...observed, presence: { ...presence, hasShownReady: true, readyAge } });
      if (scene.ignoresPidfiles !== true)
        tryToNote(scene, observed.name, presence.record.runId, readyAge);
    }),
  );
  return withSeen(observation, seen);
}

/** How old a process was at the most when it showed that it is ready: only a pass notes it, and may come much later. */
function shownAtAge(
  { process, record }: Extract<Presence, { kind: 'alive' }>,
  question: ReadinessQuestion,
  observation: Observation,
): Duration {
  const age = ageOf(process, observation);
  const at = question.readiness.stay === undefined ? undefined : shownBy(question);
  return at === undefined ? age : durationOf(Math.min(age, elapsed(record.startedAt, at)));
}

/** On a full disk, the next command must look once more. */
function tryToNote({ config }: Scene, name: string, runId: string, age: Duration): void {
  try {
    noteReady(config.stateDir, name, runId, age);
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
  if (presence.kind !== 'alive' || presence.hasShownReady) return [];
  const worker = config.workers.find((one) => one.name === workerNameOf(name));
  if (worker === undefined || !isAsked(worker.ready)) return [];
  if (worker.ready.kind === 'command' && config.distrust !== undefined) return [];
  if (drainingSince(observed) !== undefined) return [];
  const { stateDir } = config;
  const { record } = presence;
  const launch = {
    ...launchOf(worker, name, stateDir, hostName, record.release),
    ...(record.directory !== undefined && { directory: record.directory }),
  };
  const readiness = expandedReadiness(worker.ready, worker, name, hostName);
  return [{ observed, presence, question: { record, readiness, launch } }];
}
