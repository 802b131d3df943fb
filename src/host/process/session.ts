import { readFileSync } from 'node:fs';
import { msPerTick, type LiveProcess, type ProcessIdentity } from '../../core/model/process.ts';
import type { Duration } from '../../core/basics/time.ts';
import { currentBootId, listPids, readEnvironment, readProcess } from './process-table.ts';

/** All processes that can be seen: one look at the whole of /proc, some 20 µs for each. */
export const allProcesses = (): LiveProcess[] =>
  listPids().flatMap((pid) => readProcess(pid) ?? []);

/**
 * All that a living process has brought up: the members of its session or, where it leads none, its descendants; itself
 * comes first. Whoever has left for a session of his own does not belong to it.
 */
export function familyOf(process: LiveProcess, all: readonly LiveProcess[]): LiveProcess[] {
  const { pid, sessionId } = process;
  if (sessionId === pid)
    return [process, ...all.filter((one) => one.pid !== pid && one.sessionId === pid)];
  const family = [process];
  for (const parent of family) family.push(...all.filter((one) => one.parentPid === parent.pid));
  return family;
}

/**
 * How many bytes these processes take: what each has for itself and its share of what it has in common with others (PSS);
 * where that may not be read, its resident memory, in which shared pages count for everybody.
 */
export const memoryOf = (processes: readonly LiveProcess[]): number =>
  processes.reduce((sum, { pid }) => sum + (proportionalSize(pid) ?? residentSize(pid) ?? 0), 0);

const proportionalSize = (pid: number): number | undefined =>
  kilobytesIn(`/proc/${pid}/smaps_rollup`, /^Pss:\s+(\d+) kB$/m);

const residentSize = (pid: number): number | undefined =>
  kilobytesIn(`/proc/${pid}/status`, /^VmRSS:\s+(\d+) kB$/m);

/** Undefined when it is gone or not ours to see. */
function kilobytesIn(path: string, pattern: RegExp): number | undefined {
  try {
    const found = pattern.exec(readFileSync(path, 'latin1'))?.[1];
    return found === undefined ? undefined : Number(found) * 1024;
  } catch {
    return undefined;
  }
}

/** A dead process whose session is asked for. */
export interface DeadLeader extends ProcessIdentity {
  /** Its marker in the environment, as `NAME=value`: what it starts inherits that. */
  readonly marker: readonly string[];
  /** When it died, since the boot of the host, where that is known. */
  readonly diedAt?: Duration;
}

/**
 * The living members of a dead process's session, ourselves left out. The kernel gives the number of a session to nobody
 * else while a member lives; that it did not do so before is proven by a member that was born before the death, or
 * that bears the dead one's marker. Without such a proof there is none.
 */
export function leftBehindBy(leader: DeadLeader, all: readonly LiveProcess[]): LiveProcess[] {
  if (leader.bootId !== currentBootId()) return [];
  if (all.some(({ pid }) => pid === leader.pid)) return []; // it lives, or its number was given away again
  const members = all.filter(
    ({ pid, sessionId, startTime }) =>
      sessionId === leader.pid && startTime >= leader.startTime && pid !== process.pid,
  );
  return members.some((member) => isProvenOf(leader, member)) ? members : [];
}

function isProvenOf({ marker, diedAt }: DeadLeader, member: LiveProcess): boolean {
  if (diedAt !== undefined && member.startTime * msPerTick <= diedAt) return true;
  const environment = readEnvironment(member.pid);
  return marker.every((entry) => environment.includes(entry));
}
