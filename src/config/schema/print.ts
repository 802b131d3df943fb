import { stringify } from 'yaml';
import type { Duration } from '../../core/basics/time.ts';
import type {
  Batch,
  Config,
  Readiness,
  RecyclePolicy,
  ReleaseSource,
  StopPolicy,
  Worker,
  HeartbeatPolicy,
} from '../../core/model/config.ts';
import { escapedSpecifiers } from '../specifiers.ts';

/** The config as it is in force, with every default filled in, under the keys that the file has. */
export function effectiveConfig(config: Config): object {
  return {
    state_dir: escapedSpecifiers(config.stateDir),
    ...release(config.release),
    workers: Object.fromEntries(config.workers.map((worker) => [worker.name, section(worker)])),
  };
}

/** The effective config as YAML that loads to the same Config again. */
export const formatEffective = (config: Config): string =>
  stringify(effectiveConfig(config), { lineWidth: 0, aliasDuplicateObjects: false });

function section(worker: Worker): object {
  return {
    command: worker.command,
    ...instances(worker),
    directory: worker.directory,
    env: worker.env,
    env_files: worker.envFiles,
    pass_env: worker.passEnv,
    pidfile: worker.pidfile,
    ...(worker.daemonizes && {
      daemonizes: true,
      start: { timeout: exactDuration(worker.daemonizes.timeout) },
    }),
    log: { file: worker.logFile, ...log(worker) },
    umask: worker.umask.toString(8).padStart(3, '0'),
    nice: worker.nice,
    oom_score_adj: worker.oomScoreAdj,
    limits: worker.limits,
    ready: ready(worker.ready),
    stop: stop(worker.stop),
    restart: {
      canary: worker.restart.canary ? 1 : 0,
      batch: batch(worker.restart.batch),
      patience: exactDuration(worker.restart.patience),
      overlap: worker.restart.overlap,
      max_extra: worker.restart.maxExtra,
    },
    ...(worker.busyTitle !== undefined && { busy: { title: worker.busyTitle } }),
    ...(worker.heartbeat && { heartbeat: heartbeat(worker.heartbeat) }),
    max_count: worker.maxCount,
    backoff: {
      initial: exactDuration(worker.backoff.initial),
      max: exactDuration(worker.backoff.max),
      reset: exactDuration(worker.backoff.reset),
    },
    ...(worker.recycle && { recycle: recycle(worker.recycle) }),
    lost_grace: exactDuration(worker.lostGrace),
    hooks: { ...worker.hooks, timeout: exactDuration(worker.hooks.timeout) },
  };
}

function log({ log: policy }: Worker): object {
  if (policy === undefined) return {};
  return policy.kind === 'piped'
    ? { command: policy.command }
    : { max_size: policy.maxSize, keep: policy.keep };
}

const heartbeat = ({ timeout, dump, grace }: HeartbeatPolicy): object => ({
  timeout: exactDuration(timeout),
  ...(dump !== undefined && { dump }),
  grace: exactDuration(grace),
});

const recycle = ({ memory, age, outdated, minAge }: RecyclePolicy): object => ({
  ...(memory !== undefined && { memory: exactSize(memory) }),
  ...(age !== undefined && { age: exactDuration(age) }),
  outdated,
  min_age: exactDuration(minAge),
});

/** Nothing for the directory: it is named by no key. */
function release(source: ReleaseSource): object {
  switch (source.kind) {
    case 'directory':
      return {};
    case 'file':
      return { release: { file: escapedSpecifiers(source.path) } };
    case 'command':
      return { release: { command: source.command.map(escapedSpecifiers) } };
  }
}

function ready(readiness: Readiness): object {
  switch (readiness.kind) {
    case 'after':
      return { after: exactDuration(readiness.after) };
    case 'log':
      return { log: readiness.pattern, timeout: exactDuration(readiness.timeout) };
    case 'file':
      return { file: readiness.path, timeout: exactDuration(readiness.timeout) };
    case 'command':
      return { command: readiness.command, timeout: exactDuration(readiness.timeout) };
    case 'notify':
      return { notify: true, timeout: exactDuration(readiness.timeout) };
  }
}

function stop({ timeout, leftovers, ...signals }: StopPolicy): object {
  return {
    ...signals,
    timeout: timeout === undefined ? 'never' : exactDuration(timeout),
    leftovers: leftovers ?? 'leave',
  };
}

const batch = (of: Batch): number | string => (of.kind === 'count' ? of.count : `${of.percent}%`);

const instances = ({ configured, isCounted }: Worker): object =>
  isCounted ? { count: configured.length } : { identifiers: configured };

const units = [
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
] as const;

/** A size without any rounding: `512MB`, or a number of bytes. */
function exactSize(bytes: number): number | string {
  const [unit, size] = sizeUnits.find(([, size]) => bytes > 0 && bytes % size === 0) ?? ['', 1];
  return unit === '' ? bytes : `${bytes / size}${unit}`;
}

const sizeUnits = [
  ['GB', 1024 ** 3],
  ['MB', 1024 ** 2],
  ['KB', 1024],
] as const;

/** A length without any rounding, in the largest unit that allows it: `1s`, `90s`, `1500ms`. */
function exactDuration(length: Duration): string {
  const [unit, ms] = units.find(([, ms]) => length > 0 && length % ms === 0) ?? ['ms', 1];
  return `${length / ms}${unit}`;
}
