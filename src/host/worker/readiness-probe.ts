import type { Launch } from '../../core/model/launch.ts';
import { logPlacesOf, type ProcessRecord } from '../../core/model/record.ts';
import { durationOf, momentOf, type Duration, type Moment } from '../../core/basics/time.ts';
import type { Readiness } from '../../core/model/config.ts';
import { describeErrno } from '../files/errno.ts';
import { monotonicMs } from '../process/clock.ts';
import { compilePattern } from '../process/compile-pattern.ts';
import { asUserOf } from '../process/as-user.ts';
import { problemOf, runProgram, type Program } from '../process/run-program.ts';
import { statsOf } from '../files/stats-of.ts';
import { buildEnvironment } from './environment.ts';
import { createLogSearch, type LogSearch } from './log-search.ts';

/** Whether this process is ready. */
export interface ReadinessQuestion {
  readonly record: ProcessRecord;
  /** What has to be looked at; the specifiers in its path and command are expanded. */
  readonly readiness: Exclude<Readiness, { readonly kind: 'after' | 'notify' }>;
  readonly launch: Launch;
}

/** What an answer is read from, or where its command runs. */
export function pathsAsked({ readiness, record, launch }: ReadinessQuestion): readonly string[] {
  switch (readiness.kind) {
    case 'file':
      return [readiness.path];
    case 'log':
      return logPlacesOf(record).map(({ path }) => path);
    case 'command':
      return [launch.directory, ...launch.envFiles];
  }
}

/** Looks repeatedly whether processes are ready, one process per instance: the next run replaces the one before. */
export interface ReadinessProbe {
  /** Never waits: a command runs in the background, and a later look gets its answer. */
  readonly isReady: (question: ReadinessQuestion) => boolean;
  /** Why the last command for this run failed: `exit status 3`; undefined if none has. */
  readonly problemOf: (runId: string) => string | undefined;
  /** Kills the commands that are still running. */
  readonly dispose: () => void;
}

export interface CommandLimits {
  /** A command that takes longer is killed. */
  readonly timeout: Duration;
  /** From one start of a command to the next. */
  readonly interval: Duration;
}

const defaultLimits: CommandLimits = { timeout: durationOf(10_000), interval: durationOf(500) };

/** What is remembered of a process from look to look. */
interface Watch {
  readonly runId: string;
  readonly logs: readonly LogSearch[];
  isReady: boolean;
  /** Kills the command that is running. */
  command: AbortController | undefined;
  /** When the last command was started, on the monotonic clock. */
  startedMs: number;
  problem: string | undefined;
}

export function createReadinessProbe(limits = defaultLimits): ReadinessProbe {
  const watches = new Map<string, Watch>();
  const watchOf = (record: ProcessRecord): Watch => {
    const { instance, runId } = record;
    const known = watches.get(instance);
    if (known?.runId === runId) return known;
    known?.command?.abort();
    const watch: Watch = {
      runId,
      logs: logPlacesOf(record).map(({ path, offset }) => createLogSearch(path, offset)),
      isReady: false,
      command: undefined,
      startedMs: -Infinity,
      problem: undefined,
    };
    watches.set(instance, watch);
    return watch;
  };
  return {
    isReady: (question) => isReady(watchOf(question.record), question, limits),
    problemOf: (runId) => [...watches.values()].find((watch) => watch.runId === runId)?.problem,
    dispose: () => {
      for (const { command } of watches.values()) command?.abort();
      watches.clear();
    },
  };
}

/** Looks once, for a caller that will not look again: waits for a command. */
export async function probeOnce(
  question: ReadinessQuestion,
  limits = defaultLimits,
): Promise<boolean> {
  if (question.readiness.kind !== 'command') return createReadinessProbe(limits).isReady(question);
  const problem = await runCommand(question, question.readiness.command, limits);
  return problem === undefined;
}

function isReady(watch: Watch, question: ReadinessQuestion, limits: CommandLimits): boolean {
  const { readiness, record, launch } = question;
  switch (readiness.kind) {
    case 'file':
      return isWrittenSince(readiness.path, record.startedAt);
    case 'log':
      watch.isReady ||= asUserOf(launch, () => {
        const pattern = compilePattern(readiness.pattern);
        return watch.logs.some((log) => log.finds(pattern));
      });
      return watch.isReady;
    case 'command':
      tryCommand(watch, question, readiness.command, limits);
      return watch.isReady;
  }
}

/**
 * The kernel stamps files with the time of its last tick, up to 10 ms ago; `since` is exact. With a wider margin, a file
 * that the predecessor wrote as it died would count as new.
 */
const tickMs = 10;

const isWrittenSince = (path: string, since: Moment): boolean =>
  (writtenAt(path) ?? -Infinity) >= since - tickMs;

function writtenAt(path: string): Moment | undefined {
  const stats = statsOf(path);
  return stats && momentOf(stats.mtimeMs);
}

/** When a ready process had shown it at the latest; undefined: that is not known. */
export function shownBy({ readiness, record }: ReadinessQuestion): Moment | undefined {
  switch (readiness.kind) {
    case 'file':
      return writtenAt(readiness.path);
    case 'log':
      return writtenAt(record.log.path);
    case 'command':
      return undefined;
  }
}

function tryCommand(
  watch: Watch,
  question: ReadinessQuestion,
  command: readonly string[],
  { timeout, interval }: CommandLimits,
): void {
  if (watch.isReady || watch.command !== undefined) return;
  if (monotonicMs() - watch.startedMs < interval) return;
  watch.startedMs = monotonicMs();
  watch.command = new AbortController();
  const { signal } = watch.command;
  void runCommand(question, command, { timeout, signal, mayOutliveUs: true }).then((problem) => {
    watch.command = undefined;
    watch.isReady = problem === undefined;
    watch.problem = problem;
  });
}

/** Runs it in the worker's directory and environment; returns in words why it failed. */
async function runCommand(
  { record, launch }: ReadinessQuestion,
  command: readonly string[],
  { timeout, signal, mayOutliveUs }: Pick<Program, 'timeout' | 'signal' | 'mayOutliveUs'>,
): Promise<string | undefined> {
  try {
    const environment = {
      ...buildEnvironment(launch, process.env),
      WORKERCTL_INSTANCE: record.instance,
      WORKERCTL_PID: String(record.pid),
    };
    const { directory } = launch;
    const { end } = await runProgram({
      command,
      directory,
      environment,
      rights: launch,
      timeout,
      ...(signal && { signal }),
      ...(mayOutliveUs && { mayOutliveUs }),
    });
    return problemOf(end);
  } catch (error) {
    return describeErrno(error); // an env file that cannot be read
  }
}
