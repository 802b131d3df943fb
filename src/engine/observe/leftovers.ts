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
import { readLeft } from '../../host/state/notes.ts';
import type { Scene } from '../scene.ts';

type Dead = Extract<Presence, { kind: 'dead' }>;

/** Sessions of which nothing is left: what is gone cannot come back. */
const gone = new Set<string>();

/** What was found of other sessions. */
const found = new Map<string, LiveProcess[]>();

const keyOf = ({ pid, startTime }: ProcessIdentity): string => `${pid} ${startTime}`;

/**
 * The same observation with the leftovers of dead processes: of those whose config acts on them and, with
 * `showsLeftovers`, of all. It reads all of /proc, once.
 */
export function withLeftovers(scene: Scene, observation: Observation): Observation {
  const asked = allObserved(observation).flatMap((observed) => {
    const leader = leaderFor(scene, observed, observation);
    return leader === undefined || gone.has(keyOf(leader)) ? [] : [{ observed, leader }];
  });
  if (asked.length === 0) return observation;
  const everyProcess = once(allProcesses);
  const seen: ObservedInstance[] = [];
  for (const { observed, leader } of asked) {
    const members = membersOf(leader, everyProcess);
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

/** A command that waits for leftovers looks often: while one of those that were found lives, no others are looked for. */
function membersOf(leader: DeadLeader, everyProcess: () => LiveProcess[]): LiveProcess[] {
  const key = keyOf(leader);
  const known = found.get(key)?.filter((one) => findProcess(one) !== undefined) ?? [];
  const members = known.length > 0 ? known : leftBehindBy(leader, everyProcess());
  found.set(key, members);
  return members;
}

/** The leader of the session to look at, if any: the dead process of the instance, or the one before the living one. */
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

/** A dead process as the leader of its session; undefined if it died in another boot. */
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

/** The one that was noted before its successor's record took its place; undefined if all that it left have exited. */
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

/** Many a child exits a moment after its parent: such a child is not worth a report. */
const graceMs = 200;
const againMs = 20;

/** What is left of each of these sessions after a moment in which children may exit by themselves. */
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
