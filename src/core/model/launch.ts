import { expandSpecifiers, instanceName, type Instance } from './instance.ts';
import {
  limitNames,
  type Daemonizing,
  type GroupLimits,
  type LimitName,
  type LogPolicy,
  type RunAs,
  type StopSignal,
  type Worker,
} from './config.ts';

/** The PATH of every worker whose config sets none. Source: the default of Debian and systemd. */
export const workerPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** All that is needed to start one instance; specifiers are replaced. */
export interface Launch {
  readonly instance: string;
  readonly command: readonly string[];
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
  readonly envFiles: readonly string[];
  readonly passEnv: readonly string[];
  readonly pidfile: string;
  /** The program forks away, and the pidfile is its own. */
  readonly daemonizes?: Daemonizing;
  readonly runAs?: RunAs;
  readonly noNewPrivs: boolean;
  readonly logFile: string;
  /** Of standard error; undefined: both outputs go to `logFile`. */
  readonly errorFile?: string;
  readonly log?: LogPolicy;
  /** Three octal digits. */
  readonly umask: string;
  /** Soft limits as the shell's ulimit takes them: `n=1024 c=0`. */
  readonly limits: string;
  readonly cgroup?: GroupLimits;
  readonly nice: number;
  readonly oomScoreAdj: number;
  readonly stopSignal: StopSignal;
  /** The release, if it is known. */
  readonly release?: string;
  /** The longest time between two signs of life, in microseconds, as for sd_watchdog_enabled(3). */
  readonly watchdogUsec?: number;
}

/** The files that the output goes to: one, or standard error has its own. */
export const logFilesIn = ({
  logFile,
  errorFile,
}: Pick<Launch, 'logFile' | 'errorFile'>): readonly string[] =>
  errorFile === undefined ? [logFile] : [logFile, errorFile];

/** The paths that a start uses, other than its directory. */
export const pathsOf = ({
  command: [program = ''],
  envFiles,
  pidfile,
  ...files
}: Launch): string[] => [
  ...envFiles,
  ...logFilesIn(files),
  pidfile,
  ...(program.startsWith('/') ? [program] : []),
];

/** The directory of an instance, through whatever links lead to it. */
export function directoryOf(worker: Worker, name: string, hostName: string): string {
  const identifier = name.slice(instanceName(worker.name, '').length);
  return expandSpecifiers(worker.directory, { name, worker, identifier }, hostName);
}

/** How the instance of `worker` with this name is started. */
export function launchOf(
  worker: Worker,
  name: string,
  stateDir: string,
  hostName: string,
  release?: string,
  command: readonly string[] = worker.command,
): Launch {
  const instance: Instance = { name, worker, identifier: name.slice(worker.name.length + 1) };
  const expand = (text: string): string => expandSpecifiers(text, instance, hostName);
  return {
    instance: name,
    command: command.map(expand),
    directory: expand(worker.directory),
    env: { ...mapValues(worker.env, expand), ...marker(instance, stateDir, release) },
    envFiles: worker.envFiles.map(expand),
    passEnv: worker.passEnv,
    pidfile: expand(worker.pidfile),
    ...(worker.daemonizes && { daemonizes: worker.daemonizes }),
    ...(worker.runAs && { runAs: worker.runAs }),
    noNewPrivs: worker.noNewPrivs,
    logFile: expand(worker.logFile),
    ...(worker.errorFile !== undefined && { errorFile: expand(worker.errorFile) }),
    ...(worker.log && { log: expandedLog(worker.log, expand) }),
    umask: worker.umask.toString(8).padStart(3, '0'),
    limits: formatLimits(worker.limits),
    ...(worker.cgroup && { cgroup: worker.cgroup }),
    nice: worker.nice,
    oomScoreAdj: worker.oomScoreAdj,
    stopSignal: worker.stop.signal,
    ...(release !== undefined && { release }),
    ...(worker.heartbeat && { watchdogUsec: worker.heartbeat.timeout * 1000 }),
  };
}

const expandedLog = (log: LogPolicy, expand: (text: string) => string): LogPolicy =>
  log.kind === 'piped' ? { ...log, command: log.command.map(expand) } : log;

/** How an instance shows that it is ready, with every specifier replaced. */
export function expandedReadiness<R extends Worker['ready']>(
  readiness: R,
  worker: Worker,
  name: string,
  hostName: string,
): R {
  const identifier = name.slice(instanceName(worker.name, '').length);
  const expand = (text: string): string =>
    expandSpecifiers(text, { name, worker, identifier }, hostName);
  switch (readiness.kind) {
    case 'file':
      return { ...readiness, path: expand(readiness.path) };
    case 'command':
      return { ...readiness, command: readiness.command.map(expand) };
    case 'after':
    case 'log':
    case 'notify':
      return readiness;
  }
}

/** The files of an instance, outside of the state directory, that a look reads. */
export function filesSeen(
  worker: Worker,
  name: string,
  stateDir: string,
  hostName: string,
): readonly string[] {
  const { pidfile, ...files } = launchOf(worker, name, stateDir, hostName);
  const ready = expandedReadiness(worker.ready, worker, name, hostName);
  return [pidfile, ...logFilesIn(files), ...(ready.kind === 'file' ? [ready.path] : [])];
}

/** The words of the logger that an instance's output goes to; undefined: there is none. */
export function loggerOf(
  worker: Worker,
  name: string,
  hostName: string,
): readonly string[] | undefined {
  if (worker.log?.kind !== 'piped') return undefined;
  const identifier = name.slice(instanceName(worker.name, '').length);
  return worker.log.command.map((word) =>
    expandSpecifiers(word, { name, worker, identifier }, hostName),
  );
}

/** The logs of an instance. */
export function logFilesOf(worker: Worker, name: string, hostName: string): readonly string[] {
  const identifier = name.slice(instanceName(worker.name, '').length);
  return logFilesIn(worker).map((file) =>
    expandSpecifiers(file, { name, worker, identifier }, hostName),
  );
}

/** The pidfile of an instance. */
export function pidfileOf(worker: Worker, name: string, hostName: string): string {
  const identifier = name.slice(instanceName(worker.name, '').length);
  return expandSpecifiers(worker.pidfile, { name, worker, identifier }, hostName);
}

/**
 * The variables that identify a worker to itself. The shim adds WORKERCTL_INSTANCE, which it must not have itself, and
 * WORKERCTL_PID, which is not known beforehand for a program that forks away.
 */
function marker(
  { worker, identifier }: Instance,
  stateDir: string,
  release: string | undefined,
): Record<string, string> {
  return {
    WORKERCTL_WORKER: worker.name,
    WORKERCTL_ID: identifier,
    WORKERCTL_STATE_DIR: stateDir,
    ...(release !== undefined && { WORKERCTL_RELEASE: release }),
  };
}

/** The letters of ulimit; memory and core are in units of 1024 and 512 bytes. Source: dash(1), bash(1). */
const ulimitLetters: Readonly<Record<LimitName, { letter: string; unit: number }>> = {
  nofile: { letter: 'n', unit: 1 },
  nproc: { letter: 'p', unit: 1 },
  core: { letter: 'c', unit: 512 },
  as: { letter: 'v', unit: 1024 },
};

function formatLimits(limits: Worker['limits']): string {
  return limitNames
    .flatMap((name) => {
      const value = limits[name];
      if (value === undefined) return [];
      const { letter, unit } = ulimitLetters[name];
      return [`${letter}=${value === 'unlimited' ? value : String(Math.floor(value / unit))}`];
    })
    .join(' ');
}

function mapValues(
  values: Readonly<Record<string, string>>,
  change: (text: string) => string,
): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, change(value)]));
}
