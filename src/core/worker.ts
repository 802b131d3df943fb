import type { Duration } from './time.ts';

/** The signals that a worker may be asked to finish with, by the name that `kill -s` takes. */
export const stopSignals = ['TERM', 'INT', 'QUIT', 'HUP', 'USR1', 'USR2', 'WINCH'] as const;
export type StopSignal = (typeof stopSignals)[number];

/** The resource limits that can be set; each is the soft limit, by the names of setrlimit(2). */
export const limitNames = ['nofile', 'nproc', 'core', 'as'] as const;
export type LimitName = (typeof limitNames)[number];

/** How a worker shows that it is ready: it has run this long without dying. */
export interface Readiness {
  readonly after: Duration;
}

/** Which signal asks a worker to finish its job and leave. */
export interface StopPolicy {
  readonly signal: StopSignal;
}

/**
 * A worker: one definition in the config. Every path is absolute; texts may still hold specifiers
 * (`%i` identifier, `%p` worker, `%n` instance, `%H` host name, `%%` a percent sign).
 */
export interface Worker {
  readonly name: string;
  /** The words of the command, run without a shell, in the foreground. */
  readonly command: readonly string[];
  /** What tells the instances apart, in the order of the config. */
  readonly identifiers: readonly string[];
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
  readonly envFiles: readonly string[];
  /** Names of variables that are taken over from the caller. */
  readonly passEnv: readonly string[];
  readonly pidfile: string;
  readonly logFile: string;
  readonly umask: number;
  readonly nice: number;
  readonly oomScoreAdj: number;
  readonly limits: Readonly<Partial<Record<LimitName, number>>>;
  readonly stop: StopPolicy;
  readonly ready: Readiness;
}

/** The whole config, validated, with every default filled in. */
export interface Config {
  /** The file that it was read from; absolute. */
  readonly path: string;
  readonly stateDir: string;
  readonly workers: readonly Worker[];
}
