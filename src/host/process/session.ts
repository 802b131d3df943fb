import { msPerTick, type LiveProcess, type ProcessIdentity } from '../../core/model/process.ts';
import type { Duration } from '../../core/basics/time.ts';
import { readOrEmpty } from '../files/read-or-empty.ts';
import { markIn, startIn } from './strays.ts';
import { currentBootId, listPids, readEnvironment, readProcess } from './process-table.ts';

/** All processes that we can see: reads the whole of /proc, in about 20 µs for each. */
export const allProcesses = (): LiveProcess[] =>
  listPids().flatMap((pid) => readProcess(pid) ?? []);

let haveWrapped = false;

/**
 * Whether pids have started again from the lowest, as far as the kernel tells: threads count as processes. Before that, what
 * was started later has a higher pid. Source: proc_stat(5), proc_sys_kernel(5).
 */
function arePidsInOrder(): boolean {
  if (haveWrapped) return false;
  const started = Number(/^processes (\d+)/m.exec(readOrEmpty('/proc/stat'))?.[1]);
  const most = Number(readOrEmpty('/proc/sys/kernel/pid_max'));
  haveWrapped = !(started < most);
  return !haveWrapped;
}

/**
 * All processes that may have been started after the first of these, and those that have its pid now. `except` are not
 * read: a host has many processes, and most of them are older, or known.
 */
export function processesSince(
  first: readonly Pick<ProcessIdentity, 'pid'>[],
  except: ReadonlySet<number> = new Set(),
): LiveProcess[] {
  const own = new Set(first.map(({ pid }) => pid));
  const lowest = arePidsInOrder() ? Math.min(...own) : 0;
  return listPids().flatMap((pid) =>
    own.has(pid) || (pid > lowest && !except.has(pid)) ? (readProcess(pid) ?? []) : [],
  );
}

/**
 * A living process and everything that it has started: the members of its session or, if it leads none, its descendants. The
 * process itself comes first. A child that has created its own session is not included.
 */
export function familyOf(process: LiveProcess, all: readonly LiveProcess[]): LiveProcess[] {
  const { pid, sessionId } = process;
  const descendants = sessionId === pid ? undefined : descendantsOf(pid, all);
  const belongs = (one: LiveProcess): boolean => descendants?.has(one.pid) ?? one.sessionId === pid;
  return [process, ...all.filter((one) => one.pid !== pid && belongs(one))];
}

/** The other members of the session that this process leads, without us; none if it leads none. */
export const membersBeside = (
  { pid, startTime }: ProcessIdentity,
  all: readonly LiveProcess[],
): LiveProcess[] =>
  all.filter(
    (one) =>
      one.sessionId === pid &&
      one.pid !== pid &&
      one.startTime >= startTime &&
      one.pid !== process.pid,
  );

/** The pids of a process and of all its descendants. */
export function descendantsOf(pid: number, all: readonly LiveProcess[]): ReadonlySet<number> {
  const pids = new Set([pid]);
  for (const parent of pids) for (const one of all) if (one.parentPid === parent) pids.add(one.pid);
  return pids;
}

/**
 * How many bytes of memory these processes use: of each its own and its share of what it shares with others (PSS). If we may
 * not read that, its resident memory, in which each process counts all of its shared pages.
 */
export const memoryOf = (processes: readonly LiveProcess[]): number =>
  processes.reduce((sum, { pid }) => sum + (proportionalSize(pid) ?? residentSize(pid) ?? 0), 0);

const proportionalSize = (pid: number): number | undefined =>
  kilobytesIn(`/proc/${pid}/smaps_rollup`, /^Pss:\s+(\d+) kB$/m);

const residentSize = (pid: number): number | undefined =>
  kilobytesIn(`/proc/${pid}/status`, /^VmRSS:\s+(\d+) kB$/m);

/** Undefined if the process is gone or not ours to see. */
function kilobytesIn(path: string, pattern: RegExp): number | undefined {
  const found = pattern.exec(readOrEmpty(path))?.[1];
  return found === undefined ? undefined : Number(found) * 1024;
}

/** A dead process whose session is searched for. */
export interface DeadLeader extends ProcessIdentity {
  /** Its marker in the environment, as `NAME=value`: its children inherit that. */
  readonly marker: readonly string[];
  /** When it died, since the boot of the host, if that is known. */
  readonly diedAt?: Duration;
  /** Present if what it has started in other sessions is searched for, too. */
  readonly runId?: string;
}

/**
 * The living members of a dead process's session, without us, and with its `runId` those that have its marker in other
 * sessions. As long as a member lives, the kernel does not reuse the number
 * of a session. That it did not reuse it before is proven by a member that was started before the death, or that has the
 * dead process's marker. Without such a proof none of them are returned.
 */
export function leftBehindBy(leader: DeadLeader, all: readonly LiveProcess[]): LiveProcess[] {
  if (leader.bootId !== currentBootId()) return [];
  if (all.some(({ pid }) => pid === leader.pid)) return []; // it lives, or its pid was reused
  const members = all.filter(
    ({ pid, sessionId, startTime }) =>
      sessionId === leader.pid && startTime >= leader.startTime && pid !== process.pid,
  );
  const proven = members.some((member) => isProvenOf(leader, member)) ? members : [];
  return [...proven, ...detachedBy(leader, all)];
}

/** The living processes that have the marker of this very run, outside its session; none without its `runId`. */
export const detachedBy = (leader: DeadLeader, all: readonly LiveProcess[]): LiveProcess[] =>
  leader.runId === undefined
    ? []
    : all.filter(
        (one) =>
          one.sessionId !== leader.pid &&
          one.startTime >= leader.startTime &&
          one.pid !== process.pid &&
          hasMarkerOf(leader, one),
      );

/** A hook was started by a command, which may have had the marker itself. */
function hasMarkerOf({ marker, runId }: DeadLeader, one: LiveProcess): boolean {
  const { environment, run } = markedIn(one);
  return (
    run === runId &&
    marker.every((entry) => environment.includes(entry)) &&
    !environment.some((entry) => entry.startsWith('WORKERCTL_HOOK='))
  );
}

/** Read once for each process of a look: hundreds may have died, and each may have left any of them. */
function markedIn(one: LiveProcess): Marked {
  const known = marks.get(one);
  if (known !== undefined) return known;
  const environment = readEnvironment(one.pid);
  const marked = { environment, run: startIn(markIn(environment)) };
  marks.set(one, marked);
  return marked;
}

interface Marked {
  readonly environment: readonly string[];
  readonly run: string | undefined;
}

const marks = new WeakMap<LiveProcess, Marked>();

/** Whether a member of a session was in it before its leader died, or has the leader's marker. */
export function isProvenOf({ marker, diedAt }: DeadLeader, member: LiveProcess): boolean {
  if (diedAt !== undefined && member.startTime * msPerTick <= diedAt) return true;
  const environment = readEnvironment(member.pid);
  return marker.every((entry) => environment.includes(entry));
}
