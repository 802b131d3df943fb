import type { Activity } from './activity.ts';
import type { LiveProcess, ProcessIdentity } from './process.ts';
import type { Death, ProcessRecord, Quieting, Stop } from './record.ts';
import { durationOf, type Duration, type Moment } from './time.ts';

/** What holds an instance's place. */
export type Presence =
  /** Nothing is known of any process of it. */
  | { readonly kind: 'absent' }
  /** Its last process is dead; `stop` when it had been asked to finish. */
  | {
      readonly kind: 'dead';
      readonly record: ProcessRecord;
      readonly death: Death;
      readonly diedAt?: Moment;
      readonly stop?: Stop;
      /** Whether it was seen ready; means nothing where readiness is a matter of time. */
      readonly hasShownReady: boolean;
    }
  /** Its process lives; `stop` when that very process was asked to finish, `quiet` when it was to take no new job. */
  | {
      readonly kind: 'alive';
      readonly record: ProcessRecord;
      readonly process: LiveProcess;
      readonly stop?: Stop;
      readonly quiet?: Quieting;
      readonly hasShownReady: boolean;
      /** The living process that it has named as its successor (MAINPID of sd_notify(3)), for when it is gone. */
      readonly heir?: LiveProcess;
    }
  /** A process bears its marker, and no record claims that process; `stop` when that very process was asked to finish. */
  | {
      readonly kind: 'stray';
      readonly process: LiveProcess;
      readonly shim?: ShimOfStray;
      readonly stop?: Stop;
      /** The process that is gone and has named it as its successor. */
      readonly heirOf?: Predecessor;
    };

/** Whose successor a process is: its pid, and what its record calls its start. */
export interface Predecessor {
  readonly pid: number;
  readonly start: string;
}

/** What a living shim tells of the stray that it waits for. */
export interface ShimOfStray {
  readonly pid: number;
  readonly start: string;
}

/** What an adopted process's record has as its `start`: what its shim will report its death with, if there is one. */
export const startOfStray = ({ process, shim }: Extract<Presence, { kind: 'stray' }>): string =>
  shim?.start ?? `adopted-${process.pid}`;

/** Whether the pidfile says what the kernel says. */
export type PidfileState =
  | { readonly kind: 'absent' }
  | { readonly kind: 'holds'; readonly pid: number }
  | { readonly kind: 'broken'; readonly found: string };

/** One instance as it was seen. */
export interface ObservedInstance {
  readonly name: string;
  readonly presence: Presence;
  readonly pidfile: PidfileState;
  /** What its process says of its work, where it says something. */
  readonly activity?: Activity;
  /** What its process says of itself by sd_notify(3). */
  readonly saidStatus?: string;
  /** How long its process has given no sign of life, where that is watched. */
  readonly silence?: Duration;
  /** When its process was told to write down what it is doing, counted from the boot of the host. */
  readonly dumpedAt?: Duration;
  /** A file of it that cannot be understood: what was expected and found, in words. */
  readonly problems: readonly string[];
}

/** The world as one pass saw it. Instances that the config does not want, but of which there are files, are in it too. */
export interface Observation {
  readonly now: Moment;
  /** How long the host has been up: what processes' start times count from. */
  readonly sinceBoot: Duration;
  readonly instances: ReadonlyMap<string, ObservedInstance>;
}

/** Clock ticks are 10 ms on every Linux that Node runs on (USER_HZ). */
const msPerTick = 10;

/** How long a process has been running, by the kernel's clock: a jump of the wall clock does not change it. */
export const ageOf = (process: ProcessIdentity, { sinceBoot }: Observation): Duration =>
  durationOf(Math.max(0, sinceBoot - process.startTime * msPerTick));

/** The process that lives in an instance's place, whoever claims it. */
export function liveProcess({ presence }: ObservedInstance): LiveProcess | undefined {
  return presence.kind === 'alive' || presence.kind === 'stray' ? presence.process : undefined;
}

/** The signal that made the living process take no new job, if it went out. */
export function sentQuiet({ presence }: ObservedInstance): Quieting | undefined {
  return presence.kind === 'alive' && presence.quiet?.sent === true ? presence.quiet : undefined;
}

/** Since when the living process is on its way out: asked to finish, or made quiet in order to be. */
export function leavingSince(observed: ObservedInstance): Stop | undefined {
  const quiet = sentQuiet(observed);
  return sentStop(observed) ?? (quiet?.isPrelude === true ? quiet : undefined);
}

/** The stop by which the living process was asked to finish, if the signal went out. */
export function sentStop({ presence }: ObservedInstance): Stop | undefined {
  if (presence.kind !== 'alive' && presence.kind !== 'stray') return undefined;
  return presence.stop?.sent === true ? presence.stop : undefined;
}
