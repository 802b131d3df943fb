import { exitCodeOfSignal, exitCodes } from '../basics/exit-codes.ts';
import type { Duration } from '../basics/time.ts';
import type { Draining } from './draining.ts';
import { isFailure, type Event } from './event.ts';

/** How a command that acts has ended. */
export interface ActOutcome {
  readonly kind: 'acted';
  readonly command:
    | 'start'
    | 'stop'
    | 'restart'
    | 'bootcheck'
    | 'quiet'
    | 'resume'
    | 'hold'
    | 'unhold'
    | 'want'
    | 'adopt';
  /** `not_waited`: it had nothing to wait for, or was given --no-wait. `aborted`: the restart was aborted or superseded. */
  readonly end: 'done' | 'not_waited' | 'timed_out' | 'interrupted' | 'aborted';
  /** The processes that were still draining when it ended. */
  readonly draining: readonly Draining[];
  /** Everything that it still waited for, including replacements that were not ready yet. */
  readonly pending: readonly string[];
  /** The wait that was not finished: its limit, if it had one, and how many instances it was for. */
  readonly wait?: { readonly limit?: Duration; readonly count: number };
  readonly events: readonly Event[];
  /** The releases of a restart, in words: `a1b2c3d -> 9f8e7d6`; empty if they are not known. */
  readonly change?: string;
}

/** The exit code of an outcome; `signal` is the number of the one that interrupted the command. */
export function exitCodeFor({ end, events }: ActOutcome, signal: number | undefined): number {
  if (end === 'interrupted' && signal !== undefined) return exitCodeOfSignal(signal);
  if (events.some(isFailure)) return exitCodes.failed.code;
  return exitCodes[end === 'timed_out' ? 'timedOut' : 'done'].code;
}
