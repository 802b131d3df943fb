import type { LiveProcess, ProcessIdentity } from './process.ts';
import type { Death, ProcessRecord, Stop } from './record.ts';
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
    }
  /** Its process lives; `stop` when that very process was asked to finish. */
  | {
      readonly kind: 'alive';
      readonly record: ProcessRecord;
      readonly process: LiveProcess;
      readonly stop?: Stop;
    }
  /** A process bears its marker, and no record claims that process; `stop` when that very process was asked to finish. */
  | {
      readonly kind: 'stray';
      readonly process: LiveProcess;
      readonly shim?: ShimOfStray;
      readonly stop?: Stop;
    };

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

/** The stop by which the living process was asked to finish, if the signal went out. */
export function sentStop({ presence }: ObservedInstance): Stop | undefined {
  if (presence.kind !== 'alive' && presence.kind !== 'stray') return undefined;
  return presence.stop?.sent === true ? presence.stop : undefined;
}
