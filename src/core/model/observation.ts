import type { Activity } from './activity.ts';
import { keyOf, type ProcessRef } from './instance.ts';
import type { Leftovers } from './leftovers.ts';
import { msPerTick, type LiveProcess, type ProcessIdentity } from './process.ts';
import {
  adoptedStart,
  heirStart,
  type Death,
  type Killing,
  type ProcessRecord,
  type Quieting,
  type Stop,
} from './record.ts';
import { durationOf, type Duration, type Moment } from '../basics/time.ts';

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
      /** That this very process was killed by us. */
      readonly killing?: Killing;
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
      readonly successor?: LiveProcess;
    }
  /** It is a process of this instance, and no record claims that process; `stop` when that very process was asked to finish. */
  | {
      readonly kind: 'stray';
      readonly process: LiveProcess;
      readonly shim?: ShimOfStray;
      /** What its start is called, as far as its environment tells. */
      readonly runId?: string;
      /** By what it is known to be this instance's, in words; without it, by its marker. */
      readonly evidence?: string;
      readonly stop?: Stop;
      /** The process that is gone and has named it as its successor. */
      readonly successorOf?: Predecessor;
    };

/** Whose successor a process is: its pid, and what its record calls its start. */
export interface Predecessor {
  readonly pid: number;
  readonly runId: string;
}

/** What a living shim tells of the stray that it waits for. */
export interface ShimOfStray {
  readonly pid: number;
  readonly runId: string;
}

/** What an adopted process's record has as its `start`: what its shim will report its death with, if there is one. */
export const runIdOfStray = ({
  process,
  shim,
  runId,
  successorOf,
}: Pick<
  Extract<Presence, { kind: 'stray' }>,
  'process' | 'shim' | 'runId' | 'successorOf'
>): string =>
  shim?.runId ?? runId ?? (successorOf === undefined ? adoptedStart : heirStart)(process);

/** Whether the pidfile says what the kernel says. */
export type PidfileState =
  | { readonly kind: 'absent' }
  | { readonly kind: 'holds'; readonly pid: number }
  | { readonly kind: 'broken'; readonly found: string };

/** A log, and how long it is in bytes. */
export interface ObservedLog {
  readonly path: string;
  readonly size: number;
}

/** One instance as it was seen; with `retiring`, an old process of it that drains beside its replacement. */
export interface ObservedInstance {
  readonly name: string;
  /** The run of the old process. */
  readonly retiring?: string;
  readonly presence: Presence;
  readonly pidfile: PidfileState;
  /** What its process says of its work, where it says something; of a dead one its last words. */
  readonly activity?: Activity;
  /** What its process says of itself by sd_notify(3). */
  readonly saidStatus?: string;
  /** How many bytes its process and its session take, where that is measured. */
  readonly memory?: number;
  /** What a start would call its release now, where that was asked. */
  readonly nextRelease?: string;
  /** What its dead process, or a dead one before the living one, has left behind, where that was looked for. */
  readonly leftovers?: Leftovers;
  /** How long its process has given no sign of life, where that is watched. */
  readonly silence?: Duration;
  /** When its process was told to write down what it is doing, counted from the boot of the host. */
  readonly dumpedAt?: Duration;
  /** The log that its living process writes to, where somebody looked at that and the config has a limit for it. */
  readonly log?: ObservedLog;
  /** A file of it that cannot be understood: what was expected and found, in words. */
  readonly problems: readonly string[];
}

/** The world as one pass saw it. Instances that the config does not want, but of which there are files, are in it too. */
export interface Observation {
  readonly now: Moment;
  /** How long the host has been up: what processes' start times count from. */
  readonly sinceBoot: Duration;
  readonly instances: ReadonlyMap<string, ObservedInstance>;
  /** The old processes that drain beside their replacements, and those of which only files are left. */
  readonly retiring: readonly ObservedInstance[];
  /** Whoever looks may replace what is worn: a command that was asked for something else does not. */
  readonly mayRecycle?: boolean;
}

/** Which process this is. */
export const refOf = ({ name: instance, retiring }: ObservedInstance): ProcessRef =>
  retiring === undefined ? { instance } : { instance, retiring };

/** All that was seen: each instance, then the old processes beside them. */
export const allObserved = ({ instances, retiring }: Observation): ObservedInstance[] => [
  ...instances.values(),
  ...retiring,
];

/** The same observation, with these in place of what was seen of the same processes before. */
export function withSeen(observation: Observation, seen: readonly ObservedInstance[]): Observation {
  if (seen.length === 0) return observation;
  const anew = new Map(seen.map((one) => [keyOf(refOf(one)), one]));
  const instances = new Map(observation.instances);
  for (const [key, one] of anew) if (one.retiring === undefined) instances.set(key, one);
  const retiring = observation.retiring.map((one) => anew.get(keyOf(refOf(one))) ?? one);
  return { ...observation, instances, retiring };
}

/** What was seen of one process. */
export const observedAt = (
  { instances, retiring }: Observation,
  { instance, retiring: run }: ProcessRef,
): ObservedInstance | undefined =>
  run === undefined ? instances.get(instance) : retiring.find((one) => one.retiring === run);

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
export function drainingSince(observed: ObservedInstance): Stop | undefined {
  const quiet = sentQuiet(observed);
  return sentStop(observed) ?? (quiet?.stopsWhenIdle === true ? quiet : undefined);
}

/** The stop by which the living process was asked to finish, if the signal went out. */
export function sentStop({ presence }: ObservedInstance): Stop | undefined {
  if (presence.kind !== 'alive' && presence.kind !== 'stray') return undefined;
  return presence.stop?.sent === true ? presence.stop : undefined;
}
