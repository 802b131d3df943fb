import { realpathSync } from 'node:fs';
import type { ShimOfStray } from '../core/observation.ts';
import type { LiveProcess } from '../core/process.ts';
import { listPids, readArguments, readEnvironment, readProcess } from './process-table.ts';

/** A process that is an instance's by its marker, whatever the files say. */
export interface MarkedProcess {
  readonly instance: string;
  readonly process: LiveProcess;
  readonly shim?: ShimOfStray;
}

/**
 * Finds the main process of each instance of this state directory by asking the kernel alone, so that a deleted state
 * directory makes no duplicates. A worker is known by its environment (WORKERCTL_PID tells it from its children, which
 * inherit the rest), or by its living shim: programs that set their title write over their environment.
 */
export function findMarkedProcesses(stateDir: string): MarkedProcess[] {
  const isOurs = sameDirectory(stateDir);
  const found = new Map<number, MarkedProcess>();
  const shims = new Map<number, ShimOfStray & { instance: string }>();
  const pids = listPids();
  for (const pid of pids) {
    const shim = shimAt(pid, isOurs);
    if (shim !== undefined) shims.set(pid, shim);
  }
  for (const pid of pids) {
    const process = readProcess(pid);
    if (process === undefined) continue;
    const shim = shims.get(process.parentPid);
    const instance = shim?.instance ?? markedInstance(pid, isOurs);
    if (instance === undefined || process.sessionId !== pid) continue;
    found.set(pid, {
      instance,
      process,
      ...(shim && { shim: { pid: shim.pid, start: shim.start } }),
    });
  }
  return [...found.values()];
}

/** `sh …/shim.sh supervise INSTANCE STATE_DIR PIDFILE START …`: the words that start.ts gives it. */
function shimAt(
  pid: number,
  isOurs: (path: string) => boolean,
): (ShimOfStray & { instance: string }) | undefined {
  const [, script = '', stage, instance = '', stateDir = '', , start = ''] = readArguments(pid);
  if (!script.endsWith('/shim.sh') || stage !== 'supervise' || !isOurs(stateDir)) return undefined;
  return { pid, start, instance };
}

function markedInstance(pid: number, isOurs: (path: string) => boolean): string | undefined {
  const environment = readEnvironment(pid);
  const valueOf = (name: string): string | undefined =>
    environment.find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1);
  if (valueOf('WORKERCTL_PID') !== String(pid) || !isOurs(valueOf('WORKERCTL_STATE_DIR') ?? ''))
    return undefined;
  return valueOf('WORKERCTL_INSTANCE');
}

/** Whether a path is that directory, also by another name (`current/…` and `releases/7/…`). */
function sameDirectory(stateDir: string): (path: string) => boolean {
  const real = realpathOrSelf(stateDir);
  const known = new Map<string, boolean>([
    [stateDir, true],
    ['', false],
  ]);
  return (path) => {
    const answer = known.get(path) ?? realpathOrSelf(path) === real;
    known.set(path, answer);
    return answer;
  };
}

function realpathOrSelf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
