import { namedProcesses, type Leftovers } from './leftovers.ts';
import type { Predecessor, ShimOfStray } from './observation.ts';
import { shownName, type ProcessRef } from './instance.ts';
import type { LiveProcess, ProcessIdentity } from './process.ts';
import { formatDayAndTime, formatDuration, type Duration, type Moment } from '../basics/time.ts';
import type { LeftoverRule, QuietSignal, StopSignal } from './config.ts';

/** One thing to do, with its cause in words; with `retiring`, to an old process beside the instance's. */
export type Action = ProcessRef & Deed;

type Deed =
  /** Claim a process that no record claims; `start` is what its record is to call it. */
  | {
      readonly kind: 'adopt';
      readonly process: LiveProcess;
      readonly shim?: ShimOfStray;
      readonly runId: string;
      /** The process that has named it as its successor. */
      readonly successorOf?: Predecessor;
      readonly cause: string;
    }
  /** Write the pidfile anew. */
  | {
      readonly kind: 'write_pidfile';
      readonly pid: number;
      readonly cause: string;
    }
  /** Remove a pidfile whose process is dead. */
  | { readonly kind: 'remove_pidfile'; readonly cause: string }
  /** Remove the files of an old process that has left while the new one ran already. */
  | { readonly kind: 'clean_up'; readonly cause: string }
  /** Kill the whole session of a process whose time to leave is over. */
  | {
      readonly kind: 'kill';
      readonly process: ProcessIdentity;
      /** The successor that it has named: nobody has asked that one to leave. */
      readonly successor?: ProcessIdentity;
      /** What it is busy with, as far as that is known. */
      readonly job?: string;
      /** Because it gave no sign of life, and not because its time to leave was over. */
      readonly isWatchdog?: boolean;
      readonly cause: string;
    }
  /** Let a silent process write down what it is doing. */
  | {
      readonly kind: 'dump';
      readonly process: ProcessIdentity;
      readonly signal: QuietSignal;
      readonly cause: string;
    }
  /** Ask a process to finish its job and leave. */
  | {
      readonly kind: 'stop';
      readonly process: ProcessIdentity;
      readonly signal: StopSignal;
      /** How long it may take before it is killed; undefined: without limit. */
      readonly limit?: Duration;
      /** It is worn, and is to be replaced. */
      readonly isRecycle?: boolean;
      readonly cause: string;
    }
  /** Kill what a dead process has left in its session, or note that it is waited for. */
  | {
      readonly kind: 'leftovers';
      readonly left: Leftovers;
      readonly rule: Exclude<LeftoverRule, 'leave'>;
      readonly cause: string;
    }
  /** Ask a process to take no new job. */
  | {
      readonly kind: 'quiet';
      readonly process: ProcessIdentity;
      readonly signal: QuietSignal;
      /** It is to be stopped as soon as it is idle. */
      readonly stopsWhenIdle: boolean;
      readonly limit?: Duration;
      readonly cause: string;
    }
  /** Ask a quiet process to take jobs again. */
  | {
      readonly kind: 'resume';
      readonly process: ProcessIdentity;
      readonly signal: QuietSignal;
      readonly cause: string;
    }
  /** Keep a process that was asked to leave under another name, so that its place is free. */
  | {
      readonly kind: 'retire';
      readonly process: ProcessIdentity;
      /** What its record calls this start. */
      readonly runId: string;
      readonly cause: string;
    }
  | { readonly kind: 'start'; readonly cause: string }
  /** Put what a log holds into an older file beside it, while its process goes on writing. */
  | {
      readonly kind: 'rotate';
      /** What the record of the process calls this start. */
      readonly runId: string;
      readonly path: string;
      /** How many older files there may be. */
      readonly keep: number;
      readonly cause: string;
    };

/** What is only to be noted of an instance: no action, and yet what a command is for. */
export type Noted =
  | {
      readonly kind: 'hold';
      readonly instance: string;
      readonly until?: Moment;
      readonly cause: string;
    }
  | { readonly kind: 'unhold'; readonly instance: string; readonly cause: string };

/** What a command would do. */
export interface Planned {
  /** Noted first. */
  readonly noted: readonly Noted[];
  readonly plan: Plan;
  /** Whose turn comes later, when others have proven the new code or left room. */
  readonly later: readonly string[];
}

/** A log that is to be rotated. */
export type Rotation = Extract<Action, { readonly kind: 'rotate' }>;

/** What one pass does, in this order. */
export type Plan = readonly Action[];

/** The two halves of a plan: what a pass does under its lock, and what comes beside it, since that may take longer. */
export function withoutRotations(plan: Plan): { plan: Plan; rotations: readonly Rotation[] } {
  return {
    plan: plan.filter(({ kind }) => kind !== 'rotate'),
    rotations: plan.filter((action) => action.kind === 'rotate'),
  };
}

/** A plan as stable text, a line for each action: `start mail.1: pid 5843 died: exit status 1`. */
export const formatPlan = (plan: Plan): string =>
  plan.map((action) => `${formatAction(action)}\n`).join('');

/** What is to be noted, as a line without a newline. */
export function formatNoted(noted: Noted, now: Moment): string {
  const { instance, cause } = noted;
  switch (noted.kind) {
    case 'hold': {
      const until = noted.until === undefined ? '' : ` until ${formatDayAndTime(noted.until, now)}`;
      return `leave ${instance} alone${until}: ${cause}`;
    }
    case 'unhold':
      return `watch ${instance} again: ${cause}`;
  }
}

/** One action as a line, without a newline. */
export function formatAction(action: Action): string {
  const { cause } = action;
  const instance = shownName(action);
  switch (action.kind) {
    case 'adopt':
      return `adopt ${instance} pid ${action.process.pid}: ${cause}`;
    case 'write_pidfile':
      return `repair the pidfile of ${instance} pid ${action.pid}: ${cause}`;
    case 'remove_pidfile':
      return `remove the pidfile of ${instance}: ${cause}`;
    case 'clean_up':
      return `remove the files of ${instance}: ${cause}`;
    case 'kill':
      return `kill ${instance} pid ${action.process.pid} and its session: ${cause}`;
    case 'leftovers':
      return `${action.rule === 'kill' ? 'kill' : 'wait for'} what pid ${action.left.of.pid} of ${instance} has left, ${namedProcesses(action.left.processes)}: ${cause}`;
    case 'dump':
      return `let ${instance} pid ${action.process.pid} write down what it is doing (${action.signal}): ${cause}`;
    case 'stop':
      return `ask ${instance} pid ${action.process.pid} to finish (${action.signal}${within(action.limit)}): ${cause}`;
    case 'quiet':
      return `ask ${instance} pid ${action.process.pid} to take no new job (${action.signal}): ${cause}`;
    case 'resume':
      return `ask ${instance} pid ${action.process.pid} to take jobs again (${action.signal}): ${cause}`;
    case 'retire':
      return `let ${instance} pid ${action.process.pid} leave beside its replacement: ${cause}`;
    case 'start':
      return `start ${instance}: ${cause}`;
    case 'rotate':
      return `rotate the log of ${instance}: ${cause}`;
  }
}

const within = (limit: Duration | undefined): string =>
  limit === undefined ? '' : `, killed after ${formatDuration(limit)}`;
