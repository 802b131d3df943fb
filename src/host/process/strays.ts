import type { ShimOfStray } from '../../core/model/observation.ts';
import type { LiveProcess } from '../../core/model/process.ts';
import { realPathOrSelf } from '../files/real-path.ts';
import { statsOf } from '../files/stats-of.ts';
import {
  childrenOf,
  isKernelThread,
  listPids,
  readArguments,
  readEnvironment,
  readProcess,
  userOf,
} from './process-table.ts';

/** A process that belongs to an instance by its marker, whatever the files say. */
export interface MarkedProcess {
  readonly instance: string;
  readonly process: LiveProcess;
  readonly shim?: ShimOfStray;
  /** Its run id, if its environment or its shim shows that. */
  readonly runId?: string;
  /**
   * Its marker names no pid: it was started by the command of a program that daemonizes. It is the daemon, a child of it, or
   * the command itself.
   */
  readonly isOfDaemon?: true;
}

/** What one search of /proc has found. */
export interface Search {
  readonly marked: MarkedProcess[];
  /**
   * Leaders of sessions that show no marker, though they may have had one: a program that sets its title overwrites its
   * environment.
   */
  readonly unmarked: readonly LiveProcess[];
}

/**
 * Finds the main process of each instance of this state directory by asking the kernel alone, so that a deleted state
 * directory leads to no duplicates. A worker is known by its environment (WORKERCTL_PID distinguishes it from its children,
 * which inherit the rest), or by its living shim, because programs that set their title overwrite their environment. Of a
 * program that daemonizes, the main process is the one whose parent does not have the marker.
 */
export function searchProcesses(stateDir: string): Search {
  const isOurs = sameDirectory(stateDir);
  const found = new Map<number, MarkedProcess>();
  const shims = new Map<number, ShimWords>();
  const unmarked: LiveProcess[] = [];
  const pids: number[] = [];
  for (const pid of listPids()) {
    const words = readArguments(pid);
    if (words.length === 0 && isKernelThread(pid)) continue;
    pids.push(pid);
    const shim = shimIn(pid, words);
    if (shim !== undefined) shims.set(pid, shim);
  }
  for (const pid of pids) {
    const process = readProcess(pid);
    if (process === undefined) continue;
    const shim = shims.get(process.parentPid);
    const environment = shim === undefined ? readEnvironment(pid) : [];
    const marked =
      shim === undefined
        ? markedProcess(process, environment, isOurs)
        : isOurs(shim.stateDir) && byShim(process, shim);
    if (marked) found.set(pid, marked);
    else if (
      process.sessionId === pid &&
      !shims.has(pid) &&
      shim === undefined &&
      !hasMarker(environment)
    )
      unmarked.push(process);
  }
  const marked = [...found.values()].filter(
    ({ isOfDaemon, instance, process: { parentPid } }) =>
      isOfDaemon !== true || found.get(parentPid)?.instance !== instance,
  );
  return { marked, unmarked };
}

export const findMarkedProcesses = (stateDir: string): MarkedProcess[] =>
  searchProcesses(stateDir).marked;

const hasMarker = (environment: readonly string[]): boolean =>
  environment.some((entry) => /^WORKERCTL_(?:INSTANCE|HOOK)=/.test(entry));

function byShim(
  process: LiveProcess,
  { instance, pid, runId }: ShimWords,
): MarkedProcess | undefined {
  if (process.sessionId !== process.pid) return undefined;
  return { instance, process, shim: { pid, runId } };
}

interface ShimWords extends ShimOfStray {
  readonly instance: string;
  readonly stateDir: string;
}

/** What a shim's arguments say: `sh …/shim.sh supervise INSTANCE STATE_DIR PIDFILE RUN_ID …`, or `launch` (shim-call.ts). */
export const shimWords = (pid: number): ShimWords | undefined => shimIn(pid, readArguments(pid));

function shimIn(pid: number, words: readonly string[]): ShimWords | undefined {
  const [, script = '', stage = '', instance = '', stateDir = '', , runId = ''] = words;
  if (!script.endsWith('/shim.sh') || !['supervise', 'launch'].includes(stage)) return undefined;
  if (!isByOwner(pid, stateDir)) return undefined;
  return { pid, runId, instance, stateDir };
}

/** Any user can start a process with such arguments: it counts only as that of root or of the owner of the directory. */
function isByOwner(pid: number, stateDir: string): boolean {
  const user = userOf(pid);
  return user === 0 || user === (statsOf(stateDir)?.uid ?? process.geteuid?.());
}

/**
 * What the shim of this run does now that its worker is dead; undefined if it is gone, or waits for a worker that lives:
 * then the record is wrong.
 */
export function shimActivity(pid: number, runId: string): 'runs' | 'frozen' | undefined {
  const shim = shimWords(pid)?.runId === runId ? readProcess(pid) : undefined;
  if (shim === undefined || childrenOf(pid).some(leadsSession)) return undefined;
  return shim.activity === 'stopped' ? 'frozen' : 'runs';
}

const leadsSession = (pid: number): boolean => readProcess(pid)?.sessionId === pid;

/** The marker in an environment; empty texts for variables that are missing. */
export interface Mark {
  readonly instance: string;
  readonly stateDir: string;
  readonly pid: string;
  /** The file that its heartbeats go to. */
  readonly heartbeat: string;
}

export function markIn(environment: readonly string[]): Mark {
  const valueOf = (name: string): string =>
    environment.find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1) ?? '';
  return {
    instance: valueOf('WORKERCTL_INSTANCE'),
    stateDir: valueOf('WORKERCTL_STATE_DIR'),
    pid: valueOf('WORKERCTL_PID'),
    heartbeat: valueOf('WORKERCTL_HEARTBEAT_FILE'),
  };
}

/** The run id of a marked process: the end of its heartbeat file's name. */
export const startIn = ({ instance, heartbeat }: Mark): string | undefined =>
  new RegExp(`/${instance.replaceAll('.', '\\.')}\\.([0-9a-f]{16})$`).exec(heartbeat)?.[1];

function markedProcess(
  process: LiveProcess,
  environment: readonly string[],
  isOurs: (path: string) => boolean,
): MarkedProcess | undefined {
  if (environment.some((entry) => entry.startsWith('WORKERCTL_HOOK='))) return undefined;
  const mark = markIn(environment);
  if (mark.instance === '' || !isOurs(mark.stateDir)) return undefined;
  const isOfDaemon = mark.pid === '';
  const isMain = mark.pid === String(process.pid) && process.sessionId === process.pid;
  if (!isOfDaemon && !isMain) return undefined;
  const runId = startIn(mark);
  return {
    instance: mark.instance,
    process,
    ...(runId !== undefined && { runId }),
    ...(isOfDaemon && { isOfDaemon }),
  };
}

/** Returns whether a path is that directory, also under another name (`current/…` and `releases/7/…`). */
export function sameDirectory(stateDir: string): (path: string) => boolean {
  const real = realPathOrSelf(stateDir);
  const known = new Map<string, boolean>([
    [stateDir, true],
    ['', false],
  ]);
  return (path) => {
    const answer = known.get(path) ?? realPathOrSelf(path) === real;
    known.set(path, answer);
    return answer;
  };
}
