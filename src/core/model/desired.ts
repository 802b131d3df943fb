import { filtered } from '../basics/lookup.ts';
import { isSameProcess, type ProcessIdentity } from './process.ts';
import type { Code } from './code.ts';
import type { ProcessRecord } from './record.ts';
import type { Duration, Moment } from '../basics/time.ts';
import type { Batch } from './config.ts';

/** What a user asked for an instance, and when. */
export interface Request {
  readonly at: Moment;
  /** The user: `deploy@web1`. */
  readonly by: string;
}

/** A stop on purpose: the instance stays down until it is started again. */
export interface Stopped extends Request {
  /** The id of the boot of the host with which the stop ends. */
  readonly boot?: string;
}

/** A request that ends by itself at `until`, or that lasts until it is withdrawn. */
export interface TimedRequest extends Request {
  readonly until?: Moment;
}

/** The options of a restart, in place of what the config says. */
export interface RolloutOptions {
  readonly canary?: boolean;
  readonly batch?: Batch;
  readonly overlap?: boolean;
  /** How long each drain may take before the session is killed. */
  readonly killAfter?: Duration;
}

/** Why a rollout was aborted. */
export interface Abort {
  readonly at: Moment;
  /** The instance whose replacement failed. */
  readonly instance: string;
  /** In words. */
  readonly problem: string;
}

/**
 * A process that a rollout replaces. `runId` is there if the process was the command of a program that forks away: then
 * the process that this run led to is replaced as well. `successor` is the one that the process had named by then: it runs
 * no newer code. `wasAsked`: it was draining already.
 */
export interface Replaced extends ProcessIdentity {
  readonly runId?: string;
  readonly successor?: ProcessIdentity;
  readonly wasAsked?: boolean;
}

/** Whether a process, with its record if it has one, is the one that the rollout replaces. */
export const isReplaced = (
  replaced: Replaced,
  process: ProcessIdentity,
  record?: ProcessRecord,
): boolean =>
  isSameProcess(replaced, process) ||
  (replaced.successor !== undefined && isSameProcess(replaced.successor, process)) ||
  (replaced.runId !== undefined && replaced.runId === record?.runId);

/** The code of a process, and the directory that it was started in: absolute, without symbolic links. */
export interface Origin extends Code {
  readonly directory: string;
}

/**
 * A restart, which goes on until every instance in it is replaced. It names the processes that it replaces, not a moment
 * ("started before 12:03"): a clock that is set back would leave old code running.
 */
export interface Rollout extends Request {
  /** Unique. By this its command notices that a later restart has taken over. */
  readonly id: string;
  readonly options: RolloutOptions;
  /** What each instance ran when the restart began; null if it had no process, living or dead. */
  readonly replaces: Readonly<Record<string, Replaced | null>>;
  /** By worker, the old and the new release, as far as they are known. */
  readonly releases: Readonly<Record<string, { readonly from?: string; readonly to?: string }>>;
  /** By worker, where and how the processes were started that it replaces, if that is known: what a rollback goes back to. */
  readonly origins?: Readonly<Record<string, Origin>>;
  /**
   * By worker, the code of the replacement that became ready last. It proves nothing about other code: if a start would
   * give other code by now, the next replacement is a canary again.
   */
  readonly proven: Readonly<Record<string, Code>>;
  /** Members that a command has started by name since. They prove nothing for the others. */
  readonly startedByName?: readonly string[];
  readonly aborted?: Abort;
  /** Nothing more is asked to exit until it ends or is withdrawn; what was asked drains and is replaced. */
  readonly paused?: TimedRequest;
  /** The members that were not asked by then keep the old code and are not in `replaces` any more. */
  readonly cancelled?: Request;
}

/** How a rollout has ended. */
export const rolloutEnds = [
  'done',
  /** By `rollout cancel`. */
  'cancelled',
  /** All its instances were stopped on purpose, or are not wanted any more. */
  'stopped',
  /** It was aborted, and each worker's current release is the old one again. */
  'rolled_back',
  /** A later restart replaces all of its instances. */
  'taken_over',
  /** It was aborted, and by now all its instances run the new code after all. */
  'recovered',
] as const;

export type RolloutEnd = (typeof rolloutEnds)[number];

/** A rollout that is over, for the commands that wait for it: when, and the user who has ended it, or else began it. */
export interface EndedRollout extends Request {
  /** The id of the rollout. */
  readonly id: string;
  readonly how: RolloutEnd;
  /** Why it was aborted. */
  readonly problem?: string;
}

/** How many ended rollouts are kept. */
export const keptEnded = 16;

/**
 * The directory that every start of a worker uses until the next restart of it: a restart failed, and its canary had
 * replaced a process that was started there.
 */
export interface Pin extends Request {
  /** Absolute, without symbolic links. */
  readonly directory: string;
  /** The release in it, if it is known. */
  readonly release?: string;
  /** Of the command that the replaced process was started with: the config still gave it when the worker was pinned. */
  readonly commandDigest: string;
}

/** When a draining process is killed, if that is earlier than what its own stop says. */
export interface Deadline {
  readonly process: ProcessIdentity;
  /** Since the boot of the host. */
  readonly at: Duration;
}

/** A process that a person or a pass has taken over: its record is not the only witness that it is the instance's. */
export interface Adoption {
  readonly process: ProcessIdentity;
}

/** The instances of a worker that are wanted in place of those of the config. */
export interface Want extends Request {
  readonly identifiers: readonly string[];
}

/**
 * The end of a process after which nothing is started in its place (`on_exit`), and the code that it ran. It lasts until
 * the instance is started again, and ends if the config gives another command.
 */
export interface Done extends Code {
  readonly at: Moment;
  readonly runId: string;
  /** How it has failed, in words. Undefined: it has succeeded. */
  readonly problem?: string;
}

type ByInstance<T> = Readonly<Record<string, T>>;

/** What is wanted beyond the config. It must not be lost: it stands nowhere else. */
export interface Desired {
  readonly stopped: ByInstance<Stopped>;
  /** Instances that no pass touches, except to stop them. */
  readonly held: ByInstance<TimedRequest>;
  /** Instances that take no new jobs. */
  readonly quiet: ByInstance<TimedRequest>;
  readonly done: ByInstance<Done>;
  /** By worker. */
  readonly counts: Readonly<Record<string, Want>>;
  readonly deadlines: ByInstance<Deadline>;
  readonly adopted: ByInstance<Adoption>;
  /** The oldest first. No instance is in two of them. */
  readonly rollouts: readonly Rollout[];
  /** The latest last. */
  readonly ended: readonly EndedRollout[];
  /** By worker. */
  readonly pins: Readonly<Record<string, Pin>>;
  /** Why all instances drain now and none is started. Never written: it ends with its command. */
  readonly isEnding?: string;
}

/** Nothing is wanted beyond the config. */
export const noDesired: Desired = {
  stopped: {},
  held: {},
  quiet: {},
  done: {},
  counts: {},
  deadlines: {},
  adopted: {},
  rollouts: [],
  ended: [],
  pins: {},
};

/** The rollout that an instance is in. */
export const rolloutOf = (
  { rollouts }: Pick<Desired, 'rollouts'>,
  instance: string,
): Rollout | undefined =>
  rollouts.length === 0
    ? undefined
    : rollouts.find(({ replaces }) => Object.hasOwn(replaces, instance));

/** Whether a rollout, aborted or not, replaces this process. */
export function isToBeReplaced(
  desired: Desired,
  instance: string,
  process: ProcessIdentity,
  record?: ProcessRecord,
): boolean {
  const replaced = rolloutOf(desired, instance)?.replaces[instance];
  return replaced !== undefined && replaced !== null && isReplaced(replaced, process, record);
}

/** Whether the instance has ended by itself and is not started again. */
export const isDone = ({ done }: Desired, instance: string): boolean =>
  Object.hasOwn(done, instance);

/** Whether the instance was stopped on purpose. */
export const isStopped = ({ stopped }: Desired, instance: string): boolean =>
  Object.hasOwn(stopped, instance);

/** Whether the instance was stopped until the next boot. */
export const isStoppedUntilBoot = ({ stopped }: Desired, instance: string): boolean =>
  stopped[instance]?.boot !== undefined;

/** Without the stops that an earlier boot of the host has ended. */
export function inBoot(desired: Desired, bootId: () => string): Desired {
  const isOver = ({ boot }: Stopped): boolean => boot !== undefined && boot !== bootId();
  if (!Object.values(desired.stopped).some(isOver)) return desired;
  return { ...desired, stopped: filtered(desired.stopped, (one) => !isOver(one)) };
}

/** Whether the instance is held now. */
export const isHeld = ({ held }: Desired, instance: string, now: Moment): boolean =>
  lasts(held[instance], now);

/** Whether the instance takes no new jobs now. */
export const isQuiet = ({ quiet }: Desired, instance: string, now: Moment): boolean =>
  lasts(quiet[instance], now);

/** Whether a request is in force now. */
export const lasts = (request: TimedRequest | undefined, now: Moment): boolean =>
  request !== undefined && (request.until === undefined || now < request.until);
