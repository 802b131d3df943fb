import { isFailure, type Draining, type Event } from './event.ts';
import { exitCodeOfSignal, exitCodes } from '../basics/exit-codes.ts';

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
  /** `not_waited`: it was not to wait, or had nothing to wait for. `given_up`: the restart was aborted or taken over. */
  readonly end: 'reached' | 'not_waited' | 'timed_out' | 'interrupted' | 'given_up';
  /** Who was still draining when it ended. */
  readonly draining: readonly Draining[];
  /** All that it still waited for, also those that were not ready yet. */
  readonly pending: readonly string[];
  readonly events: readonly Event[];
  /** From which release to which a restart went, in words; empty where that is not known. */
  readonly change?: string;
}

/** The exit code of an outcome; `signal` is the number of the one that has interrupted it. */
export function exitCodeFor({ end, events }: ActOutcome, signal: number | undefined): number {
  if (end === 'interrupted' && signal !== undefined) return exitCodeOfSignal(signal);
  if (events.some(isFailure)) return exitCodes.failed.code;
  return exitCodes[end === 'timed_out' ? 'timedOut' : 'done'].code;
}
