import type { Event } from '../../core/events/event.ts';
import { allEventKinds, eventKinds } from '../../core/events/table.ts';
import { momentOf, type Duration, type Moment } from '../../core/basics/time.ts';
import type { Family, Sample } from './exposition.ts';

export type EventCounts = Readonly<Partial<Record<Event['kind'], number>>>;

/** What the metrics report besides the status. */
export interface MetricsFacts {
  /** The path of the config: a label of every sample, because two configs on one host would give the same series. */
  readonly config?: string;
  /** When a bootcheck last succeeded. */
  readonly bootcheckAt?: Moment;
  readonly passDuration?: Duration;
  /** How many messages of workers (sd_notify(3)) no watch could take. */
  readonly droppedMessages?: number;
  /** Whether something keeps the watch that answers from its work. */
  readonly isImpaired?: boolean;
  /** Since the counting began, not since this command started: a counter never goes back. */
  readonly events?: EventCounts;
}

export function countEvents(before: EventCounts, events: readonly Event[]): EventCounts {
  const counts: Partial<Record<Event['kind'], number>> = { ...before };
  for (const { kind } of events) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

/**
 * What the next metrics must take over from earlier ones: the counts, and when a bootcheck last succeeded. The metrics
 * file is the only memory for these. A damaged or foreign text yields what can be read of it.
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

export function factFamilies({
  bootcheckAt,
  passDuration,
  droppedMessages,
  isImpaired,
  events,
}: MetricsFacts): Family[] {
  return [
    {
      name: bootcheckName,
      type: 'gauge',
      help: 'When a bootcheck last succeeded.',
      samples: inSeconds(bootcheckAt),
    },
    {
      name: 'workerctl_pass_duration_seconds',
      type: 'gauge',
      help: 'How long the last pass took.',
      samples: inSeconds(passDuration),
    },
    {
      name: 'workerctl_notify_dropped_total',
      type: 'counter',
      help: 'Messages of workers (sd_notify) that no watch could take.',
      samples: droppedMessages === undefined ? [] : [{ labels: {}, value: droppedMessages }],
    },
    {
      name: 'workerctl_watch_impaired',
      type: 'gauge',
      help: 'Whether something keeps watch from its work.',
      samples: isImpaired === undefined ? [] : [{ labels: {}, value: Number(isImpaired) }],
    },
    {
      name: eventsName,
      type: 'counter',
      help: 'Events of instances that the writer of this text has seen.',
      samples: events === undefined ? [] : eventSamples(events),
    },
  ];
}

const inSeconds = (ms: number | undefined): Sample[] =>
  ms === undefined ? [] : [{ labels: {}, value: ms / 1000 }];

/** Of every kind, also of those not seen yet: Prometheus does not count the step from a missing series to 1. */
const eventSamples = (events: EventCounts): Sample[] =>
  allEventKinds.toSorted().map((kind) => ({ labels: { kind }, value: events[kind] ?? 0 }));

const isEventKind = (text: string): text is Event['kind'] => Object.hasOwn(eventKinds, text);
