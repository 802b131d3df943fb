import { type Moment, type Duration, formatDuration } from '../basics/time.ts';
import { formatSize } from '../basics/bytes.ts';
import { formatSignal } from './signal-names.ts';
import type { StopSignal, QuietSignal } from './config.ts';
import type { Code } from './code.ts';
import type { ProcessIdentity } from './process.ts';

/** Whether a death was asked for, a recycling, the end of the work (`on_exit`), or unexpected. */
export type Verdict = 'requested' | 'recycled' | 'done' | 'unexpected';

/**
 * What is written down of a process when it is started. Never changed afterwards, but by a rotation of its log
 * (where its own lines begin), and for a program that forks away: first
 * it is of the command that is to start it (`launch`), then, under the same `start`, of the process in its pidfile.
 */
export interface ProcessRecord extends ProcessIdentity, Code {
  readonly instance: string;
  /** Identifies this run; the shim's report of the death has it too. */
  readonly runId: string;
  /** The worker's parent, which waits for it; 0 without a shim: it was adopted, forked away, or took over from its predecessor. */
  readonly shimPid: number;
  readonly startedAt: Moment;
  /** Where it was started: an absolute path without symbolic links; undefined if workerctl did not start it. */
  readonly directory?: string;
  /** The config that it was started or adopted with. */
  readonly config?: string;
  /** Not a worker yet, but the command of one that forks away, or the shim that waits for its pidfile. */
  readonly launch?: Launching;
  /** The command that was to start it has failed with this status, and yet left this process behind. */
  readonly launchExit?: number;
  /** How to ask it to finish if the config no longer has the worker. */
  readonly stopSignal: StopSignal;
  readonly log: LogPlace;
  /** The log of its standard error, if that has its own. */
  readonly errorLog?: LogPlace;
}

/** The logs of a process: one, or standard error has its own. */
export const logPlacesOf = ({
  log,
  errorLog,
}: Pick<ProcessRecord, 'log' | 'errorLog'>): readonly LogPlace[] =>
  errorLog === undefined ? [log] : [log, errorLog];

/** The log of a process. */
export interface LogPlace {
  readonly path: string;
  /** Its size when the process started, in bytes: the process's own lines begin there. */
  readonly offset: number;
  /** Which file the process was given, as `device:inode`; undefined if that is not known, or no regular file. */
  readonly file?: string;
}

/** A program that forks away is being started. */
export interface Launching {
  /** How long that may take. */
  readonly timeout: Duration;
}

/** The prefix of the run id of a process that workerctl did not start. */
const adopted = 'adopted-';

/** The run id of an adopted process; always the same for the same process. */
export const adoptedRunId = ({ pid, startTime }: ProcessIdentity): string =>
  `${adopted}${pid}-${startTime}`;

/** The run id of a successor that a worker started itself: it inherits the environment of its predecessor. */
export const successorRunId = ({ pid, startTime }: ProcessIdentity): string =>
  `successor-${pid}-${startTime}`;

/** Whether workerctl did not start the process: it does not know the paths of our files. */
export const isForeign = ({ runId }: Pick<ProcessRecord, 'runId'>): boolean =>
  runId.startsWith(adopted);

/** A request that a process got. */
export interface Asking {
  /** The process that was asked: a stop of a predecessor means nothing for its successor. */
  readonly process: ProcessIdentity;
  /** False when workerctl was killed between the decision and the signal: then it must still be sent. */
  readonly sent: boolean;
  readonly at: Moment;
  /** Why, in words: `restart by deploy@web1`. */
  readonly cause: string;
  /**
   * When its session will be killed, counted from the boot of the host: a jump of the wall clock kills nothing. Undefined:
   * never.
   */
  readonly deadline?: Duration;
  /** Since when it had had its job, if it was busy and said that. */
  readonly jobSince?: Moment;
  /** It was due for recycling. */
  readonly isRecycle?: boolean;
  /** How many bytes it had, if it was due for that. */
  readonly memory?: number;
  /** A command has set the deadline: it holds for the whole session, also if the process itself exits before. */
  readonly endsSession?: boolean;
}

/** A request to finish. */
export interface Stop extends Asking {
  readonly signal: QuietSignal;
  /** Its note cannot be understood: the process may have been asked, or not. */
  readonly unclear?: UnclearNote;
  /** With `endsSession`: what had descended from the process by then, in its session and others. The kill reaches that. */
  readonly family?: readonly SessionMember[];
  /** With `stop.to: session`: the other processes of its session at that moment, each of which is asked once. */
  readonly members?: readonly SessionMember[];
  /** Which of them were asked, in their order: `x`, or `.` for one that was not. */
  readonly asked?: string;
}

/** A note that cannot be understood. */
export interface UnclearNote {
  readonly path: string;
  /** What was expected and what was found; begins with the path. */
  readonly problem: string;
  /** Nothing is known of its contents: missing rights, a failing disk, too few descriptors. */
  readonly isUnreadable?: true;
}

/** A process of a session. */
export type SessionMember = Pick<ProcessIdentity, 'pid' | 'startTime'>;

/** A request to take no new job. */
export interface Quieting extends Asking {
  /** Undefined: a command was run for that. */
  readonly signal?: QuietSignal;
  /** Whether it is stopped as soon as it is idle. */
  readonly stopsWhenIdle: boolean;
  /** When the command that was run last is killed at the latest, since the boot of the host; also names that run. */
  readonly commandUntil?: Duration;
  /** That command is the one that lets it take jobs again. */
  readonly isResuming?: boolean;
  /** How that command has ended, which another file says; undefined: it still runs. */
  readonly end?: CommandEnd;
}

/** How a command has ended that a process was to be made quiet or resumed by. */
export interface CommandEnd {
  /** Why it has failed, in words; undefined: it exited with 0. */
  readonly problem?: string;
}

/**
 * How far a request to take no new job is. `asked`: its command runs; `resuming`: the command that takes it back runs;
 * `stuck`: that one has failed.
 */
export type QuietState =
  | { readonly kind: 'none' | 'asked' | 'quiet' | 'resuming' }
  | { readonly kind: 'failed' | 'stuck'; readonly problem: string };

const notAsked: QuietState = { kind: 'none' };

export function quietStateOf(quiet: Quieting | undefined): QuietState {
  if (quiet?.sent !== true) return notAsked;
  const { commandUntil, isResuming = false, end } = quiet;
  if (commandUntil === undefined) return { kind: 'quiet' };
  if (end === undefined) return { kind: isResuming ? 'resuming' : 'asked' };
  const { problem } = end;
  if (problem !== undefined) return { kind: isResuming ? 'stuck' : 'failed', problem };
  return { kind: isResuming ? 'none' : 'quiet' };
}

/** A kill of a process and its session, written down just before it. */
export interface Killing {
  readonly process: ProcessIdentity;
  readonly at: Moment;
  /** Why, in words. */
  readonly cause: string;
  /** Whether it gave no sign of life. */
  readonly isWatchdog: boolean;
}

/** How a process died. */
export type Death =
  | { readonly kind: 'exited'; readonly status: number }
  | {
      readonly kind: 'signalled';
      readonly signal: number;
      readonly coreDumped: boolean;
      /** The kernel killed it because memory ran out; `likely` if only the kernel's count of such kills says so. */
      readonly outOfMemory?: 'certain' | 'likely';
      /** That was at `limits.memory_max`, in bytes. */
      readonly memoryLimit?: number;
    }
  /** The host was rebooted: the process did nothing wrong. */
  | { readonly kind: 'rebooted' }
  /** The command of a program that forks away exited with 0, but its pidfile named no new process in time. */
  | { readonly kind: 'unlaunched'; readonly found: LaunchProblem }
  | { readonly kind: 'unknown'; readonly problem: string };

/** What is wrong with a pidfile that the program should have written. */
export const launchProblems = ['absent', 'empty', 'garbage', 'dead', 'old', 'foreign'] as const;

export type LaunchProblem = (typeof launchProblems)[number];
const launchWords: Readonly<Record<LaunchProblem, string>> = {
  absent: 'does not exist',
  empty: 'is empty',
  garbage: 'contains no pid',
  dead: 'names a dead process',
  old: 'names a process older than this start',
  foreign: 'names a process of another user',
};

/** A death in words: `exit status 3`, `signal 6 (SIGABRT), core dumped`. */
export function formatDeath(death: Death): string {
  switch (death.kind) {
    case 'exited':
      return `exit status ${death.status}`;
    case 'signalled':
      return [
        formatSignal(death.signal),
        ...(death.coreDumped ? ['core dumped'] : []),
        ...(death.outOfMemory === 'certain' ? [`out of memory${limitWords(death)}`] : []),
        ...(death.outOfMemory === 'likely' ? ['most likely out of memory'] : []),
      ].join(', ');
    case 'rebooted':
      return 'status unknown: the host was booted since';
    case 'unlaunched':
      return `its command exited, but its pidfile ${launchWords[death.found]}`;
    case 'unknown':
      return `status unknown: ${death.problem}`;
  }
}

const limitWords = ({ memoryLimit }: { readonly memoryLimit?: number }): string =>
  memoryLimit === undefined ? '' : ` (limits.memory_max: ${formatSize(memoryLimit)})`;

/**
 * A death as it follows the pid: `exited as asked: status 0`, `died unexpectedly: signal 9 (SIGKILL)`.
 * @param when what comes before the colon, with a leading space
 */
export function formatEnd(death: Death, verdict?: Verdict, when = ''): string {
  const how = verdict === undefined ? '' : verdictWords[verdict];
  if (death.kind === 'exited') return `exited${how}${when}: status ${death.status}`;
  const isExpected = verdict === 'requested' || verdict === 'recycled';
  if (isExpected && wasKilled(death)) return `was killed${when}: ${formatDeath(death)}`;
  return `${isExpected ? 'ended' : 'died'}${how}${when}: ${formatDeath(death)}`;
}

const verdictWords: Readonly<Record<Verdict, string>> = {
  requested: ' as asked',
  recycled: ' to be recycled',
  done: ' when done',
  unexpected: ' unexpectedly',
};

/** The death of a process while a command waits for it to come up, in words. */
export function formatEarlyDeath(
  { pid, launch }: ProcessRecord,
  death: Death,
  wasReady: boolean,
): string {
  if (launch !== undefined) return `its command did not bring it up: ${formatDeath(death)}`;
  const when = wasReady ? ' soon after it was ready' : ' before it was ready';
  return `pid ${pid} ${formatEnd(death, undefined, when)}`;
}

/** The number of SIGKILL on every Linux. Source: signal(7). */
const sigkill = 9;

/** Whether a process was ended by SIGKILL. */
export const wasKilled = (death: Death): boolean =>
  death.kind === 'signalled' && death.signal === sigkill;

/** A process that is not ready in time, in words. */
export function formatLate(record: ProcessRecord, timeout: Duration): string {
  const { pid, launch, launchExit } = record;
  if (launchExit !== undefined)
    return `its command failed (exit status ${launchExit}), and left pid ${pid} behind`;
  const after = `after ${formatDuration(timeout)}`;
  if (launch === undefined) return `pid ${pid} is not ready ${after}`;
  return isBehindItsCommand(record)
    ? `its command exited, but its pidfile names no new process ${after}`
    : `its command (pid ${pid}) has not exited ${after}; does it fork away?`;
}

/** Whether the command of a program that forks away has exited: its record then names the shim. */
export const isBehindItsCommand = ({ pid, shimPid, launch }: ProcessRecord): boolean =>
  launch !== undefined && pid === shimPid;
