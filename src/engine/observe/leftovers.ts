import type { LeftProcess } from '../../core/model/leftovers.ts';
import {
  allObserved,
  refOf,
  withSeen,
  type Observation,
  type ObservedInstance,
  type Presence,
} from '../../core/model/observation.ts';
import {
  isSameProcess,
  msPerTick,
  type LiveProcess,
  type ProcessIdentity,
} from '../../core/model/process.ts';
import type { SessionMember, Stop } from '../../core/model/record.ts';
import { actsOnLeftovers, sessionStop } from '../../core/rules/awaited.ts';
import { workerNameOf } from '../../core/model/targets.ts';
import { durationOf, elapsed } from '../../core/basics/time.ts';
import { now, sleep } from '../../host/process/clock.ts';
import { once } from '../../host/files/once.ts';
import { currentBootId, findProcess, sinceBoot } from '../../host/process/process-table.ts';
import { nameOf } from '../../host/process/process-table.ts';
import { leftBehindBy, processesSince, type DeadLeader } from '../../host/process/session.ts';
import { baseOf } from '../../host/state/paths.ts';
import { readLeft, type LeftNote } from '../../host/state/notes.ts';
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
  const everyProcess = once(() => processesSince(asked.map(({ leader }) => leader)));
  const seen: ObservedInstance[] = [];
  for (const { observed, leader } of asked) {
    const members = membersOf(leader, everyProcess, sessionStop(observed)?.family);
    if (members.length === 0) {
      gone.add(keyOf(leader));
      found.delete(keyOf(leader));
    } else {
      const note = noteAbout(scene.config.stateDir, baseOf(refOf(observed)), leader);
      const isReported = note?.members !== undefined;
      const wasKilled = note?.wasKilled === true;
      const { pid, startTime, bootId } = leader;
      const of = { pid, startTime, bootId };
      seen.push({
        ...observed,
        leftovers: {
          of,
          processes: namedOnes(members),
          isReported,
          ...(wasKilled && { wasKilled }),
        },
      });
    }
  }
  return withSeen(observation, seen);
}

/** A command that waits for leftovers looks often: while one of those that were found lives, no others are looked for. */
function membersOf(
  leader: DeadLeader,
  everyProcess: () => LiveProcess[],
  family: readonly SessionMember[] = [],
): LiveProcess[] {
  const key = keyOf(leader);
  const known = found.get(key)?.filter((one) => findProcess(one) !== undefined) ?? [];
  const { bootId } = leader;
  const noted = family.flatMap((one) => findProcess({ ...one, bootId }) ?? []);
  const left = known.length > 0 ? known : leftBehindBy(leader, everyProcess());
  const members = [...left, ...noted.filter(({ pid }) => left.every((one) => one.pid !== pid))];
  found.set(key, members);
  return members;
}

/** The leader of the session to look at, if any: the dead process of the instance, or the one before the living one. */
function leaderFor(
  scene: Scene,
  observed: ObservedInstance,
  observation: Observation,
): DeadLeader | undefined {
  const { name, retiring, presence } = observed;
  const { showsLeftovers = false } = scene;
  if (presence.kind === 'dead') {
    const worker = scene.config.workers.find((one) => one.name === workerNameOf(name));
    const isActedOn = worker !== undefined && actsOnLeftovers(worker.stop);
    const isAsked = showsLeftovers || isActedOn || sessionStop(observed) !== undefined;
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
  { record, diedAt, stop, killing }: Dead,
  { now, sinceBoot }: Observation,
): DeadLeader | undefined {
  const { pid, startTime, bootId, runId } = record;
  // What a process that has exited as asked leaves in other sessions is meant to stay.
  const wasCutOff = stop?.sent !== true || stop.endsSession === true || killing !== undefined;
  if (bootId !== currentBootId()) return undefined;
  return {
    pid,
    startTime,
    bootId,
    marker: markerOf(config.stateDir, name, pid),
    ...(diedAt !== undefined && { diedAt: durationOf(sinceBoot - elapsed(diedAt, now)) }),
    ...(wasCutOff && { runId }),
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

/** What tells the processes of this run from others: they inherit it in their environment. */
export const markerOf = (stateDir: string, name: string, pid: number): string[] => [
  `WORKERCTL_PID=${pid}`,
  `WORKERCTL_INSTANCE=${name}`,
  `WORKERCTL_STATE_DIR=${stateDir}`,
];

/** What is noted of what this process has left; `base` is what the names of its files begin with. */
export function noteAbout(
  stateDir: string,
  base: string,
  leader: ProcessIdentity,
): LeftNote | undefined {
  const note = readLeft(stateDir, base);
  return note !== undefined && isSameProcess(note.process, leader) ? note : undefined;
}

/** Whether what this process has left was reported. */
export const isReportedOf = (stateDir: string, base: string, leader: ProcessIdentity): boolean =>
  noteAbout(stateDir, base, leader)?.members !== undefined;

/** Many a child exits a moment after its parent: such a child is not worth a report. */
const graceMs = 200;

/** What still runs of a session this long after its asked process has exited was not reached by the stop. */
const reachedMs = 1_000;
const againMs = 20;

/** A dead process, and the stop that it has exited after. */
export interface Exited {
  readonly leader: DeadLeader;
  readonly stop?: Stop;
}

/** What a dead process has left. */
export interface Left {
  readonly members: readonly LiveProcess[];
  /** Of these, those that were there before it was asked to stop. */
  readonly survivors: readonly LiveProcess[];
}

/**
 * What is left of each of these sessions after a moment in which processes may exit by themselves.
 * @param living processes that are known to belong elsewhere
 */
export async function leftInTheEnd(
  exited: readonly Exited[],
  living: ReadonlySet<number>,
): Promise<Left[]> {
  const begun = sinceBoot();
  for (;;) {
    const all = processesSince(
      exited.map(({ leader }) => leader),
      living,
    );
    const left = exited.map(({ leader }) => leftBehindBy(leader, all));
    const isSettled = exited.every(
      ({ leader, stop }, index) =>
        left[index]?.length === 0 ||
        sinceBoot() >= (leader.diedAt ?? begun) + (stop?.sent === true ? reachedMs : graceMs),
    );
    if (isSettled)
      return left.map((members, index) => ({
        members,
        survivors: members.filter((one) => isBefore(one, exited[index]?.stop)),
      }));
    await sleep(againMs);
  }
}

const isBefore = ({ startTime }: LiveProcess, stop: Stop | undefined): boolean =>
  stop?.sent === true && startTime * msPerTick <= sinceBoot() - elapsed(stop.at, now());

export const namedOnes = (members: readonly LiveProcess[]): LeftProcess[] =>
  members.map(({ pid }) => ({ pid, name: nameOf(pid) }));
