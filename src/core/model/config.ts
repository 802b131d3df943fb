import type { Duration } from '../basics/time.ts';

/** The signals that a worker may be asked to finish with, by the name that `kill -s` takes. */
export const stopSignals = ['TERM', 'INT', 'QUIT', 'HUP', 'USR1', 'USR2', 'WINCH'] as const;

export type StopSignal = (typeof stopSignals)[number];

/** The resource limits that can be set; each is the soft limit, by the names of setrlimit(2). */
export const limitNames = ['nofile', 'nproc', 'core', 'as'] as const;

export type LimitName = (typeof limitNames)[number];

/** The signals that make a worker take no new job, or take jobs again. */
export const quietSignals = [...stopSignals, 'TSTP', 'CONT'] as const;

export type QuietSignal = (typeof quietSignals)[number];

/** How a worker shows that it is ready. One that shows nothing for `timeout` has failed. */
export type Readiness =
  /** It has run this long without dying. */
  | { readonly kind: 'after'; readonly after: Duration }
  /** A line that this very process has written to its log matches this regular expression. */
  | { readonly kind: 'log'; readonly pattern: string; readonly timeout: Duration }
  /** This file was written since the process was started; specifiers allowed. */
  | { readonly kind: 'file'; readonly path: string; readonly timeout: Duration }
  /** This command ends with 0; run in the worker's directory with its environment, no shell; specifiers allowed. */
  | { readonly kind: 'command'; readonly command: readonly string[]; readonly timeout: Duration }
  /** It says so by sd_notify(3), to a resident watch. */
  | { readonly kind: 'notify'; readonly timeout: Duration };

/** How a worker is asked to finish its job and leave. */
export interface StopPolicy {
  readonly signal: StopSignal;
  /** Makes it take no new job. Sent first to one that is known to be busy: `signal` follows when it is idle. */
  readonly quiet?: QuietSignal;
  /** Makes a quiet one take jobs again. Without it, that is done by replacing it. */
  readonly resume?: QuietSignal;
  /** How long it may take before its session is killed; undefined: it is never killed. */
  readonly timeout?: Duration;
  /** What becomes of the processes that a dead one leaves in its session; undefined: they are left alone. */
  readonly leftovers?: Exclude<LeftoverRule, 'leave'>;
}

/** `leave`: they are left alone and told of; `kill`: they are killed; `wait`: nothing is started while they live. */
export const leftoverRules = ['leave', 'kill', 'wait'] as const;

export type LeftoverRule = (typeof leftoverRules)[number];

/** When a process is replaced between two jobs, since it is worn. */
export interface RecyclePolicy {
  /** How many bytes its whole session may have; undefined: any number. */
  readonly memory?: number;
  /** How old it may get; undefined: as old as it will. */
  readonly age?: Duration;
  /** Whether it is replaced when it runs another release than a start would give it. */
  readonly outdated: boolean;
  /** It is left alone until it has run for so long: a limit that is too small for its boot makes no storm. */
  readonly minAge: Duration;
}

/** How many instances of a worker may be down at once because of a restart. */
export type Batch =
  | { readonly kind: 'count'; readonly count: number }
  | { readonly kind: 'percent'; readonly percent: number };

/** How a restart goes through the instances of a worker. */
export interface RestartPolicy {
  /** Whether one replacement must become ready before the others are asked to leave. */
  readonly canary: boolean;
  readonly batch: Batch;
  /** How long to wait for the canary's drain before another one is asked as well. */
  readonly patience: Duration;
  /** Whether the replacement starts while the old process still drains. */
  readonly overlap: boolean;
  /** With `overlap`: how many old processes of the worker may be leaving at once. */
  readonly maxExtra: number;
}

/** How a program that forks away is started. */
export interface Daemonizing {
  /** How long its command and the pidfile may take. */
  readonly timeout: Duration;
}

/** When a worker that gives no sign of life is killed. */
export interface HeartbeatPolicy {
  /** Silence that is shorter never kills; it counts from the start of the process on. */
  readonly timeout: Duration;
  /** Lets a silent worker write down what it is doing, before it is killed. */
  readonly dump?: QuietSignal;
  /** How long it has for that. */
  readonly grace: Duration;
}

/** What becomes of a worker's output beyond the file that it is appended to. */
export type LogPolicy =
  /** A log that is longer than `maxSize` bytes is put into `x.log.1`, the one before into `x.log.2`, up to `keep`. */
  | { readonly kind: 'rotated'; readonly maxSize: number; readonly keep: number }
  /** It goes to a logger; the file holds what the logger itself says. Run without a shell; specifiers allowed. */
  | { readonly kind: 'piped'; readonly command: readonly string[] };

/** How long an instance whose processes die young stays down: `initial`, doubled each time, at most `max`. */
export interface BackoffPolicy {
  readonly initial: Duration;
  readonly max: Duration;
  /**
   * A ready process that dies before it has run for so long has died young, and one that has run for so long ends the
   * row; 0: only deaths before ready count.
   */
  readonly reset: Duration;
}

/** What is run when something has happened: commands without a shell, in the worker's directory and environment. */
export interface HookPolicy {
  /** A job was lost with its process, or may have been. */
  readonly lost?: readonly string[];
  /** It is not started for a while, since it dies young again and again. */
  readonly backoff?: readonly string[];
  /** It gives no sign of life and is about to be killed. */
  readonly unresponsive?: readonly string[];
  /** A restart is over or was aborted. */
  readonly rollout?: readonly string[];
  /** How long one may take before it is killed. */
  readonly timeout: Duration;
}

/** The occasions for hooks. */
export const hookNames = ['lost', 'backoff', 'unresponsive', 'rollout'] as const;

export type HookName = (typeof hookNames)[number];

/** What the release that a directory holds is called. */
export type ReleaseSource =
  /** The last part of the path that the worker's directory resolves to. */
  | { readonly kind: 'directory' }
  /** The first line of a file; absolute path. */
  | { readonly kind: 'file'; readonly path: string }
  /** The first line that a command prints, run in the config's folder, no shell. */
  | { readonly kind: 'command'; readonly command: readonly string[] };

/**
 * A worker: one definition in the config. Every path is absolute; texts may still hold specifiers
 * (`%i` identifier, `%p` worker, `%n` instance, `%H` host name, `%%` a percent sign).
 */
export interface Worker {
  readonly name: string;
  /** The words of the command, run without a shell; in the foreground unless it `daemonizes`. */
  readonly command: readonly string[];
  /** What tells the instances apart, in order: the config's, unless somebody wants another count of them. */
  readonly identifiers: readonly string[];
  /** Those of the config. */
  readonly configured: readonly string[];
  /** Whether the config gives a count, and not a list: only then another count can be wanted. */
  readonly isCounted: boolean;
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
  readonly envFiles: readonly string[];
  /** Names of variables that are taken over from the caller. */
  readonly passEnv: readonly string[];
  readonly pidfile: string;
  /** It forks away and writes `pidfile` itself. Without it, its command is the worker, and the pidfile is ours. */
  readonly daemonizes?: Daemonizing;
  readonly logFile: string;
  /** Without it the log only grows, or somebody else rotates it. */
  readonly log?: LogPolicy;
  readonly umask: number;
  readonly nice: number;
  readonly oomScoreAdj: number;
  readonly limits: Readonly<Partial<Record<LimitName, number | 'unlimited'>>>;
  readonly stop: StopPolicy;
  readonly ready: Readiness;
  readonly restart: RestartPolicy;
  readonly backoff: BackoffPolicy;
  /** What in its process title tells that it is busy: a regular expression, whose first group (or whole match) is what with. */
  readonly busyTitle?: string;
  /** Without it nobody watches for signs of life. */
  readonly heartbeat?: HeartbeatPolicy;
  /** Without it no process is ever worn. */
  readonly recycle?: RecyclePolicy;
  /** How long after a death its job is called lost, where nobody knows whether it had one. */
  readonly lostGrace: Duration;
  readonly hooks: HookPolicy;
  /** The most instances that `want` may set. */
  readonly maxCount: number;
}

/** The whole config, validated, with every default filled in. */
export interface Config {
  /** The file that it was read from; absolute. */
  readonly path: string;
  readonly stateDir: string;
  readonly release: ReleaseSource;
  readonly workers: readonly Worker[];
}
