import { exitCodes } from '../../core/basics/exit-codes.ts';
import type { Draining } from '../../core/events/draining.ts';
import { eventJson } from '../../core/events/event-json.ts';
import type { Event } from '../../core/events/event.ts';
import { continuing, type ActOutcome, type CommandEnd } from '../../core/events/outcome.ts';
import type { Moment } from '../../core/basics/time.ts';
import { logLevels, type LogLevel } from '../../core/protocols/line-level.ts';
import { rolloutEnds } from '../../core/model/desired.ts';
import { activity } from './activity.ts';
import { answer, printedLine } from './answer.ts';
import {
  flag,
  integer,
  list,
  mapOf,
  moment,
  object,
  oneOf,
  optional,
  orNull,
  seconds,
  shape,
  text,
  texts,
} from './shape.ts';

/** An event of a command that acts, printed as it happens. */
export const eventLine = (event: Event): string => `${JSON.stringify(eventJson(event))}\n`;

const draining = shape<Draining>('A process that still drains.', {
  instance: text('The instance.', 'instance'),
  retiring: optional(
    flag('It drains beside its replacement.', (one) =>
      one.retiring === undefined ? undefined : true,
    ),
  ),
  pid: integer('Its pid.', 'pid'),
  since_seconds: seconds('How long ago it was asked to stop.', 'since'),
  limit_seconds: orNull(seconds('After how long from now it is killed; null: never.', 'limit')),
  activity: orNull(object(activity)('What it says about its work.', 'activity')),
  cause: text('Why it was asked. For reading.', 'cause'),
});

/** How the following of an operation ends that has no result yet, or never will. */
type Unended = 'detached' | 'unknown';

type End = Exclude<CommandEnd, 'lost' | 'refused' | 'unconfigured'> | 'failed' | Unended;

export interface Result {
  readonly command: string;
  readonly exitCode: number;
  readonly end?: CommandEnd | 'failed' | Unended;
  /** Of a command that acts. */
  readonly outcome?: ActOutcome;
  /** Of `events`. */
  readonly skippedLines?: number;
  /** The id of an operation, if this line is not of its own output. */
  readonly operation?: string;
}

/** The last line of every stream. */
export const resultAnswer = answer<Result>('How the command has ended.', {
  kind: oneOf('result')('Distinguishes this line from the others.', () => 'result'),
  command: text('The command.', 'command'),
  outcome: oneOf<End>(
    'done',
    'not_waited',
    'timed_out',
    'interrupted',
    'aborted',
    'ended',
    'failed',
    'detached',
    'unknown',
  )(
    'How it ended. not_waited: it was not to wait; aborted: the restart was aborted; ended: another command has ended the restart or taken it over; failed: exit code 1. Of an operation: detached: it goes on, and this command has only stopped showing it; unknown: its process ended without a result.',
    endOf,
  ),
  exit_code: integer('Its exit code.', 'exitCode'),
  counts: optional(
    mapOf({ type: 'integer' })(
      'How many events of each kind there were.',
      ({ outcome }) => outcome && countsOf(outcome.events),
    ),
  ),
  draining: optional(
    list(draining)('Processes that still drain.', ({ outcome }) => outcome?.draining),
  ),
  pending: optional(
    texts(
      'Instances that the command still waited for, also for an old process beside the replacement.',
      ({ outcome }) => outcome && [...new Set(outcome.pending.map(({ instance }) => instance))],
    ),
  ),
  change: optional(
    text(
      'Of a restart: from which release to which, if known. For reading.',
      ({ outcome }) => outcome?.change || undefined,
    ),
  ),
  ended_by: optional(
    text(
      'The user whose command has ended the restart, if outcome is ended.',
      ({ outcome }) => outcome?.ended?.by,
    ),
  ),
  ended_how: optional(
    oneOf(...rolloutEnds)('How that command has ended it.', ({ outcome }) => outcome?.ended?.how),
  ),
  continues: optional(
    oneOf(...continuing)(
      'Of a restart that is not over: the background process that this command has left behind, a running watch, or the next bootcheck.',
      ({ outcome }) => outcome?.continues,
    ),
  ),
  operation: optional(
    text('The id of an operation, if this line is not of its own output.', 'operation'),
  ),
  skipped_lines: optional(
    integer('Of events: lines of the journal that could not be read.', 'skippedLines'),
  ),
});

function endOf({ exitCode, end, outcome }: Result): End {
  const ended = outcome?.end ?? end ?? (exitCode > 128 ? 'interrupted' : 'done');
  if (exitCode === exitCodes.ended.code) return 'ended';
  if (ended === 'lost' || ended === 'refused' || ended === 'unconfigured') return 'failed';
  return exitCode === exitCodes.failed.code && ended !== 'aborted' ? 'failed' : ended;
}

function countsOf(events: readonly Event[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { kind } of events) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

export const resultLine = (result: Result): string => printedLine(resultAnswer, result);

/** A line of `logs --json`. */
export const logAnswer = answer<{
  readonly label: string;
  readonly isError?: boolean;
  readonly at?: Moment;
  readonly level?: LogLevel;
  readonly line: { readonly toString: () => string };
}>('A line of a log.', {
  kind: oneOf('log')('Distinguishes this line from the result.', () => 'log'),
  instance: text('The instance, or the worker, whose log it is from.', 'label'),
  stream: oneOf('output', 'error')(
    'error: from the log of standard error alone (log.error); output: from log.file.',
    ({ isError }) => (isError === true ? 'error' : 'output'),
  ),
  at: orNull(
    moment('The time in the line, or in the one before it that has one; null: not known.', 'at'),
  ),
  level: orNull(
    oneOf(...logLevels)(
      'How much it matters, as the line, or the one that it continues, says; null: not known.',
      'level',
    ),
  ),
  line: text('The line, without its end.', ({ line }) => line.toString()),
});
