import type { ProcessIdentity } from './process.ts';
import { formatSignal } from './signal-names.ts';
import type { Moment } from './time.ts';
import type { StopSignal } from './worker.ts';

/** What is written down of a process when it is started. Never changed afterwards. */
export interface ProcessRecord extends ProcessIdentity {
  readonly instance: string;
  /** Names this one start; the shim's report of the death carries it too. */
  readonly start: string;
  /** The worker's parent, which waits for it; 0 when it is not known. */
  readonly shimPid: number;
  readonly startedAt: Moment;
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
  readonly signal: StopSignal;
  readonly at: Moment;
  /** Why, in words: `restart by deploy@web1`. */
  readonly cause: string;
}

/** How a process died. */
export type Death =
  | { readonly kind: 'exited'; readonly status: number }
  | { readonly kind: 'signalled'; readonly signal: number; readonly coreDumped: boolean }
  | { readonly kind: 'unknown'; readonly why: string };

/** A death in words: `exit status 3`, `signal 6 (SIGABRT), core dumped`. */
export function formatDeath(death: Death): string {
  switch (death.kind) {
    case 'exited':
      return `exit status ${death.status}`;
    case 'signalled':
      return formatSignal(death.signal) + (death.coreDumped ? ', core dumped' : '');
    case 'unknown':
      return `status unknown: ${death.why}`;
  }
}
