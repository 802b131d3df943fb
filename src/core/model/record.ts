import { type Moment, type Duration, formatDuration } from '../basics/time.ts';
import { formatSignal } from './signal-names.ts';
import type { StopSignal, QuietSignal } from './config.ts';
import type { ProcessIdentity } from './process.ts';

/** What a death was: somebody asked for it, the process was recycled, or it was unexpected. */
export type Verdict = 'requested' | 'recycled' | 'unexpected';

/**
 * What is written down of a process when it is started. Never changed afterwards, but by a rotation of its log
 * (where its own lines begin), and for a program that forks away: first
 * it is of the command that is to start it (`launch`), then, under the same `start`, of the process in its pidfile.
 */
export interface ProcessRecord extends ProcessIdentity {
  readonly instance: string;
  /** Names this one start; the shim's report of the death carries it too. */
  readonly runId: string;
  /** The worker's parent, which waits for it; 0 when it has none of ours: it was adopted, has forked away, or has taken over from its predecessor. */
  readonly shimPid: number;
  readonly startedAt: Moment;
  /** What the code that it runs is called, where that was known when it was started. */
  readonly release?: string;
  /** Tells whether the process runs the command that the config has now. */
  readonly commandDigest: string;
  /** It is no worker yet, but the command of one that forks away, or the shim that waits for its pidfile. */
  readonly launch?: Launching;
  /** How to ask it to finish, should the config no longer say. */
  readonly stopSignal: StopSignal;
  /** Its log, and how long that was when the process started: what it wrote itself begins there. */
  readonly log: { readonly path: string; readonly offset: number };
}

/** That a program that forks away is being started. */
export interface Launching {
  /** How long that may take. */
  readonly timeout: Duration;
}

/** What begins the `start` of a process that nobody of ours has started: it knows nothing of us. */
const adopted = 'adopted-';

/** The `start` of an adopted process; the same for the same process. */
export const adoptedStart = ({ pid, startTime }: ProcessIdentity): string =>
  `${adopted}${pid}-${startTime}`;

/** The `start` of a successor that a process of ours has started itself: it knows all that its predecessor knew of us. */
export const heirStart = ({ pid, startTime }: ProcessIdentity): string =>
  `heir-${pid}-${startTime}`;

/** Whether the process was started by somebody else: no file of ours was ever named to it. */
export const isForeign = ({ runId }: Pick<ProcessRecord, 'runId'>): boolean =>
  runId.startsWith(adopted);

/** That a process was asked to finish. */
export interface Stop {
  /** Who was asked: a stop of a predecessor means nothing to its successor. */
  readonly process: ProcessIdentity;
  /** False when workerctl was killed between the decision and the signal: then it is still to be sent. */
  readonly sent: boolean;
  readonly signal: QuietSignal;
  readonly at: Moment;
  /** Why, in words: `restart by deploy@web1`. */
  readonly cause: string;
  /**
   * When its session is to be killed, counted from the boot of the host: a jump of the wall clock kills nobody. Undefined:
   * never.
   */
  readonly deadline?: Duration;
  /** It was worn, and is to be replaced. */
  readonly isRecycle?: boolean;
}

/** That a process was asked to take no new job. */
export interface Quieting extends Stop {
  /** Whether it is to be stopped as soon as it is idle. */
  readonly stopsWhenIdle: boolean;
}

/** That a process's whole session was about to be killed. Written down before it was. */
export interface Killing {
  readonly process: ProcessIdentity;
  readonly at: Moment;
  /** Why, in words. */
  readonly cause: string;
  /** Because it gave no sign of life. */
  readonly isWatchdog: boolean;
}

/** How a process died. */
export type Death =
  | { readonly kind: 'exited'; readonly status: number }
  | {
      readonly kind: 'signalled';
      readonly signal: number;
      readonly coreDumped: boolean;
      /** The kernel has killed it for want of memory; `likely` where only its count of such kills says so. */
      readonly outOfMemory?: 'certain' | 'likely';
    }
  /** The host was booted since: it did nothing wrong. */
  | { readonly kind: 'rebooted' }
  /** The command of a program that forks away has ended well, and its pidfile named no new process in time. */
  | { readonly kind: 'unlaunched'; readonly found: LaunchProblem }
  | { readonly kind: 'unknown'; readonly problem: string };

/** What was found in the pidfile of a program that was to write it. */
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
        ...(death.outOfMemory === 'certain' ? ['out of memory'] : []),
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
  unexpected: ' unexpectedly',
};

/** The death of a process before it was ready, in words. */
export const formatEarlyDeath = ({ pid, launch }: ProcessRecord, death: Death): string =>
  launch === undefined
    ? `pid ${pid} ${formatEnd(death, undefined, ' before it was ready')}`
    : `its command did not bring it up: ${formatDeath(death)}`;

/** The number of SIGKILL on every Linux. Source: signal(7). */
const sigkill = 9;

/** Whether a process was ended by SIGKILL. */
export const wasKilled = (death: Death): boolean =>
  death.kind === 'signalled' && death.signal === sigkill;

/** A process that is not ready in time, in words. */
export function formatLate(record: ProcessRecord, timeout: Duration): string {
  const { pid, launch } = record;
  const after = `after ${formatDuration(timeout)}`;
  if (launch === undefined) return `pid ${pid} is not ready ${after}`;
  return isBehindItsCommand(record)
    ? `its command exited, but its pidfile names no new process ${after}`
    : `its command (pid ${pid}) has not exited ${after}; does it fork away?`;
}

/** Whether the command of a program that forks away has ended: the shim is then what its record names. */
export const isBehindItsCommand = ({ pid, shimPid, launch }: ProcessRecord): boolean =>
  launch !== undefined && pid === shimPid;
