import { exitCodeOfSignal, exitCodes } from '../basics/exit-codes.ts';
import type { Duration, Moment } from '../basics/time.ts';
import type { EndedRollout } from '../model/desired.ts';
import type { ProcessRef } from '../model/instance.ts';
import type { Draining } from './draining.ts';
import { isFailure, type Event } from './event.ts';

/** How the waiting of a command came to its end. */
export type CommandEnd =
  | 'done'
  /** It had nothing to wait for, or was given --no-wait. */
  | 'not_waited'
  | 'timed_out'
  | 'interrupted'
  /** The restart was aborted, because a replacement failed. */
  | 'aborted'
  /** Another command has ended the restart, or taken it over. */
  | 'ended'
  /** The restart is in state.json no more, and nothing there says how it ended. */
  | 'lost'
  /** The config does not have the worker any more. */
  | 'unconfigured'
  /** Nothing was to be done, though it was asked for. */
  | 'refused';

/** Who goes on with a restart once its command has ended. */
export const continuing = ['finisher', 'watch', 'bootcheck'] as const;

export type Continues = (typeof continuing)[number];

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
    | 'adopt'
    | 'rollout'
    | 'signal';
  readonly end: CommandEnd;
  /** The processes that were still draining when it ended. */
  readonly draining: readonly Draining[];
  /** Everything that it still waited for, including replacements that were not ready yet. */
  readonly pending: readonly ProcessRef[];
  /** The wait that was not finished: its limit, if it had one, and how many instances it was for. */
  readonly wait?: { readonly limit?: Duration; readonly count: number };
  readonly events: readonly Event[];
  /** How another command has ended the restart. */
  readonly ended?: EndedRollout;
  /** Who goes on with the restart, if it is not over. */
  readonly continues?: Continues;
  /** The releases of a restart, in words: `a1b2c3d -> 9f8e7d6`; empty if they are not known. */
  readonly change?: string;
  /** What a restart was for. */
  readonly restart?: RestartScope;
}

export interface RestartScope {
  /** How many instances it was to replace. */
  readonly count: number;
  readonly begunAt: Moment;
  /** The releases that replacements have got, as far as they are known. */
  readonly releases: readonly string[];
}

/** Whichever command has found out why, and reported it. */
const failedEnds: ReadonlySet<CommandEnd> = new Set([
  ...(['aborted', 'lost', 'unconfigured', 'refused'] as const),
]);

/** The exit code of an outcome; `signal` is the number of the one that interrupted the command. */
export function exitCodeFor({ end, events }: ActOutcome, signal: number | undefined): number {
  if (end === 'interrupted' && signal !== undefined) return exitCodeOfSignal(signal);
  if (events.some(isFailure) || failedEnds.has(end)) return exitCodes.failed.code;
  if (end === 'ended') return exitCodes.ended.code;
  return exitCodes[end === 'timed_out' ? 'timedOut' : 'done'].code;
}
