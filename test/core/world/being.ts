import type { LiveProcess } from '../../../src/core/model/process.ts';
import type { Death, ProcessRecord, Quieting, Stop } from '../../../src/core/model/record.ts';
import type { Worker } from '../../../src/core/model/config.ts';

/** What one process will do. All lengths are in milliseconds, and whole ticks of the kernel's clock. */
export interface Fate {
  /** How long its job takes from the moment that it is asked to leave or to take no new one; 0: it is idle. */
  readonly drain: number;
  /** When it shows that it is ready, after its start; null: never. */
  readonly readyIn: number | null;
  /** When it dies by itself, after its start, should it not have left before. */
  readonly crashIn: number | null;
  /** Whether anybody learns when and how it died. */
  readonly isReported: boolean;
  /** How long each command takes that makes it quiet or resumes it, and whether these fail. */
  readonly commandTakes: number;
  readonly doCommandsFail: boolean;
}

/** Idle, good code. */
export const goodFate: Fate = {
  drain: 0,
  readyIn: 200,
  crashIn: null,
  isReported: true,
  commandTakes: 200,
  doCommandsFail: false,
};

/** One process from its start to its end: what it went through, whatever anybody believes. */
export interface Being {
  readonly pid: number;
  readonly instance: string;
  readonly worker: Worker;
  readonly fate: Fate;
  readonly record: ProcessRecord;
  /** Moments of its life count from the boot. */
  readonly bornAt: number;
  /** How often the wall clock had jumped by then. */
  readonly jumpsBefore: number;
  /** It drains beside its replacement. */
  isRetiring: boolean;
  stop?: { readonly at: number; readonly note: Stop };
  /** `endsAt`: when the command ends that runs for that. */
  quiet?: { readonly at: number; readonly note: Quieting; readonly endsAt?: number };
  /** When it was asked to leave, or made quiet in order to be. */
  askedAt?: number;
  /** A look has noted that it is ready. */
  wasNotedReady: boolean;
  end?: {
    readonly at: number;
    readonly death: Death;
    readonly diedAt?: number;
    readonly jumps: number;
  };
}

export const isAlive = ({ end }: Being): boolean => end === undefined;

/** When it has finished its last job, if it takes no new one. */
export const idleAt = ({ stop, quiet, fate }: Being): number =>
  Math.min(stop?.at ?? Infinity, quiet?.at ?? Infinity) + fate.drain;

export const leavesAt = (being: Being): number =>
  being.stop === undefined ? Infinity : Math.max(being.stop.at, idleAt(being));

export const diesAt = (being: Being): number =>
  Math.min(leavesAt(being), being.bornAt + (being.fate.crashIn ?? Infinity));

export const showsReadyAt = ({ bornAt, fate: { readyIn } }: Being): number =>
  readyIn === null ? Infinity : bornAt + readyIn;

/** Whether it was truly ready at that moment, were it alive. */
export function isReadyAt(being: Being, at: number): boolean {
  const { ready } = being.worker;
  return ready.kind === 'after' ? at - being.bornAt >= ready.after : showsReadyAt(being) <= at;
}

/** The process of a record, as the kernel has it. */
export const processOf = ({ pid, startTime, bootId, shimPid }: ProcessRecord): LiveProcess => ({
  pid,
  startTime,
  bootId,
  parentPid: shimPid,
  sessionId: pid,
  activity: 'runs',
});
