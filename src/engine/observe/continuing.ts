import { logPlacesOf } from '../../core/model/record.ts';
import type { ContinuingProcess } from '../../core/model/leftovers.ts';
import {
  allObserved,
  refOf,
  withSeen,
  type Observation,
  type ObservedInstance,
  type Presence,
} from '../../core/model/observation.ts';
import { msPerTick, type LiveProcess } from '../../core/model/process.ts';
import { workerNameOf } from '../../core/model/targets.ts';
import { assessDeath } from '../../core/rules/death-verdict.ts';
import { isNewDeath } from '../../core/rules/deaths.ts';
import { outputsOf, ownOutputs } from '../../host/logs/own-log.ts';
import { fileKeyAt } from '../../host/logs/lost-log.ts';
import {
  ancestorsOf,
  currentBootId,
  findProcess,
  nameOf,
  readEnvironment,
} from '../../host/process/process-table.ts';
import { leftBehindBy, processesSince } from '../../host/process/session.ts';
import { markIn, shimWords, startIn } from '../../host/process/strays.ts';
import { baseOf } from '../../host/state/paths.ts';
import { knownLedger } from '../../host/state/ledger-file.ts';
import type { Scene } from '../scene.ts';
import { deadLeader, noteAbout } from './leftovers.ts';
import { livingIn } from './living.ts';
import { ownLogsIn } from './own-logs.ts';

interface CutOff {
  readonly observed: ObservedInstance;
  readonly dead: Extract<Presence, { kind: 'dead' }>;
  /** Whether the config says to wait for what it has left in its own session (`stop.leftovers`). */
  readonly awaitsSession: boolean;
}

/** Both moments are known to some hundredths of a second. */
const marginMs = 200;

/** What was found when a death was new, by run id, until its record is gone: all of /proc is searched once. */
const found = new Map<string, readonly ContinuingProcess[]>();

/**
 * The same observation with processes that may go on with the job of one that has died, such as RQ's work horse: each has a
 * session of its own, was started before the death, and writes to the worker's log. They show no marker if no other instance
 * writes to that log; otherwise they must have that of the run. With `leftovers: wait` it is everything that the dead one has left, such
 * as the child that Resque forks for each job.
 */
export function withContinuing(scene: Scene, observation: Observation): Observation {
  const { stateDir } = scene.config;
  const cutOff = cutOffIn(scene, observation);
  for (const runId of found.keys())
    if (!cutOff.some(({ dead }) => dead.record.runId === runId)) found.delete(runId);
  if (cutOff.length === 0) return observation;
  const ledger = knownLedger(stateDir);
  const missing: CutOff[] = [];
  for (const one of cutOff) {
    const { runId } = one.dead.record;
    const noted = ledger.losses.find((loss) => loss.runId === runId)?.continuing;
    if (noted !== undefined) found.set(runId, noted);
    else if (!isNewDeath(ledger, one.observed)) found.set(runId, []);
    else if (!found.has(runId)) missing.push(one);
  }
  if (missing.length > 0) search(scene, observation, missing);
  const seen = cutOff.flatMap(({ observed, dead }) => {
    const { bootId, runId } = dead.record;
    const alive = (found.get(runId) ?? []).filter((one) => findProcess({ ...one, bootId }));
    if (alive.length === 0) return [];
    const { pid, startTime } = dead.record;
    const { processes = [], ...known } = observed.leftovers ?? {};
    const left = processes.filter((one) => !alive.some(({ pid: other }) => other === one.pid));
    const of = { pid, startTime, bootId };
    const note = noteAbout(stateDir, baseOf(refOf(observed)), of);
    const leftovers = {
      of,
      isReported: note?.members !== undefined,
      ...(note?.wasKilled === true && { wasKilled: true }),
      ...known,
      processes: [...left, ...alive.map(({ pid: each, name }) => ({ pid: each, name }))],
    };
    return [{ ...observed, leftovers, continuing: alive }];
  });
  return withSeen(observation, seen);
}

function cutOffIn({ config }: Scene, observation: Observation): CutOff[] {
  return allObserved(observation).flatMap((observed) => {
    const { name, presence: dead } = observed;
    if (dead.kind !== 'dead' || dead.record.bootId !== currentBootId()) return [];
    const worker = config.workers.find((one) => one.name === workerNameOf(name));
    if (worker === undefined || worker.stop.leftovers === 'leave') return [];
    const { isJobLost } = assessDeath(observed, dead, worker, observation.now);
    const awaitsSession = worker.stop.leftovers === 'wait';
    return isJobLost === 'no' ? [] : [{ observed, dead, awaitsSession }];
  });
}

function search(scene: Scene, observation: Observation, cutOff: readonly CutOff[]): void {
  const dead = cutOff.map(({ dead: { record } }) => record);
  const living = livingIn(scene, observation);
  const all = processesSince(dead, living);
  const isElsewhere = (pid: number): boolean =>
    living.has(pid) || [...ancestorsOf(pid)].some((above) => living.has(above));
  const heads = all.filter(({ pid, sessionId }) => pid === sessionId && pid !== process.pid);
  const ownLogs = ownLogsIn(scene);
  for (const { observed, dead, awaitsSession } of cutOff) {
    const { record } = dead;
    const places = logPlacesOf(record);
    const paths = places.map(({ path }) => path);
    const own = ownOutputs(observed.name, scene.config.stateDir, ownLogs(observed.name, ...paths));
    const shared = [...places.map(({ file }) => file), ...paths.map(fileKeyAt)];
    const leader = deadLeader(scene, observed.name, dead, observation);
    const isIts = (one: LiveProcess): boolean => {
      if (one.startTime < record.startTime) return false;
      const diedAt = leader?.diedAt;
      if (diedAt !== undefined && one.startTime * msPerTick > diedAt + marginMs) return false;
      const to = outputsOf(one.pid);
      const isOwn = to.some((output) => own.includes(output));
      if (!isOwn && !to.some((output) => shared.includes(output))) return false;
      const mark = markIn(readEnvironment(one.pid));
      const isUnmarked = mark.instance === '' && shimWords(one.pid) === undefined;
      return (isOwn && isUnmarked) || (mark.pid !== '' && startIn(mark) === record.runId);
    };
    const its = heads.filter((one) => isIts(one) && !isElsewhere(one.pid));
    const left = awaitsSession && leader !== undefined ? leftBehindBy(leader, all) : [];
    found.set(
      record.runId,
      [...left.filter((one) => !its.includes(one)), ...its].map(({ pid, startTime }) => ({
        pid,
        startTime,
        name: nameOf(pid),
      })),
    );
  }
}
