import { getPriority } from 'node:os';
import { dirname, join } from 'node:path';
import { WorkerctlError } from '../../core/basics/error.ts';
import { workerPath, type Launch } from '../../core/model/launch.ts';
import { groupProblem } from '../../core/rules/control-group.ts';
import { randomHex } from '../files/crypto.ts';
import type { ProcessRecord } from '../../core/model/record.ts';
import { once } from '../files/once.ts';
import { logPlaceAt } from '../logs/tail.ts';
import { now } from '../process/clock.ts';
import { userWords } from '../process/as-user.ts';
import { groupWayFrom, hostRoot, makeGroup } from '../process/control-group.ts';
import { findProgram } from '../process/find-program.ts';
import { memoryKills } from '../process/out-of-memory.ts';
import { currentBootId, ownGroup } from '../process/process-table.ts';
import { limitedScope, type ScopeOrder } from '../process/scope.ts';
import { recordMembers } from '../state/records.ts';

/** Names one run of a process: 16 hexadecimal digits. */
export const newRunId = (): string => randomHex(8);

/**
 * The socket is named only if a watch listens on it: some programs exit if they cannot report that they are ready. A daemon
 * gets none, because it leaves the session by which a sender is known.
 */
export function notifyVariables(
  { watchdogUsec, daemonizes }: Launch,
  notify: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  if (daemonizes !== undefined) return {};
  return notify['NOTIFY_SOCKET'] === undefined || watchdogUsec === undefined
    ? notify
    : { ...notify, WATCHDOG_USEC: String(watchdogUsec) };
}

/**
 * The command that starts the shim: a script for /bin/sh with its arguments.
 * @param command what the shim becomes: the launch's own, perhaps behind one that gives up rights
 */
export const shimArguments = (
  launch: Launch,
  stateDir: string,
  runId: string,
  command: readonly string[],
): string[] => [
  join(__dirname, 'shim.sh'),
  launch.daemonizes === undefined ? 'supervise' : 'launch',
  launch.instance,
  stateDir,
  launch.pidfile,
  runId,
  ...niceCommand(launch.nice),
  ...command,
];

/** The command that becomes a command of a person, with what the worker has of the kernel. */
export const execArguments = ({ nice }: Launch, command: readonly string[]): string[] => [
  join(__dirname, 'shim.sh'),
  'exec',
  ...niceCommand(nice),
  ...command,
];

/** What the shim gives the worker, or a command in its place. */
export const ownSettings = (launch: Launch, path = workerPath): Record<string, string> => ({
  // The shim's own programs are found whatever the worker's PATH is.
  PATH: workerPath,
  SHIM_PATH: path,
  SHIM_UMASK: launch.umask,
  SHIM_LIMITS: launch.limits,
  SHIM_OOM_SCORE_ADJ: String(launch.oomScoreAdj),
});

/** Rounded up to whole seconds, because the shell has no others. */
const wholeSeconds = (ms: number): string => String(Math.ceil(ms / 1000));

/** What else the shim must know, kept out of its arguments so that `ps` stays readable. */
export const shimSettings = (
  launch: Launch,
  {
    directory,
    commandDigest,
    config,
    stateDir,
  }: Pick<ProcessRecord, 'directory' | 'commandDigest' | 'config'> & { readonly stateDir: string },
  runId: string,
  path?: string,
): Record<string, string> => ({
  ...ownSettings(launch, path),
  SHIM_AS: dirname(launch.pidfile) === stateDir ? '' : userWords(launch).join(' '),
  SHIM_RECORD: recordMembers({
    bootId: currentBootId(),
    instance: launch.instance,
    runId,
    startedAt: now(),
    ...(directory !== undefined && { directory }),
    ...(launch.release !== undefined && { release: launch.release }),
    ...(config !== undefined && { config }),
    commandDigest,
    stopSignal: launch.stopSignal,
    log: logPlaceAt(launch.logFile),
    ...(launch.errorFile !== undefined && { errorLog: logPlaceAt(launch.errorFile) }),
  }),
  SHIM_ERROR: launch.errorFile === undefined ? '1' : '5',
  SHIM_LAUNCHING: launch.daemonizes
    ? `"launch_timeout_seconds":${launch.daemonizes.timeout / 1000},`
    : '',
  SHIM_TIMEOUT: launch.daemonizes ? wholeSeconds(launch.daemonizes.timeout) : '',
  SHIM_OOM: memoryKills(),
  SHIM_SETSID: setsid(),
});

/**
 * How the shim enters a control group of its own, and what it makes sure of there. The group is made here, or by systemd on
 * the shim's request.
 * @throws WorkerctlError `failed` if that is not possible
 */
export function groupSettings(
  { instance, cgroup }: Launch,
  runId: string,
  order: ScopeOrder,
): Record<string, string> {
  if (cgroup === undefined) return {};
  const way = groupWayFrom(ownGroup(), cgroup);
  const name = `workerctl-${instance}-${runId}`;
  const { memoryMax, cpu } = cgroup;
  const checked = {
    SHIM_ROOT: hostRoot(),
    SHIM_MEMORY: memoryMax === undefined ? '' : String(memoryMax),
    SHIM_CPU: cpu === undefined ? '' : String(Math.round(cpu * 1000)),
  };
  switch (way.kind) {
    case 'none':
      throw new WorkerctlError('failed', groupProblem(way));
    case 'folder':
      return { ...checked, SHIM_GROUP: makeGroup(way, name, cgroup) };
    case 'scope': {
      const { of, busctl, socket } = way;
      const scope = { ...order, of, name: `${name}.scope`, description: `workerctl:${instance}` };
      const words = [busctl, `--address=unix:path=${socket}`, ...limitedScope(scope, cgroup)];
      return { ...checked, SHIM_GROUP: scope.name, SHIM_SCOPE: words.join(' ') };
    }
  }
}

/**
 * The path of setsid, by which the shim makes the worker the leader of its session.
 * @throws WorkerctlError `failed` if there is none
 */
export const setsid = once(() => {
  const found = findProgram('setsid', process.env);
  if (found !== undefined) return found;
  throw new WorkerctlError('failed', 'setsid: there is no such program: install util-linux');
});

/** nice(1) counts from our own priority. Only root may raise that: otherwise the worker keeps it. */
function niceCommand(nice: number): string[] {
  const difference = nice - getPriority();
  if (difference === 0 || (difference < 0 && process.geteuid?.() !== 0)) return [];
  return [findProgram('nice', process.env) ?? 'nice', '-n', String(difference)];
}
