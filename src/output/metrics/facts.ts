import type { Event } from '../../core/events/event.ts';
import { momentOf, type Duration, type Moment } from '../../core/basics/time.ts';
import type { Family, Sample } from './exposition.ts';

/** How many events there were of each kind. */
export type EventCounts = Readonly<Partial<Record<Event['kind'], number>>>;

/** What metrics tell besides the status. */
export interface MetricsFacts {
  /** The path of the config: a label of every sample, since two configs on one host would say the same thing twice. */
  readonly config?: string;
  /** When a bootcheck last ended well. */
  readonly bootcheckAt?: Moment;
  /** How long the last pass took. */
  readonly passDuration?: Duration;
  /** Since the counting began, not since this command did: a counter goes on. */
  readonly events?: EventCounts;
}

/** The counts after these events. */
export function countEvents(before: EventCounts, events: readonly Event[]): EventCounts {
  const counts: Partial<Record<Event['kind'], number>> = { ...before };
  for (const { kind } of events) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

/**
 * What must go on from earlier metrics into the next ones, so that the file that they are in is all the memory that they
 * need: the counts, and when a bootcheck last ended well. Of a torn or foreign text, what there is.
 */
export function factsToCarryOn(
  text: string,
): Required<Pick<MetricsFacts, 'events'>> & MetricsFacts {
  const events: Partial<Record<Event['kind'], number>> = {};
  for (const [, kind = '', count] of text.matchAll(eventLine))
    if (isEventKind(kind)) events[kind] = Number(count);
  const at = bootcheckLine.exec(text)?.[1];
  return {
    events,
    ...(at !== undefined && { bootcheckAt: momentOf(Math.round(Number(at) * 1000)) }),
  };
}

const bootcheckName = 'workerctl_bootcheck_last_success_timestamp_seconds';
const eventsName = 'workerctl_events_total';

const bootcheckLine = new RegExp(
  `^${bootcheckName}(?:\\{[^\\n]*\\})? (\\d{1,12}(?:\\.\\d+)?)$`,
  'm',
);
const eventLine = new RegExp(`^${eventsName}\\{[^\\n]*kind="(\\w+)"\\} (\\d{1,15})$`, 'gm');

/** The families of what is known. */
export function factFamilies({ bootcheckAt, passDuration, events }: MetricsFacts): Family[] {
  return [
    {
      name: bootcheckName,
      type: 'gauge',
      help: 'When a bootcheck last ended well.',
      samples: inSeconds(bootcheckAt),
    },
    {
      name: 'workerctl_pass_duration_seconds',
      type: 'gauge',
      help: 'How long the last pass took.',
      samples: inSeconds(passDuration),
    },
    {
      name: eventsName,
      type: 'counter',
      help: 'What has happened to instances, as far as the writer of this text was there.',
      samples: events === undefined ? [] : eventSamples(events),
    },
  ];
}

const inSeconds = (ms: number | undefined): Sample[] =>
  ms === undefined ? [] : [{ labels: {}, value: ms / 1000 }];

/** Of every kind, also of those that were not seen yet: the step from nothing to 1 is none to Prometheus. */
const eventSamples = (events: EventCounts): Sample[] =>
  eventKinds.map((kind) => ({ labels: { kind }, value: events[kind] ?? 0 }));

const allKinds: Readonly<Record<Event['kind'], true>> = {
  aborted: true,
  adopted: true,
  already_quiet: true,
  already_running: true,
  already_stopped: true,
  ask_failed: true,
  asked: true,
  backoff: true,
  config_read: true,
  config_refused: true,
  died: true,
  dumped: true,
  forgotten: true,
  held: true,
  hooked: true,
  killed: true,
  launching: true,
  left: true,
  left_held: true,
  left_stopped: true,
  left_unwanted: true,
  leftovers: true,
  lost: true,
  moved: true,
  not_quiet: true,
  not_running: true,
  proven: true,
  quieted: true,
  ready: true,
  refused: true,
  repaired: true,
  resumed: true,
  rolled_out: true,
  rotated: true,
  short: true,
  start_failed: true,
  started: true,
  started_again: true,
  taken_over: true,
  unheld: true,
  unresponsive: true,
  up_to_date: true,
  wanted: true,
  warning: true,
};

const isEventKind = (text: string): text is Event['kind'] => Object.hasOwn(allKinds, text);

const eventKinds = Object.keys(allKinds).filter(isEventKind).sort();
