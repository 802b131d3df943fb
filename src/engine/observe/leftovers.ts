import type { LeftProcess } from '../../core/model/leftovers.ts';
import {
  allObserved,
  refOf,
  withSeen,
  type Observation,
  type ObservedInstance,
  type Presence,
} from '../../core/model/observation.ts';
import { isSameProcess, type LiveProcess, type ProcessIdentity } from '../../core/model/process.ts';
import { workerNameOf } from '../../core/model/targets.ts';
import { durationOf, elapsed } from '../../core/basics/time.ts';
import { monotonicMs, sleep } from '../../host/process/clock.ts';
import { once } from '../../host/files/once.ts';
import { currentBootId, findProcess } from '../../host/process/process-table.ts';
import { nameOf } from '../../host/process/process-table.ts';
import { allProcesses, leftBehindBy, type DeadLeader } from '../../host/process/session.ts';
import { baseOf } from '../../host/state/paths.ts';
import { readLeft } from '../../host/state/notes/left.ts';
import type { Scene } from '../scene.ts';

type Dead = Extract<Presence, { kind: 'dead' }>;

/** Sessions of which nothing is left: what is gone cannot come back. */
const gone = new Set<string>();

/** Who was found of the others. */
const found = new Map<string, LiveProcess[]>();

const keyOf = ({ pid, startTime }: ProcessIdentity): string => `${pid} ${startTime}`;

/**
 * The same observation, where what dead processes have left behind was looked for: of those whose config acts on it and,
 * for whoever shows the state (`showsLeftovers`), of all. It reads all of /proc, once.
 */
export function withLeftovers(scene: Scene, observation: Observation): Observation {
  const asked = allObserved(observation).flatMap((observed) => {
    const leader = leaderFor(scene, observed, observation);
    return leader === undefined || gone.has(keyOf(leader)) ? [] : [{ observed, leader }];
  });
  if (asked.length === 0) return observation;
  const everybody = once(allProcesses);
  const seen: ObservedInstance[] = [];
  for (const { observed, leader } of asked) {
    const members = membersOf(leader, everybody);
    if (members.length === 0) {
      gone.add(keyOf(leader));
      found.delete(keyOf(leader));
    } else {
      const isReported = isReportedOf(scene.config.stateDir, baseOf(refOf(observed)), leader);
      const { pid, startTime, bootId } = leader;
      const of = { pid, startTime, bootId };
      seen.push({ ...observed, leftovers: { of, processes: namedOnes(members), isReported } });
    }
  }
  return withSeen(observation, seen);
}

/** Who waits for them looks again and again: as long as one of those that were found lives, nobody else is looked for. */
function membersOf(leader: DeadLeader, everybody: () => LiveProcess[]): LiveProcess[] {
  const key = keyOf(leader);
  const known = found.get(key)?.filter((one) => findProcess(one) !== undefined) ?? [];
  const members = known.length > 0 ? known : leftBehindBy(leader, everybody());
  found.set(key, members);
  return members;
}

/** Whose session is to be asked for, if any: that of the dead process in its place, or of the last one before the living. */
function leaderFor(
  scene: Scene,
  { name, retiring, presence }: ObservedInstance,
  observation: Observation,
): DeadLeader | undefined {
  const { showsLeftovers = false } = scene;
  if (presence.kind === 'dead') {
    const worker = scene.config.workers.find((one) => one.name === workerNameOf(name));
    const isAsked = showsLeftovers || worker?.stop.leftovers !== undefined;
    return isAsked ? deadLeader(scene, name, presence, observation) : undefined;
  }
  const isNoted =
    showsLeftovers && retiring === undefined && scene.notes?.has(`${name}.left`) === true;
  return isNoted && presence.kind === 'alive' ? notedLeader(scene, name) : undefined;
}

/** A dead process as its session is asked for; undefined when it died in another boot. */
export function deadLeader(
  { config }: Pick<Scene, 'config'>,
  name: string,
  { record, diedAt }: Dead,
  { now, sinceBoot }: Observation,
): DeadLeader | undefined {
  const { pid, startTime, bootId } = record;
  if (bootId !== currentBootId()) return undefined;
  return {
    pid,
    startTime,
    bootId,
    marker: markerOf(config.stateDir, name, pid),
    ...(diedAt !== undefined && { diedAt: durationOf(sinceBoot - elapsed(diedAt, now)) }),
  };
}

/** The one that was noted before its successor's record took its place; undefined when all are gone whom it had left. */
function notedLeader({ config: { stateDir } }: Scene, name: string): DeadLeader | undefined {
  const note = readLeft(stateDir, name);
  if (note === undefined || note.process.bootId !== currentBootId()) return undefined;
  const { process, members, diedAt } = note;
  const isLeft = members?.some((one) => findProcess({ ...process, ...one }) !== undefined) ?? true;
  if (!isLeft) return undefined;
  const marker = markerOf(stateDir, name, process.pid);
  return { ...process, marker, ...(diedAt !== undefined && { diedAt }) };
}

const markerOf = (stateDir: string, name: string, pid: number): string[] => [
  `WORKERCTL_PID=${pid}`,
  `WORKERCTL_INSTANCE=${name}`,
  `WORKERCTL_STATE_DIR=${stateDir}`,
];

/** Whether what this process has left was reported; `base` is what the names of its files begin with. */
export function isReportedOf(stateDir: string, base: string, leader: ProcessIdentity): boolean {
  const note = readLeft(stateDir, base);
  return note?.members !== undefined && isSameProcess(note.process, leader);
}

/** Many a child ends a moment after its parent: whoever does is not worth telling of. */
const graceMs = 200;
const againMs = 20;

/** Those who are left of each of these, once whoever ends by himself has had a moment for that. */
export async function leftInTheEnd(leaders: readonly DeadLeader[]): Promise<LiveProcess[][]> {
  const deadline = monotonicMs() + graceMs;
  for (;;) {
    const all = allProcesses();
    const left = leaders.map((leader) => leftBehindBy(leader, all));
    if (left.every(({ length }) => length === 0) || monotonicMs() > deadline) return left;
    await sleep(againMs);
  }
}

export const namedOnes = (members: readonly LiveProcess[]): LeftProcess[] =>
  members.map(({ pid }) => ({ pid, name: nameOf(pid) }));
