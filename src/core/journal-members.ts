import type { Event, Happening } from './event.ts';
import type { LeftProcess } from './leftovers.ts';
import type { Death } from './record.ts';
import type { Duration, Moment } from './time.ts';
import type { QuietSignal } from './worker.ts';

/**
 * How a member of an event is written to the journal, `?` where it may be missing. Its name there is its own in snake case,
 * save for: `seconds` gets `_seconds` behind it, `signal` is `signal_name`, `death` is spread over several members, `other`
 * is `by_other`, since `by` is who ran the command.
 */
export type Form =
  | 'number'
  | 'text'
  | 'lines'
  | 'flag'
  | 'seconds'
  | 'moment'
  | 'signal'
  | 'other'
  | 'death'
  | 'processes';

type FormOf<Name, Value> = [Value] extends [Moment]
  ? 'moment'
  : [Value] extends [Duration]
    ? 'seconds'
    : [Value] extends [number]
      ? 'number'
      : [Value] extends [boolean]
        ? 'flag'
        : [Value] extends [QuietSignal]
          ? 'signal'
          : [Value] extends [string]
            ? Name extends 'by'
              ? 'other'
              : 'text'
            : [Value] extends [readonly string[]]
              ? 'lines'
              : [Value] extends [Death]
                ? 'death'
                : [Value] extends [readonly LeftProcess[]]
                  ? 'processes'
                  : never;

type Written<Of> = {
  readonly [Name in Exclude<keyof Of, 'kind'>]-?: object extends Pick<Of, Name>
    ? `${FormOf<Name, Exclude<Of[Name], undefined>>}?`
    : FormOf<Name, Of[Name]>;
};

type Of<Kind> = Happening extends infer One
  ? One extends { readonly kind: infer Kinds }
    ? Kind extends Kinds
      ? One
      : never
    : never
  : never;

/**
 * What the journal keeps of each kind of event. `answer`: nothing, since it only tells a person that there was nothing to do.
 * The compiler knows each word: a new kind, or a new member, must be entered here.
 */
export const journalMembers = {
  adopted: { pid: 'number', cause: 'text' },
  repaired: { pid: 'number', cause: 'text' },
  forgotten: { cause: 'text' },
  asked: { pid: 'number', signal: 'signal', limit: 'seconds?', cause: 'text' },
  quieted: { pid: 'number', signal: 'signal', isPrelude: 'flag', cause: 'text' },
  resumed: { pid: 'number', signal: 'signal' },
  moved: { pid: 'number' },
  killed: { pid: 'number', processes: 'number', job: 'text?', isWatchdog: 'flag?', cause: 'text' },
  dumped: { pid: 'number', signal: 'signal', cause: 'text' },
  ask_failed: { pid: 'number', reason: 'text' },
  left: 'answer', // the same death is told by `died`
  started: { pid: 'number', cause: 'text' },
  launching: { pid: 'number', cause: 'text' },
  ready: { pid: 'number', release: 'text?' },
  proven: { release: 'text?' },
  aborted: { reason: 'text', untouched: 'number' },
  taken_over: { by: 'other', since: 'moment' },
  start_failed: { reason: 'text', logFile: 'text', log: 'lines', logger: 'text?' },
  refused: 'answer',
  already_running: 'answer',
  already_stopped: 'answer',
  left_stopped: 'answer',
  left_held: 'answer',
  left_unwanted: 'answer',
  started_again: 'answer',
  up_to_date: 'answer',
  held: { until: 'moment?' },
  unheld: {},
  wanted: { count: 'number', most: 'number?' },
  died: {
    pid: 'number',
    start: 'text',
    death: 'death',
    verdict: 'text',
    cause: 'text?',
    uptime: 'seconds?',
    drained: 'seconds?',
    release: 'text?',
    job: 'text?',
    rss: 'number?',
    log: 'lines?',
  },
  leftovers: { pid: 'number', processes: 'processes', fate: 'text' },
  rotated: { logFile: 'text', bytes: 'number' },
  backoff: { count: 'number', delay: 'seconds', until: 'moment', why: 'text' },
  lost: { pid: 'number', start: 'text', death: 'death', job: 'text?' },
  unresponsive: { pid: 'number', start: 'text', job: 'text?', cause: 'text' },
  rolled_out: { by: 'other', instances: 'number', release: 'text?', reason: 'text?' },
  hooked: { hook: 'text', problem: 'text?', took: 'seconds', output: 'lines' },
  short: { has: 'number', wants: 'number' },
  config_refused: { problem: 'text' },
  config_read: {},
  already_quiet: 'answer',
  not_quiet: 'answer',
  not_running: 'answer',
  warning: { problem: 'text' },
} as const satisfies { readonly [Kind in Event['kind']]: Written<Of<Kind>> | 'answer' };

/** The kinds of events that the journal has. */
export type JournalKind = {
  [Kind in Event['kind']]: (typeof journalMembers)[Kind] extends 'answer' ? never : Kind;
}[Event['kind']];
