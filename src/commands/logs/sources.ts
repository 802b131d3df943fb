import { withoutSecrets } from '../../core/basics/secrets.ts';
import { rightsIn, type Rights } from '../../core/model/account.ts';
import { logPlacesOf } from '../../core/model/record.ts';
import type { ProcessRef } from '../../core/model/instance.ts';
import { logFilesOf, loggerOf } from '../../core/model/launch.ts';
import type { LostLog } from '../../core/model/lost-log.ts';
import { selectInstances, workerNameOf } from '../../core/model/targets.ts';
import type { Config } from '../../core/model/config.ts';
import { lostLog, outputTo } from '../../host/logs/lost-log.ts';
import { mountProblems } from '../../host/process/mount-problem.ts';
import { findProcess } from '../../host/process/process-table.ts';
import { readRecord } from '../../host/state/records.ts';
import { baseOf, listStateFiles } from '../../host/state/paths.ts';

export interface LogSource {
  /** The instance; its worker if several instances write to the same log. */
  readonly label: string;
  /** It is the log of standard error alone. */
  readonly isError?: boolean;
  readonly path: string;
  /** Of the worker whose log it is. */
  readonly rights: Rights;
  /** The command line of the logger that gets the output: the log then has only what the logger itself says. */
  readonly logger?: string;
  /** What has become of the log, if its process still writes to it; `path` leads to another file, or to none. */
  readonly lost?: LostLog;
  /** It is on a file system that does not answer, in words: it must not be opened. */
  readonly silence?: string;
  /** Whether its process writes to this file (`device:inode`). */
  readonly writeTo: (file: string) => boolean;
}

/**
 * The same as `logSources`, after a question to the file systems of the logs that may hang: a log on one that does not answer
 * has its `silence`.
 * @throws WorkerctlError `usage` for a target that names nothing
 */
export async function answeringSources(
  ...[config, hostName, targets]: Parameters<typeof logSources>
): Promise<readonly LogSource[]> {
  const problems = await mountProblems(() => pathsIn(config, hostName, targets));
  return logSources(config, hostName, targets).map((source) => {
    const silence = problems.get(source.path);
    return silence === undefined ? source : { ...source, silence };
  });
}

/** What the logs are called, without a look at them. */
function pathsIn(...[config, hostName, targets]: Parameters<typeof logSources>): string[] {
  const { stateDir } = config;
  const { instances, retiring } = listStateFiles(stateDir);
  const names = new Set(selectInstances(config, instances, targets));
  const refs = [...names].map((instance): ProcessRef => ({ instance }));
  return [...refs, ...retiring.filter(({ instance }) => names.has(instance))].flatMap((ref) => {
    const worker = config.workers.find(({ name }) => name === workerNameOf(ref.instance));
    const record = readRecord(stateDir, baseOf(ref));
    return [
      ...(worker === undefined ? [] : logFilesOf(worker, ref.instance, hostName)),
      ...(record.kind === 'read' ? logPlacesOf(record.value).map(({ path }) => path) : []),
    ];
  });
}

/**
 * The logs of the instances that the targets name, in the order of the config. If a process was started with another log
 * than the config has now, it is the log of that process. If it has lost its log, it is the file that it writes to; that of an
 * old process beside its replacement is listed only then.
 * @throws WorkerctlError `usage` for a target that names nothing
 */
export function logSources(
  config: Config,
  hostName: string,
  targets: readonly string[],
): readonly LogSource[] {
  const { stateDir } = config;
  const { instances, retiring } = listStateFiles(stateDir);
  const names = selectInstances(config, instances, targets);
  const found = new Map<string, LogSource>();
  const add = (source: LogSource): void => {
    const key = source.lost?.file ?? source.path;
    const known = found.get(key);
    found.set(key, known === undefined ? source : together(known, source));
  };
  for (const instance of names) {
    for (const source of sourcesOf(config, hostName, instance)) add(source);
    for (const ref of retiring.filter((one) => one.instance === instance))
      for (const beside of recordedSources(config, ref)) if (beside.lost !== undefined) add(beside);
  }
  return [...found.values()];
}

/** Two instances with the same log. */
const together = (one: LogSource, other: LogSource): LogSource => ({
  ...one,
  label: one.label === other.label ? one.label : workerNameOf(other.label),
  writeTo: (file) => one.writeTo(file) || other.writeTo(file),
});

function sourcesOf(config: Config, hostName: string, label: string): readonly LogSource[] {
  const { stateDir } = config;
  const recorded = recordedSources(config, { instance: label });
  const worker = config.workers.find(({ name }) => name === workerNameOf(label));
  if (worker === undefined) return recorded;
  const common = { label, rights: worker, writeTo: writesTo(stateDir, { instance: label }) };
  const configured = logFilesOf(worker, label, hostName).map((path, index): LogSource => ({
    ...{ ...common, path },
    ...(index > 0 && { isError: true }),
  }));
  const logger = loggerOf(worker, label, hostName);
  const sources = recorded.length > 0 ? recorded : configured;
  return logger === undefined
    ? sources
    : sources.map((source) => ({ ...source, logger: withoutSecrets(logger.join(' ')) }));
}

function recordedSources(config: Config, ref: ProcessRef): readonly LogSource[] {
  const { stateDir } = config;
  const record = readRecord(stateDir, baseOf(ref));
  if (record.kind !== 'read') return [];
  const { value } = record;
  const isAlive = findProcess(value) !== undefined;
  return logPlacesOf(value).map((log): LogSource => {
    const lost = isAlive ? lostLog({ pid: value.pid, log }) : undefined;
    return {
      label: ref.instance,
      ...(log === value.errorLog && { isError: true }),
      path: log.path,
      rights: rightsIn(config, ref.instance),
      ...(lost && { lost }),
      writeTo: writesTo(stateDir, ref),
    };
  });
}

/** Of the process that is recorded at the time of the question. */
const writesTo =
  (stateDir: string, ref: ProcessRef) =>
  (file: string): boolean => {
    const record = readRecord(stateDir, baseOf(ref));
    const process = record.kind === 'read' ? findProcess(record.value) : undefined;
    return process !== undefined && outputTo(file, process.pid) !== undefined;
  };
