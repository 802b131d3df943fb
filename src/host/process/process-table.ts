import { readdirSync, readFileSync, realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import { msPerTick, type LiveProcess, type ProcessIdentity } from '../../core/model/process.ts';
import { durationOf, momentOf, type Duration, type Moment } from '../../core/basics/time.ts';
import { groupPathIn } from '../../core/protocols/cgroup.ts';
import { type Mount, mountAt, parseMounts } from '../../core/protocols/mounts.ts';
import { errnoOf } from '../files/errno.ts';
import { block, now } from './clock.ts';
import { readOrEmpty } from '../files/read-or-empty.ts';

let bootId: string | undefined;

/** The id of this boot: start times count from it. */
export function currentBootId(): string {
  bootId ??= readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  return bootId;
}

/**
 * State, parent, session, times of CPU (own and of children that have ended, each as user and as system), number of threads,
 * start time and resident pages: fields 3, 4, 6, 14 to 17, 20, 22 and 24.
 */
const statFields =
  /^\) ([A-Za-z]) (\d+) [\d-]+ (\d+) (?:[\d-]+ ){7}(\d+) (\d+) (\d+) (\d+) [\d-]+ [\d-]+ (\d+) \d+ (\d+) \d+ (\d+) /;

/**
 * The process that has this pid now; undefined if there is none, or only a zombie.
 * Source: proc_pid_stat(5). The command in parentheses may itself hold `)` and spaces, so fields count from the last one.
 */
export function readProcess(pid: number): LiveProcess | undefined {
  const stat = readOrEmpty(`/proc/${pid}/stat`);
  const fields = statFields.exec(stat.slice(stat.lastIndexOf(')')));
  if (fields === null) return undefined;
  const state = fields[1];
  // If only the first thread has ended, the state is Z, but the process lives.
  if ((state === 'Z' && Number(fields[8]) <= 1) || state === 'X' || state === 'x') return undefined;
  return {
    pid,
    startTime: Number(fields[9]),
    bootId: currentBootId(),
    parentPid: Number(fields[2]),
    sessionId: Number(fields[3]),
    activity: state === 'T' || state === 't' ? 'stopped' : 'runs',
    rss: Number(fields[10]) * pageBytes(),
    cpu: ticksAsTime(fields[4], fields[5]),
    childrenCpu: ticksAsTime(fields[6], fields[7]),
  };
}

const ticksAsTime = (user: string | undefined, system: string | undefined): Duration =>
  durationOf((Number(user) + Number(system)) * msPerTick);

let sizeOfPage: number | undefined;

/** The size of a page: the same on every x86, otherwise computed from our own memory in bytes and in pages. */
const pageBytes = (): number => (sizeOfPage ??= process.arch === 'x64' ? 4096 : measuredPage());

function measuredPage(): number {
  const pages = Number(readOrEmpty('/proc/self/statm').split(' ')[1]);
  return pages > 0 ? 2 ** Math.round(Math.log2(process.memoryUsage.rss() / pages)) : 4096;
}

/** The process with this identity if it is still alive: its pid may have been reused since. */
export function findProcess(identity: ProcessIdentity): LiveProcess | undefined {
  if (identity.bootId !== currentBootId()) return undefined;
  const process = readProcess(identity.pid);
  return process?.startTime === identity.startTime ? process : undefined;
}

/** Whether there is a process with this pid, or only a zombie: much faster than reading it. */
export function hasProcess(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return errnoOf(error) === 'EPERM';
  }
}

/** The pids of all processes that we can see, in numeric order. */
export const listPids = (): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .sort((a, b) => a - b);

/** The parent of a process, the parent of that one, and so on. */
export function ancestorsOf(pid: number): ReadonlySet<number> {
  const found = new Set<number>();
  let parent = readProcess(pid)?.parentPid ?? 0;
  while (parent > 1 && !found.has(parent)) {
    found.add(parent);
    parent = readProcess(parent)?.parentPid ?? 0;
  }
  return found;
}

/** The children of a process's first thread; empty on a kernel that does not say. Source: proc_pid_task(5). */
export const childrenOf = (pid: number): number[] =>
  readOrEmpty(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean).map(Number);

/** The arguments of a process; empty if it is gone, a kernel thread, or not ours to see. */
export const readArguments = (pid: number): string[] => readStrings(pid, 'cmdline');

/** The environment that a process was started with, as `NAME=value`; empty if it is gone or not ours to see. */
export const readEnvironment = (pid: number): string[] => readStrings(pid, 'environ');

/**
 * Waits if the process is becoming another program: until that is loaded (some tenths of a millisecond, if it is in memory) both
 * files are empty, and a worker that is wrapped in scripts would have no marker. Source: fs/proc/base.c of Linux.
 */
function readStrings(pid: number, file: 'cmdline' | 'environ'): string[] {
  const path = `/proc/${pid}/${file}`;
  let text = readOrEmpty(path);
  let loaded = 0;
  for (let tries = 0; text === '' && tries < 20 && loaded < 3; tries += 1) {
    if (readOrEmpty(`/proc/${pid}/cmdline`) !== '') loaded += 1;
    else if (!isLoading(pid)) break;
    else if (tries > 0) block(1);
    text = readOrEmpty(path);
  }
  return text === '' ? [] : text.split('\0');
}

/** Whether a process without arguments is about to get some: zombies and kernel threads never do. */
function isLoading(pid: number): boolean {
  const { state, flags } = shortStat(pid);
  return state !== '' && !'ZXx'.includes(state) && (flags & kernelThread) === 0;
}

/** Whether it belongs to the kernel, and has no program. */
export const isKernelThread = (pid: number): boolean => (shortStat(pid).flags & kernelThread) !== 0;

/** PF_KTHREAD of Linux. */
const kernelThread = 0x00200000;

/** Fields 3 and 9 of stat; an empty state if the process is gone. */
function shortStat(pid: number): { readonly state: string; readonly flags: number } {
  const stat = readOrEmpty(`/proc/${pid}/stat`);
  const [state = '', , , , , , flags] = stat.slice(stat.lastIndexOf(')') + 2).split(' ', 7);
  return { state, flags: Number(flags ?? 0) };
}

let ownStartMs: number | undefined;
let first: Clocks | undefined;

/**
 * How long the host has been up, on the clock of start times: our own start time plus our age. (/proc/uptime may be the
 * container's, but start times are always the host's.)
 */
export function sinceBoot(): Duration {
  ownStartMs ??= (readProcess(process.pid)?.startTime ?? 0) * msPerTick;
  const clocks = { boot: uptimeMs(), monotonic: process.uptime() * 1000 };
  first ??= clocks;
  return durationOf(Math.round(ownStartMs + clocks.monotonic + suspendedMs(first, clocks)));
}

/** When a process of this boot was started, by the current wall clock. */
export const startedAt = ({ startTime }: Pick<ProcessIdentity, 'startTime'>): Moment =>
  momentOf(now() - (sinceBoot() - startTime * msPerTick));

/** One moment on two clocks, in ms: `boot` includes the time that the host was suspended, in ticks; `monotonic` is exact. */
export interface Clocks {
  readonly boot: number;
  readonly monotonic: number;
}

/** A smaller difference comes from ticks and from the time between reading the two clocks. */
const shortestSuspensionMs = 500;

/** How long the host was suspended between two moments. */
export function suspendedMs(before: Clocks, after: Clocks): number {
  const lost = after.boot - before.boot - (after.monotonic - before.monotonic);
  return lost < shortestSuspensionMs ? 0 : lost;
}

/** Source: proc_uptime(5); 0 if it cannot be read. */
const uptimeMs = (): number => Number(readOrEmpty('/proc/uptime').split(' ')[0]) * 1000;

/** The mount that a path is on, or will be on once it exists. */
export function mountOf(path: string): Mount | undefined {
  return mountAt(parseMounts(readOrEmpty('/proc/self/mountinfo')), nearestReal(path));
}

/** The real path of the nearest directory that exists. */
function nearestReal(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const above = dirname(path);
    return above === path ? path : nearestReal(above);
  }
}

/** The control group of a process; `/` if it is not known. */
export const groupOf = (pid: number): string => groupPathIn(readOrEmpty(`/proc/${pid}/cgroup`));

/** That of this process. Tests name another one: theirs may be a login session. */
export const ownGroup = (): string => process.env['WORKERCTL_TEST_GROUP'] ?? groupOf(process.pid);

/** A limit of this process; Infinity if there is none. Source: proc_pid_limits(5). */
export function limitOf(
  name: 'Max open files' | 'Max processes' | 'Max core file size' | 'Max address space',
): { soft: number; hard: number } {
  const match = new RegExp(`^${name}\\s+(\\S+)\\s+(\\S+)`, 'm').exec(
    readOrEmpty('/proc/self/limits'),
  );
  const numberOf = (text: string | undefined): number =>
    text === undefined || text === 'unlimited' ? Infinity : Number(text);
  return { soft: numberOf(match?.[1]), hard: numberOf(match?.[2]) };
}

/** Whether this process may raise hard limits (CAP_SYS_RESOURCE). Source: proc_pid_status(5), capabilities(7). */
export function mayRaiseLimits(): boolean {
  const [, effective = '0'] =
    /^CapEff:\s+([0-9a-f]+)$/m.exec(readOrEmpty('/proc/self/status')) ?? [];
  return ((BigInt(`0x${effective}`) >> 24n) & 1n) === 1n;
}

/** The name of the program that a process runs, as the kernel has it; `?` if it is gone. Source: proc_pid_comm(5). */
export const nameOf = (pid: number): string =>
  readOrEmpty(`/proc/${pid}/comm`)
    .trimEnd()
    .replace(/\p{Cc}/gu, '?') || '?';

/** The real user of a process. */
export const userOf = (pid: number): number | undefined => {
  const [, user] = /^Uid:\s+(\d+)/m.exec(readOrEmpty(`/proc/${pid}/status`)) ?? [];
  return user === undefined ? undefined : Number(user);
};
