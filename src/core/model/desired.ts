import { isSameProcess, type ProcessIdentity } from './process.ts';
import type { ProcessRecord } from './record.ts';
import type { Duration, Moment } from '../basics/time.ts';
import type { Batch } from './config.ts';

/** Who wanted something of an instance, and when. */
export interface Request {
  readonly at: Moment;
  /** Who asked: `deploy@web1`. */
  readonly by: string;
}

/** A deliberate stop: the instance stays down until it is started again. */
export type Stopped = Request;

/** A wish that ends by itself; without `until` it lasts until somebody takes it back. */
export interface TimedRequest extends Request {
  readonly until?: Moment;
}

/** What a restart was told beyond the config. */
export interface RolloutOptions {
  readonly canary?: boolean;
  readonly batch?: Batch;
  readonly overlap?: boolean;
  /** How long each drain may take before the session is killed. */
  readonly killAfter?: Duration;
}

/** Why a rollout was given up. */
export interface Abort {
  readonly at: Moment;
  /** The instance whose replacement failed. */
  readonly instance: string;
  /** In words. */
  readonly why: string;
}

/**
 * A process that is to be replaced. `start` where that was only the command of a program that forks away: the process which
 * that start has come to is to be replaced as well. `heir` is the successor that it had named by then, which runs no newer
 * code.
 */
export interface Replaced extends ProcessIdentity {
  readonly runId?: string;
  readonly successor?: ProcessIdentity;
}

/** Whether a process, of which this is the record where there is one, is the one that is to be replaced. */
export const isReplaced = (
  replaced: Replaced,
  process: ProcessIdentity,
  record?: ProcessRecord,
): boolean =>
  isSameProcess(replaced, process) ||
  (replaced.successor !== undefined && isSameProcess(replaced.successor, process)) ||
  (replaced.runId !== undefined && replaced.runId === record?.runId);

/**
 * A restart that goes on until every instance in it is replaced. It names the very processes that it replaces, and not a
 * moment ("started before 12:03"): a clock that is set back would leave old code running.
 */
export interface Rollout extends Request {
  /** Tells it from every other one: its command knows by this that a later one has taken over. */
  readonly id: string;
  readonly options: RolloutOptions;
  /** What each instance ran when the restart was asked for; null where there was no process, living or dead. */
  readonly replaces: Readonly<Record<string, Replaced | null>>;
  /** The release that each worker had, and the one that it gets, where they are known. */
  readonly releases: Readonly<Record<string, { readonly from?: string; readonly to?: string }>>;
  /** The workers of which a replacement has become ready. */
  readonly proven: readonly string[];
  readonly aborted?: Abort;
}

/** When one process that was asked to leave is to be killed, whatever its own note of that says. */
export interface Deadline {
  readonly process: ProcessIdentity;
  /** Counted from the boot of the host. */
  readonly at: Duration;
}

/** How many instances of a worker somebody wants, in place of what the config says. */
export interface Want extends Request {
  readonly identifiers: readonly string[];
}

type ByInstance<T> = Readonly<Record<string, T>>;

/** What people want beyond the config, and what must be remembered for it. All that must outlive a command. */
export interface Desired {
  readonly stopped: ByInstance<Stopped>;
  /** Instances that are left alone. */
  readonly held: ByInstance<TimedRequest>;
  /** Instances that take no new job. */
  readonly quiet: ByInstance<TimedRequest>;
  /** By worker. */
  readonly counts: Readonly<Record<string, Want>>;
  readonly deadlines: ByInstance<Deadline>;
  /** The oldest first; no instance is in two of them. */
  readonly rollouts: readonly Rollout[];
  /** Everything is to leave now, for this reason, and nothing is started. Never written down: it ends with its command. */
  readonly isEnding?: string;
}

/** Nothing wanted beyond the config. */
export const noDesired: Desired = {
  stopped: {},
  held: {},
  quiet: {},
  counts: {},
  deadlines: {},
  rollouts: [],
};

/** The rollout that an instance is in. */
export const rolloutOf = ({ rollouts }: Desired, instance: string): Rollout | undefined =>
  rollouts.length === 0
    ? undefined
    : rollouts.find(({ replaces }) => Object.hasOwn(replaces, instance));

/** Whether this process is to be replaced by a rollout, be it aborted or not. */
export function isToBeReplaced(
  desired: Desired,
  instance: string,
  process: ProcessIdentity,
  record?: ProcessRecord,
): boolean {
  const replaced = rolloutOf(desired, instance)?.replaces[instance];
  return replaced !== undefined && replaced !== null && isReplaced(replaced, process, record);
}

/** Whether the instance was stopped on purpose. */
export const isStopped = ({ stopped }: Desired, instance: string): boolean =>
  Object.hasOwn(stopped, instance);

/** Whether the instance is to be left alone now. */
export const isHeld = ({ held }: Desired, instance: string, now: Moment): boolean =>
  lasts(held[instance], now);

/** Whether the instance is to take no new job now. */
export const isQuiet = ({ quiet }: Desired, instance: string, now: Moment): boolean =>
  lasts(quiet[instance], now);

const lasts = (request: TimedRequest | undefined, now: Moment): boolean =>
  request !== undefined && (request.until === undefined || now < request.until);
