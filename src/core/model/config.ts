import type { Duration } from '../basics/time.ts';

/** The signals that can ask a worker to finish, by the names that `kill -s` takes. */
export const stopSignals = ['TERM', 'INT', 'QUIT', 'HUP', 'USR1', 'USR2', 'WINCH'] as const;

export type StopSignal = (typeof stopSignals)[number];

/** The resource limits that can be set; each is the soft limit, by the names of setrlimit(2). */
export const limitNames = ['nofile', 'nproc', 'core', 'as'] as const;

export type LimitName = (typeof limitNames)[number];

/** What an instance may use with all of its children: the limits of a control group of its own. */
export interface GroupLimits {
  /** In bytes. */
  readonly memoryMax?: number;
  /** Cores. */
  readonly cpu?: number;
}

/** The signals that can make a worker take no new jobs, or take jobs again. */
export const quietSignals = [...stopSignals, 'TSTP', 'CONT'] as const;

export type QuietSignal = (typeof quietSignals)[number];

/**
 * A command that makes one instance take no new jobs, or take jobs again: without a shell, in the worker's directory and
 * environment; specifiers allowed.
 */
export interface QuietCommand {
  readonly command: readonly string[];
  /** One that takes longer is killed, and has failed. */
  readonly timeout: Duration;
}

export type QuietMeans = QuietSignal | QuietCommand;

/** How a worker shows that it is ready. If it does not within `timeout`, its start has failed. */
export type Readiness = ReadySign & {
  /** It must still be alive this long after that to be ready; undefined: at once. */
  readonly stay?: Duration;
};

export type ReadySign =
  /** It has been running for this long. */
  | { readonly kind: 'after'; readonly after: Duration }
  /** A line that this process has written to its log matches this regular expression. */
  | { readonly kind: 'log'; readonly pattern: string; readonly timeout: Duration }
  /** This file was written after the process was started; specifiers allowed. */
  | { readonly kind: 'file'; readonly path: string; readonly timeout: Duration }
  /** This command ends with 0; run in the worker's directory with its environment, no shell; specifiers allowed. */
  | { readonly kind: 'command'; readonly command: readonly string[]; readonly timeout: Duration }
  /** It sends READY=1 by sd_notify(3) to a running watch. */
  | { readonly kind: 'notify'; readonly timeout: Duration };

/** How a worker is asked to finish its job and exit. */
export interface StopPolicy {
  readonly signal: StopSignal;
  /**
   * Makes it take no new jobs. A stop sends a signal first if the worker is known to be busy, and runs a command in any case;
   * `signal` follows when it is idle.
   */
  readonly quiet?: QuietMeans;
  /** Makes a quiet worker take jobs again. Without it, the worker is replaced for that. */
  readonly resume?: QuietMeans;
  /** How long it may drain before its session is killed; undefined: it is never killed for that. */
  readonly timeout?: Duration;
  /** All processes of its session are asked, not the worker alone. */
  readonly to?: Exclude<StopTarget, 'process'>;
  /** What happens to the processes that a dead worker leaves in its session; undefined: `report`. */
  readonly leftovers?: Exclude<LeftoverRule, 'report'>;
}

/** Which processes a stop asks: the worker, or all that are in its session then. */
export const stopTargets = ['process', 'session'] as const;

export type StopTarget = (typeof stopTargets)[number];

/**
 * `report`: those that a stop did not reach make the command end with 1; `leave`: they are only shown; `kill`: they are
 * killed; `wait`: nothing is started while they live.
 */
export const leftoverRules = ['report', 'leave', 'kill', 'wait'] as const;

export type LeftoverRule = (typeof leftoverRules)[number];

/** After which exits of its own another process is started: any, one without a success code, or none. */
export const exitRules = ['always', 'on_failure', 'never'] as const;

export type ExitRule = (typeof exitRules)[number];

/** When a process is due for recycling: replaced between two jobs. */
export interface RecyclePolicy {
  /** How many bytes of memory its whole session may use; undefined: no limit. */
  readonly memory?: number;
  /** How long it may run; undefined: no limit. */
  readonly age?: Duration;
  /** Whether it is replaced if it runs another release than a start would give it. */
  readonly outdated: boolean;
  /** No younger process is recycled: a limit that its start exceeds must not cause one restart after another. */
  readonly minAge: Duration;
}

/** How many instances of a worker may be down at once because of a restart. */
export type Batch =
  | { readonly kind: 'count'; readonly count: number }
  | { readonly kind: 'percent'; readonly percent: number };

/** After a failed restart: leave it aborted, or pin the worker to the directory that it ran in before. */
export const failureRules = ['abort', 'rollback'] as const;

export type FailureRule = (typeof failureRules)[number];

/** How a restart goes through the instances of a worker. */
export interface RestartPolicy {
  /** Whether one replacement must become ready before the others are asked to stop. */
  readonly canary: boolean;
  readonly batch: Batch;
  /** How long the canary may drain before another instance is asked too. */
  readonly patience: Duration;
  /** Whether the replacement starts while the old process still drains. */
  readonly overlap: boolean;
  /** With `overlap`: how many old processes of the worker may drain at once. */
  readonly maxExtra: number;
  /** Whether a background process goes on with a restart as soon as its command has ended. */
  readonly finisher: boolean;
  /** What becomes of a worker whose replacement has failed: `rollback` pins it to the old directory. */
  readonly onFailure: FailureRule;
}

/** How a program that daemonizes is started. */
export interface Daemonizing {
  /** How long its command may take to end and its pidfile to name the daemon. */
  readonly timeout: Duration;
}

/** When a worker that gives no sign of life is killed. */
export interface HeartbeatPolicy {
  /** The silence that kills; it counts from the start of the process. */
  readonly timeout: Duration;
  /** Makes a silent worker write down what it is doing, before it is killed. */
  readonly dump?: QuietSignal;
  /** How long it has for that before the kill. */
  readonly grace: Duration;
}

/** What happens to a worker's output, other than that it is appended to a file. */
export type LogPolicy =
  /** A log longer than `maxSize` bytes is moved to `x.log.1`, the one before to `x.log.2`, up to `keep`. */
  | { readonly kind: 'rotated'; readonly maxSize: number; readonly keep: number }
  /** It goes to a logger; the file holds what the logger itself prints. Run without a shell; specifiers allowed. */
  | { readonly kind: 'piped'; readonly command: readonly string[] };

/** How long an instance that keeps failing stays down: `initial`, doubled each time, at most `max`. */
export interface BackoffPolicy {
  readonly initial: Duration;
  readonly max: Duration;
  /**
   * A ready process that dies abnormally before this age has failed; one that reaches it ends the row of failures.
   * 0: only deaths before ready, and those within `minRun`, count.
   */
  readonly reset: Duration;
  /** A process that has run for less than this has failed, also if it was ready or exited with status 0. */
  readonly minRun: Duration;
}

/** Commands to run when something has happened: without a shell, in the worker's directory and environment. */
export interface HookPolicy {
  /** A job was lost with its process, or may have been. */
  readonly lost?: readonly string[];
  /** An instance is not started for a while, because it keeps failing. */
  readonly backoff?: readonly string[];
  /** A process gives no sign of life and is about to be killed. */
  readonly unresponsive?: readonly string[];
  /** A process died, and nothing had asked for that. */
  readonly died?: readonly string[];
  /** A process was started. */
  readonly started?: readonly string[];
  /** A restart was aborted. */
  readonly aborted?: readonly string[];
  /** A restart is over. */
  readonly finished?: readonly string[];
  /** A restart is over or was aborted. */
  readonly rollout?: readonly string[];
  readonly drainLong: LongDrainPolicy;
  /** How long a hook may take before it is killed. */
  readonly timeout: Duration;
}

/** When a drain counts as long, and what is run then. */
export interface LongDrainPolicy {
  readonly command?: readonly string[];
  /** How long after it was asked to exit. */
  readonly after: Duration;
}

/** What calls hooks and notifications. */
export const occasions = [
  'lost',
  'died',
  'started',
  'backoff',
  'unresponsive',
  'aborted',
  'finished',
  'drain_long',
] as const;

export type Occasion = (typeof occasions)[number];

/** What is told of unless the config says otherwise: what a person may have to look at. */
export const notifiedByDefault: readonly Occasion[] = [
  'lost',
  'died',
  'backoff',
  'unresponsive',
  'aborted',
  'drain_long',
];

/** Of the hooks, `rollout` is called for two occasions: `aborted` and `finished`. */
export const hookNames = [...occasions, 'rollout'] as const;

export type HookName = (typeof hookNames)[number];

/** The command of a hook; undefined: the worker has no such hook. */
export const hookCommand = (hooks: HookPolicy, name: HookName): readonly string[] | undefined =>
  name === 'drain_long' ? hooks.drainLong.command : hooks[name];

/** Where a secret is kept: it is in no config and in no argument. */
export type SecretPlace =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'env'; readonly name: string };

/** What the body of a webhook's request looks like. */
export const webhookFormats = ['json', 'slack', 'sentry'] as const;

export type WebhookFormat = (typeof webhookFormats)[number];

export interface Webhook {
  readonly format: WebhookFormat;
  /** Of the address; with `sentry` of the DSN. */
  readonly url: SecretPlace;
  /** Of further headers, a `Name: value` line each. */
  readonly headers?: SecretPlace;
}

/** Who is told of what: by a command or by a webhook. */
export interface NotifyPolicy {
  readonly on: readonly Occasion[];
  /** Run without a shell, in the folder of the config; it finds the message on its standard input. */
  readonly command?: readonly string[];
  readonly webhook?: Webhook;
  /** How long one attempt may take. */
  readonly timeout: Duration;
}

/** The user that a worker's processes belong to, and their group if it is not that user's own; each by name or number. */
export interface RunAs {
  readonly user: string;
  readonly group?: string;
}

/** What names the release in a directory. */
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
  /** The framework that it is of; its settings are in the other members already. */
  readonly preset?: string;
  /** What it can be named by in commands, together with others: `@slow`. */
  readonly tags?: readonly string[];
  /** The words of the command, run without a shell; in the foreground unless it `daemonizes`. */
  readonly command: readonly string[];
  /** What tells the instances apart, in order: those of the config, unless another count is in force. */
  readonly identifiers: readonly string[];
  /** Those of the config. */
  readonly configured: readonly string[];
  /** Whether the config has a count, not a list: only then can another count be set. */
  readonly isCounted: boolean;
  /** The config does not have it any more; what is known of it is in the records of its processes. */
  readonly isForgotten?: true;
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
  readonly envFiles: readonly string[];
  /** Names of variables that are taken over from the caller. */
  readonly passEnv: readonly string[];
  readonly pidfile: string;
  /** Its command starts a daemon that writes `pidfile` itself. Undefined: the command is the worker, and we write it. */
  readonly daemonizes?: Daemonizing;
  /** Only root can start it unless the caller is this user. Undefined: the caller's. */
  readonly runAs?: RunAs;
  /** Its processes cannot get further rights by a program that is setuid, setgid or has capabilities. */
  readonly noNewPrivs: boolean;
  readonly logFile: string;
  /** The log of standard error; undefined: both outputs go to `logFile`. */
  readonly errorFile?: string;
  /** Undefined: workerctl does not rotate the log. */
  readonly log?: LogPolicy;
  readonly umask: number;
  readonly nice: number;
  readonly oomScoreAdj: number;
  readonly limits: Readonly<Partial<Record<LimitName, number | 'unlimited'>>>;
  /** Undefined: its processes are in the control group of what starts them. */
  readonly cgroup?: GroupLimits;
  readonly stop: StopPolicy;
  readonly ready: Readiness;
  readonly restart: RestartPolicy;
  readonly onExit: ExitRule;
  /** The exit statuses by which a process says that its work is done, unless `onExit` is `always`. */
  readonly successCodes: readonly number[];
  readonly backoff: BackoffPolicy;
  /** It is busy if its process title matches this; the first group, or else the whole match, says what it is doing. */
  readonly busyTitle?: string;
  /** How many of its instances may be starting at the same time if many are missing; undefined: the host decides. */
  readonly startsAtOnce?: number;
  /** Undefined: no sign of life is expected. */
  readonly heartbeat?: HeartbeatPolicy;
  /** Undefined: nothing is recycled. */
  readonly recycle?: RecyclePolicy;
  /** If it is not known whether a dead process had a job: how long until the job counts as lost. */
  readonly lostGrace: Duration;
  readonly hooks: HookPolicy;
  /** How far a process may extend its time limits by sd_notify(3). */
  readonly maxExtension: Duration;
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
  /** Undefined: no messages are sent. */
  readonly notify?: NotifyPolicy;
  /** What lets others decide what it names, in words: then nothing of that is run. Undefined: it is trusted. */
  readonly distrust?: string;
  /** The caller trusts it, also if others can write it (`--trust-config`). */
  readonly isVouchedFor?: true;
}

/** The words by which another command gets the same config with the same trust. */
export const configWords = ({ path, isVouchedFor }: Config): readonly string[] => [
  isVouchedFor === true ? '--trust-config' : '--config',
  path,
];
