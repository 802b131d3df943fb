import type { Activity } from './activity.ts';
import type { Code } from './code.ts';
import { keyOf, type ProcessRef } from './instance.ts';
import type { ContinuingProcess, Leftovers } from './leftovers.ts';
import type { LostLog } from './lost-log.ts';
import { msPerTick, type LiveProcess, type ProcessIdentity } from './process.ts';
import {
  adoptedRunId,
  quietStateOf,
  successorRunId,
  type Asking,
  type Death,
  type Killing,
  type ProcessRecord,
  type Quieting,
  type Stop,
  type UnclearNote,
} from './record.ts';
import { durationOf, elapsed, type Duration, type Moment } from '../basics/time.ts';

/** The process of an instance, or the lack of one. */
export type Presence =
  /** No process of it is known. */
  | { readonly kind: 'absent' }
  /** Its last process is dead; `stop` if it had been asked to finish. */
  | {
      readonly kind: 'dead';
      readonly record: ProcessRecord;
      readonly death: Death;
      readonly diedAt?: Moment;
      /** When the kernel has created it, by the wall clock: on a busy host that may be long after `startedAt` of the record. */
      readonly beganAt?: Moment;
      /** The latest moment at which it can have died, if no report says when and a look before this one found it dead. */
      readonly diedBy?: Moment;
      /** Its cgroup has counted a kill because memory ran out while it lived: of this process, or of a sibling. */
      readonly hasCountedKill?: true;
      /** The limit that memory ran out at, in bytes, if it had a control group of its own. */
      readonly memoryLimit?: number;
      readonly stop?: Stop;
      /** Present if workerctl killed this process. */
      readonly killing?: Killing;
      /** Whether it was seen ready; meaningless if readiness is a matter of time (`ready.after`). */
      readonly hasShownReady: boolean;
      /** How old it was when it did, for `ready.stay`. */
      readonly readyAge?: Duration;
    }
  /** Its process lives; `stop` if that process was asked to finish, `quiet` if it was asked to take no new job. */
  | {
      readonly kind: 'alive';
      readonly record: ProcessRecord;
      readonly process: LiveProcess;
      readonly stop?: Stop;
      readonly quiet?: Quieting;
      readonly hasShownReady: boolean;
      /** How old it was when it did, for `ready.stay`. */
      readonly readyAge?: Duration;
      /** The living process that it named as its successor (MAINPID of sd_notify(3)), which takes over when it exits. */
      readonly successor?: LiveProcess;
      readonly extension?: Extension;
    }
  /** A process of this instance that no record claims; `stop` if that process was asked to finish. */
  | {
      readonly kind: 'stray';
      readonly process: LiveProcess;
      readonly shim?: ShimOfStray;
      /** The id of its run, if its environment has it. */
      readonly runId?: string;
      /** Why it is taken for this instance's, in words; missing if its environment marks it. */
      readonly evidence?: string;
      readonly stop?: Stop;
      /** The process that has exited and had named it as its successor. */
      readonly successorOf?: Predecessor;
    };

/** That a process has asked for more time (EXTEND_TIMEOUT_USEC of sd_notify(3)). */
export interface Extension {
  /** Counted from the boot of the host. */
  readonly until: Duration;
  /** By how much its worker lets it extend a limit. */
  readonly most: Duration;
}

/** The process that a successor follows. */
export interface Predecessor {
  readonly pid: number;
  readonly runId: string;
}

/** The living shim that waits for a stray. */
export interface ShimOfStray {
  readonly pid: number;
  readonly runId: string;
}

/** The run id of an adopted process: the one that its shim, if there is one, will report its death with. */
export const runIdOfStray = ({
  process,
  shim,
  runId,
  successorOf,
}: Pick<
  Extract<Presence, { kind: 'stray' }>,
  'process' | 'shim' | 'runId' | 'successorOf'
>): string =>
  shim?.runId ?? runId ?? (successorOf === undefined ? adoptedRunId : successorRunId)(process);

/** What the pidfile contains. */
export type PidfileState =
  | { readonly kind: 'absent' }
  | { readonly kind: 'holds'; readonly pid: number }
  /** Its file system does not answer, so it was not looked at. */
  | { readonly kind: 'silent' }
  | { readonly kind: 'broken'; readonly problem: string };

/** Whether the shim that has reported this death has left the pidfile to a process that waits for the death. */
export const isLeftByShim = (
  { pid }: Pick<ProcessRecord, 'pid'>,
  { kind }: Death,
  pidfile: PidfileState,
): boolean =>
  (kind === 'exited' || kind === 'signalled') && pidfile.kind === 'holds' && pidfile.pid === pid;

/** The log of a living process. */
export interface ObservedLog {
  readonly path: string;
  /** The size of the file that the process writes to, in bytes. */
  readonly size: number;
  /** Present if that is not the file at the path. */
  readonly lost?: LostLog;
}

/** One instance as it was seen or, with `retiring`, an old process of it that drains beside its replacement. */
export interface ObservedInstance {
  readonly name: string;
  /** The run of the old process. */
  readonly retiring?: string;
  readonly presence: Presence;
  readonly pidfile: PidfileState;
  /**
   * A process that leads a session and writes to its log as its own process would, but that neither its pidfile nor a record
   * names, while it has no process.
   */
  readonly unclaimed?: LiveProcess;
  /** What its process says about its work, if it does; for a dead one, what it said last. */
  readonly activity?: Activity;
  /** The STATUS= that its process sent by sd_notify(3). */
  readonly saidStatus?: string;
  /** The memory of its process and session in bytes, if it is measured. */
  readonly memory?: number;
  /** The release that a start would give it now, if that was looked up. */
  readonly nextRelease?: string;
  /** Of the command that a start would run now, if its worker may be done (`on_exit`). */
  readonly commandDigest?: string;
  /** What its last dead process left behind, if that was looked for. */
  readonly leftovers?: Leftovers;
  /** Of these, the ones that may go on with its job; at least one. */
  readonly continuing?: readonly ContinuingProcess[];
  /** How long its process has given no sign of life, if that is watched. */
  readonly silence?: Duration;
  /** When its process was asked to dump what it is doing, counted from the boot of the host. */
  readonly dumpedAt?: Duration;
  /** The log of its living process, if it was looked at. */
  readonly log?: ObservedLog;
  /** The same for the log of its standard error, if that has its own. */
  readonly errorLog?: ObservedLog;
  /** It is not wanted by this config, but was started by this other one, which is still there. */
  readonly otherConfig?: string;
  /** Files of it that cannot be read: what was expected and what was found. */
  readonly problems: readonly string[];
}

/** What one pass saw. Includes instances that have files but are not in the config. */
export interface Observation {
  readonly now: Moment;
  /** How long the host has been up; start times of processes count from its boot. */
  readonly sinceBoot: Duration;
  readonly instances: ReadonlyMap<string, ObservedInstance>;
  /** The old processes that drain beside their replacements, and those of which only files are left. */
  readonly retiring: readonly ObservedInstance[];
  /** What a start would give these instances now, looked up if a restart is under way. */
  readonly launches?: ReadonlyMap<string, Code>;
  /** By instance, why it could not be started again, looked up before processes are asked to exit for that. */
  readonly obstacles?: ReadonlyMap<string, string>;
  /**
   * How many instances of a worker may be starting at the same time if many are missing, unless its config says so. A
   * command that was asked to start instances has no such limit.
   */
  readonly startsAtOnce?: number;
  /** Whether this pass may recycle instances; a command that was asked for something else does not. */
  readonly mayRecycle?: boolean;
  /** Why nothing may be started now, looked up before something is. */
  readonly barred?: string;
}

/** Which process this is. */
export const refOf = ({ name: instance, retiring }: ObservedInstance): ProcessRef =>
  retiring === undefined ? { instance } : { instance, retiring };

/** Tells what was seen of processes apart, as `keyOf` does. */
export const keyOfObserved = ({ name, retiring }: ObservedInstance): string =>
  retiring === undefined ? name : keyOf({ instance: name, retiring });

/** All that was seen: each instance, then the old processes beside them. */
export const allObserved = ({ instances, retiring }: Observation): ObservedInstance[] => [
  ...instances.values(),
  ...retiring,
];

/** The same observation, with these in place of what was seen of the same processes before. */
export function withSeen(observation: Observation, seen: readonly ObservedInstance[]): Observation {
  if (seen.length === 0) return observation;
  const anew = new Map(seen.map((one) => [keyOfObserved(one), one]));
  const instances = new Map(observation.instances);
  for (const [key, one] of anew) if (one.retiring === undefined) instances.set(key, one);
  const retiring = observation.retiring.map((one) => anew.get(keyOfObserved(one)) ?? one);
  return { ...observation, instances, retiring };
}

/** What was seen of one process. */
export const observedAt = (
  { instances, retiring }: Observation,
  { instance, retiring: run }: ProcessRef,
): ObservedInstance | undefined =>
  run === undefined ? instances.get(instance) : retiring.find((one) => one.retiring === run);

/** How long a process has been running, by the kernel's clock: a jump of the wall clock does not change it. */
export const ageOf = (
  process: ProcessIdentity,
  { sinceBoot }: Pick<Observation, 'sinceBoot'>,
): Duration => durationOf(Math.max(0, sinceBoot - process.startTime * msPerTick));

/** The latest moment at which a process can have died: what is not reported may have lived until it was found dead. */
export const latestDeath = (
  { diedAt, diedBy }: Pick<Extract<Presence, { kind: 'dead' }>, 'diedAt' | 'diedBy'>,
  now: Moment,
): Moment => diedAt ?? diedBy ?? now;

/** Start times count in ticks of 10 ms, and the file system's clock may be some ms late. */
const clocksDifferMs = 100;

/** How long a dead process has run, at the most. A clock that was set since may have moved its beginning: then the record counts. */
export function ranFor(
  dead: Pick<Extract<Presence, { kind: 'dead' }>, 'record' | 'beganAt' | 'diedAt' | 'diedBy'>,
  now: Moment,
): Duration {
  const { beganAt, record } = dead;
  const end = latestDeath(dead, now);
  const isLikely =
    beganAt !== undefined && beganAt > record.startedAt && beganAt <= end + clocksDifferMs;
  return elapsed(isLikely ? beganAt : record.startedAt, end);
}

/** Those without a living process whose record is there. Looked for once: many rules ask, and there may be a thousand instances. */
export function deadIn(observation: Observation): readonly ObservedInstance[] {
  const known = deadOnes.get(observation);
  if (known !== undefined) return known;
  const found = allObserved(observation).filter(({ presence }) => presence.kind === 'dead');
  deadOnes.set(observation, found);
  return found;
}

const deadOnes = new WeakMap<Observation, readonly ObservedInstance[]>();

/** The living process of an instance, whether or not a record claims it. */
export function liveProcess({ presence }: ObservedInstance): LiveProcess | undefined {
  return presence.kind === 'alive' || presence.kind === 'stray' ? presence.process : undefined;
}

/**
 * Whether it may live all the same: its record leads to no living process, and no report of its shim proves that it has
 * exited. Only a search of /proc can tell.
 */
export const mayLive = ({ presence }: ObservedInstance): boolean =>
  presence.kind === 'absent' ||
  (presence.kind === 'dead' && ['unknown', 'rebooted'].includes(presence.death.kind));

/** The request to take no new job, if the living process was asked and was not let take jobs again. */
export function sentQuiet({ presence }: ObservedInstance): Quieting | undefined {
  const quiet = presence.kind === 'alive' ? presence.quiet : undefined;
  return quietStateOf(quiet).kind === 'none' ? undefined : quiet;
}

/** The request by which the living process drains: a stop, or a quiet that stops it when it is idle. */
export function drainingSince(observed: ObservedInstance): Asking | undefined {
  return sentStop(observed) ?? preludeOf(observed);
}

/** The request by which the living process was made quiet in order to be stopped. */
export function preludeOf(observed: ObservedInstance): Quieting | undefined {
  const quiet = sentQuiet(observed);
  return quiet?.stopsWhenIdle === true && quiet.isResuming !== true ? quiet : undefined;
}

/** The stop of the living process, if its signal was sent. */
export function sentStop({ presence }: ObservedInstance): Stop | undefined {
  if (presence.kind !== 'alive' && presence.kind !== 'stray') return undefined;
  const { stop } = presence;
  return stop?.sent === true && stop.unclear === undefined ? stop : undefined;
}

/** The note of a stop of the living process, if it does not say whether that process was asked. */
export const unclearStop = ({ presence }: ObservedInstance): UnclearNote | undefined =>
  presence.kind === 'alive' || presence.kind === 'stray' ? presence.stop?.unclear : undefined;
