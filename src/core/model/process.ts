import type { Duration } from '../basics/time.ts';

/**
 * A process: a pid alone is no identity, since the kernel reuses the number later.
 * Source: proc_pid_stat(5), field 22.
 */
export interface ProcessIdentity {
  readonly pid: number;
  /** When the kernel started it, in clock ticks since boot. */
  readonly startTime: number;
  /** `/proc/sys/kernel/random/boot_id` of the boot that the ticks count from. */
  readonly bootId: string;
}

/** Clock ticks are 10 ms on every Linux that Node runs on (USER_HZ). */
export const msPerTick = 10;

/** Whether two identities are one and the same process. */
export const isSameProcess = (a: ProcessIdentity, b: ProcessIdentity): boolean =>
  a.pid === b.pid && a.startTime === b.startTime && a.bootId === b.bootId;

/** The identity alone. */
export const identityOf = ({ pid, startTime, bootId }: ProcessIdentity): ProcessIdentity => ({
  pid,
  startTime,
  bootId,
});

declare const witnessed: unique symbol;

/**
 * A process that the kernel, and not only its record, says is the instance's. Signals go to no other process; only
 * `host/worker/witness.ts` makes one.
 */
export type Witnessed<P extends ProcessIdentity = ProcessIdentity> = P & {
  readonly [witnessed]: true;
};

/** What the kernel says about a living process. A zombie is dead and never appears as one. */
export interface LiveProcess extends ProcessIdentity {
  readonly parentPid: number;
  /** The session that it belongs to: the pid of that session's leader. */
  readonly sessionId: number;
  /** `stopped`: by SIGSTOP or a debugger; it exists but does nothing. */
  readonly activity: 'runs' | 'stopped';
  /** The memory that it has now, in bytes. */
  readonly rss?: number;
  /** The CPU time that it has taken itself. */
  readonly cpu?: Duration;
  /** That of its children which have ended and which it has waited for. */
  readonly childrenCpu?: Duration;
}
