import type { HeldJobs } from './activity.ts';
import type { Duration, Moment } from '../basics/time.ts';
import type { Desired } from './desired.ts';
import type { DrainTimes, RestartCounts } from './history.ts';
import type { ContinuingProcess } from './leftovers.ts';
import type { ProcessIdentity } from './process.ts';
import type { Death } from './record.ts';

/** The instance's processes have died soon after their start. */
export interface Failure {
  /** The run of the process that died last. */
  readonly runId: string;
  /** How many have died in a row. */
  readonly count: number;
  /** When the last one died. */
  readonly at: Moment;
  /** The first of them had been ready, so it was replaced at once. */
  readonly isSpared?: boolean;
  /** The release that they ran, if it is known: another one has not failed. */
  readonly release?: string;
}

/** A death that may have cost a job: its result may still arrive. */
export interface Loss {
  readonly instance: string;
  readonly pid: number;
  readonly runId: string;
  readonly death: Death;
  readonly at: Moment;
  /** When the job is reported as lost; not before all that may go on with it have exited. */
  readonly due: Moment;
  /** What the process was busy with, if it said that. */
  readonly held?: HeldJobs;
  /** What may go on with the job. */
  readonly continuing?: readonly ContinuingProcess[];
}

/** An instance was recycled for its memory soon after its start, so that the limit seems to be below what it needs. */
export interface MemoryRow {
  /** The run of the process that was recycled last. */
  readonly runId: string;
  /** How many have been recycled in a row. */
  readonly count: number;
  /** The limit, in bytes. Another one in the config ends the row. */
  readonly limit: number;
  /** How many bytes the last one had, and at what age. */
  readonly memory: number;
  readonly age: Duration;
}

/** An instance could not be started: no process of it has run since. */
export interface Unstarted {
  /** When that was tried last. */
  readonly at: Moment;
  readonly problem: string;
  /** How often it was tried in a row. */
  readonly count: number;
  /** The release that was tried, if it is known: another one has not failed. */
  readonly release?: string;
}

/** A process that got no signal, because only its record says that it is the instance's. */
export interface Unwitnessed {
  readonly process: ProcessIdentity;
  /** What was found, and what to do, in words. */
  readonly problem: string;
  /** It is the instance's, but its stop note cannot be understood. */
  readonly isUnclear?: boolean;
}

/** What the engine remembers from pass to pass. It can be lost without breaking a promise to anyone. */
export interface Ledger {
  /** By instance. */
  readonly failures: Readonly<Record<string, Failure>>;
  /** By instance, the run whose death has been reported and counted. */
  readonly reportedDeaths: Readonly<Record<string, string>>;
  /** Of these, the runs of which no report said how they had ended: it may still come. */
  readonly unexplained: Readonly<Record<string, string>>;
  readonly losses: readonly Loss[];
  /** By instance, until it has started or is not wanted any more. */
  readonly unstarted: Readonly<Record<string, Unstarted>>;
  /** By instance. */
  readonly recycled: Readonly<Record<string, MemoryRow>>;
  /** By the key of its process; passes report each once. */
  readonly unwitnessed: Readonly<Record<string, Unwitnessed>>;
  /** By run id, the instance of a process whose long drain has been reported. */
  readonly longDrains: Readonly<Record<string, string>>;
  /** By the key of its process: what was wrong with its files; passes report each once. */
  readonly problems: Readonly<Record<string, readonly string[]>>;
  /** By instance: why its process could not be taken over. */
  readonly unadopted: Readonly<Record<string, string>>;
  /** By instance: how often it was restarted in the last day. */
  readonly restarts: Readonly<Record<string, RestartCounts>>;
  /** By worker: how long its latest drains took. */
  readonly times: Readonly<Record<string, DrainTimes>>;
  /** Many instances were missing: they are started a few at a time until none of them waits any more. */
  readonly startsInTurn?: boolean;
  /**
   * By instance, when a command left its start to a watch: it waits for no turn. Until that start was tried or it is not
   * wanted any more.
   */
  readonly asked: Readonly<Record<string, Moment>>;
}

export const noLedger: Ledger = {
  failures: {},
  reportedDeaths: {},
  unexplained: {},
  losses: [],
  unstarted: {},
  recycled: {},
  unwitnessed: {},
  longDrains: {},
  problems: {},
  unadopted: {},
  restarts: {},
  times: {},
  asked: {},
};

/** All that outlives a command. */
export interface State {
  readonly desired: Desired;
  readonly ledger: Ledger;
}
