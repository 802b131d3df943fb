import type { ProcessIdentity } from './process.ts';
import { formatSignal } from './signal-names.ts';
import type { Duration, Moment } from './time.ts';
import type { QuietSignal, StopSignal } from './worker.ts';

/** What is written down of a process when it is started. Only a rotation of its log changes it, by where its own lines begin. */
export interface ProcessRecord extends ProcessIdentity {
  readonly instance: string;
  /** Names this one start; the shim's report of the death carries it too. */
  readonly start: string;
  /** The worker's parent, which waits for it; 0 when it is not known. */
  readonly shimPid: number;
  readonly startedAt: Moment;
  /** What the code that it runs is called, where that was known when it was started. */
  readonly release?: string;
  /** Tells whether the process runs the command that the config has now. */
  readonly commandDigest: string;
  /** How to ask it to finish, should the config no longer say. */
  readonly stopSignal: StopSignal;
  /** Its log, and how long that was when the process started: what it wrote itself begins there. */
  readonly log: { readonly path: string; readonly offset: number };
}

/** That a process was asked to finish. */
export interface Stop {
  /** Who was asked: a stop of a predecessor means nothing to its successor. */
  readonly process: ProcessIdentity;
  /** False when workerctl was killed between the decision and the signal: then it is still to be sent. */
  readonly sent: boolean;
  readonly signal: QuietSignal;
  readonly at: Moment;
  /** Why, in words: `restart by deploy@web1`. */
  readonly cause: string;
  /**
   * When its session is to be killed, counted from the boot of the host: a jump of the wall clock kills nobody. Undefined:
   * never.
   */
  readonly deadline?: Duration;
}

/** That a process was asked to take no new job. */
export interface Quieting extends Stop {
  /** Whether it is to be stopped as soon as it is idle. */
  readonly isPrelude: boolean;
}

/** How a process died. */
export type Death =
  | { readonly kind: 'exited'; readonly status: number }
  | { readonly kind: 'signalled'; readonly signal: number; readonly coreDumped: boolean }
  /** The host was booted since: it did nothing wrong. */
  | { readonly kind: 'rebooted' }
  | { readonly kind: 'unknown'; readonly why: string };

/** A death in words: `exit status 3`, `signal 6 (SIGABRT), core dumped`. */
export function formatDeath(death: Death): string {
  switch (death.kind) {
    case 'exited':
      return `exit status ${death.status}`;
    case 'signalled':
      return formatSignal(death.signal) + (death.coreDumped ? ', core dumped' : '');
    case 'rebooted':
      return 'status unknown: the host was booted since';
    case 'unknown':
      return `status unknown: ${death.why}`;
  }
}
