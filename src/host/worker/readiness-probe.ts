import type { ChildProcess } from 'node:child_process';
import {
  closeSync,
  constants as fileFlags,
  fstatSync,
  openSync,
  readSync,
  statSync,
} from 'node:fs';
import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';
import type { Launch } from '../../core/model/launch.ts';
import { formatDeath, type ProcessRecord } from '../../core/model/record.ts';
import { durationOf, formatDuration, type Duration, type Moment } from '../../core/basics/time.ts';
import type { Readiness } from '../../core/model/config.ts';
import { childProcess } from '../process/spawn.ts';
import { monotonicMs } from '../process/clock.ts';
import { buildEnvironment } from './environment.ts';
import { describeErrno } from '../files/errno.ts';

/** Whether this process is ready. */
export interface ReadinessQuestion {
  readonly record: ProcessRecord;
  /** What has to be looked at; its path and its words have no specifiers any more. */
  readonly readiness: Exclude<Readiness, { readonly kind: 'after' | 'notify' }>;
  readonly launch: Launch;
}

/** Looks again and again whether processes are ready, one process per instance: a new start forgets the one before. */
export interface ReadinessProbe {
  /** Never waits: a command goes on in the background, and a later look gets its answer. */
  readonly isReady: (question: ReadinessQuestion) => boolean;
  /** Why the last command for this start said no: `exit status 3`; undefined while none has. */
  readonly problemOf: (runId: string) => string | undefined;
  /** Kills the commands that still run. */
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
  readonly log: LogPlace;
  isReady: boolean;
  /** The one that runs. */
  command: Command | undefined;
  /** When the last one was started, on the monotonic clock. */
  startedMs: number;
  problem: string | undefined;
}

export function createReadinessProbe(limits = defaultLimits): ReadinessProbe {
  const watches = new Map<string, Watch>();
  const watchOf = ({ instance, runId, log }: ProcessRecord): Watch => {
    const known = watches.get(instance);
    if (known?.runId === runId) return known;
    known?.command?.kill();
    const watch: Watch = {
      runId,
      log: { position: log.offset, carried: Buffer.alloc(0) },
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
      for (const { command } of watches.values()) command?.kill();
      watches.clear();
    },
  };
}

/** Looks once, for a caller who does not come again: a command is waited for. */
export async function probeOnce(
  question: ReadinessQuestion,
  limits = defaultLimits,
): Promise<boolean> {
  if (question.readiness.kind !== 'command') return createReadinessProbe(limits).isReady(question);
  const command = startCommand(question, question.readiness.command, limits.timeout);
  return (await command.end) === undefined;
}

function isReady(watch: Watch, question: ReadinessQuestion, limits: CommandLimits): boolean {
  const { readiness, record } = question;
  switch (readiness.kind) {
    case 'file':
      return isWrittenSince(readiness.path, record.startedAt);
    case 'log':
      watch.isReady ||= hasNewMatch(record.log.path, watch.log, new RegExp(readiness.pattern, 'm'));
      return watch.isReady;
    case 'command':
      tryCommand(watch, question, readiness.command, limits);
      return watch.isReady;
  }
}

/**
 * The kernel stamps files with the time of its last tick, up to 10 ms ago; `since` is exact. A coarser margin would take
 * a file for new that the predecessor wrote as it died.
 */
const tickMs = 10;

function isWrittenSince(path: string, since: Moment): boolean {
  try {
    const stats = statSync(path, { throwIfNoEntry: false });
    return stats !== undefined && stats.mtimeMs >= since - tickMs;
  } catch {
    return false; // in a folder that is none, or not ours to see
  }
}

/** How far a log has been read. */
interface LogPlace {
  position: number;
  /** The line that has no end yet: its last 64 KiB. */
  carried: Buffer;
}

const chunkBytes = 64 * 1024;
const maxChunks = 128; // 8 MiB: the rest is for the next look
const newline = 0x0a;

/** Whether a line that was written since the last look matches; one without an end counts at the end of the log. */
function hasNewMatch(path: string, place: LogPlace, pattern: RegExp): boolean {
  let fd: number | undefined;
  try {
    fd = openSync(path, fileFlags.O_RDONLY | fileFlags.O_NONBLOCK);
    const { size } = fstatSync(fd);
    // Begun anew, as logrotate's copytruncate does: all of it was written since.
    if (size < place.position) startOver(place);
    const chunk = Buffer.alloc(Math.min(chunkBytes, size - place.position));
    for (let count = 0; count < maxChunks; count += 1) {
      const length = readSync(fd, chunk, 0, chunk.length, place.position);
      if (length === 0) return hasMatch(place.carried, pattern);
      place.position += length;
      if (takeLines(place, chunk.subarray(0, length)).some((part) => hasMatch(part, pattern)))
        return true;
    }
    return false;
  } catch {
    return false; // not there yet, or not ours to read
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function startOver(place: LogPlace): void {
  place.position = 0;
  place.carried = Buffer.alloc(0);
}

/** The lines that these bytes complete; and the one that they do not, if it is too long to be carried whole. */
function takeLines(place: LogPlace, bytes: Buffer): Buffer[] {
  const all = Buffer.concat([place.carried, bytes]);
  const end = all.lastIndexOf(newline) + 1;
  const rest = all.subarray(end);
  place.carried = Buffer.from(rest.subarray(-chunkBytes));
  return [all.subarray(0, end), ...(rest.length > chunkBytes ? [rest] : [])];
}

const hasMatch = (bytes: Buffer, pattern: RegExp): boolean =>
  bytes.length > 0 &&
  bytes
    .toString('utf8')
    .replace(/\n$/, '')
    .split('\n')
    .some((line) => pattern.test(line));

/** A readiness command that was started. */
interface Command {
  /** Why it says no, in words; undefined when it says yes. */
  readonly end: Promise<string | undefined>;
  /** Ends it with all that it has started. */
  readonly kill: () => void;
  /** Lets us end before it. */
  readonly unref: () => void;
}

function tryCommand(
  watch: Watch,
  question: ReadinessQuestion,
  words: readonly string[],
  { timeout, interval }: CommandLimits,
): void {
  if (watch.isReady || watch.command !== undefined) return;
  if (monotonicMs() - watch.startedMs < interval) return;
  watch.startedMs = monotonicMs();
  watch.command = startCommand(question, words, timeout);
  watch.command.unref();
  void watch.command.end.then((problem) => {
    watch.command = undefined;
    watch.isReady = problem === undefined;
    watch.problem = problem;
  });
}

/** Runs it in the worker's directory with its environment, in a session of its own. */
function startCommand(
  { record, launch }: ReadinessQuestion,
  [program = '', ...words]: readonly string[],
  timeout: Duration,
): Command {
  try {
    const env = {
      ...buildEnvironment(launch, process.env),
      WORKERCTL_INSTANCE: record.instance,
      WORKERCTL_PID: String(record.pid),
    };
    const options = { cwd: launch.directory, env, stdio: 'ignore', detached: true } as const;
    return limited(childProcess().spawn(program, words, options), timeout);
  } catch (error) {
    const ignore = (): void => undefined;
    return { end: Promise.resolve(describeFailure(error)), kill: ignore, unref: ignore };
  }
}

function limited(child: ChildProcess, timeout: Duration): Command {
  let isLate = false;
  const kill = (): void => {
    killGroup(child);
  };
  const timer = setTimeout(() => {
    isLate = true;
    kill();
  }, timeout);
  const end = new Promise<string | undefined>((resolve) => {
    child.once('error', (error) => {
      resolve(describeFailure(error));
    });
    child.once('exit', (status, signal) => {
      resolve(isLate ? `took more than ${formatDuration(timeout)}` : problemIn(status, signal));
    });
  }).finally(() => {
    clearTimeout(timer);
  });
  return {
    end,
    kill,
    unref: () => {
      child.unref();
      timer.unref();
    },
  };
}

/** Until we have been told of its end, its number is nobody else's. */
function killGroup({ pid, exitCode, signalCode }: ChildProcess): void {
  if (pid === undefined || exitCode !== null || signalCode !== null) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // it has become another user's: then it cannot be helped
  }
}

function problemIn(status: number | null, signal: NodeJS.Signals | null): string | undefined {
  if (status === 0) return undefined;
  return formatDeath(
    signal === null
      ? { kind: 'exited', status: status ?? 0 }
      : { kind: 'signalled', signal: constants.signals[signal], coreDumped: false },
  );
}

/** Node's own message of a failed start has the code alone: `spawn pg_isready ENOENT`. */
function describeFailure(error: unknown): string {
  const errno = error instanceof Error && 'errno' in error ? Number(error.errno) : NaN;
  const known = getSystemErrorMap().get(errno);
  return known === undefined ? describeErrno(error) : known.join(': ');
}
