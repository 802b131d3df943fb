import { shownName } from '../model/instance.ts';
import type { Audience, EventKind, Level, Members, Occurrence, ValuesOf } from './event-kind.ts';
import { eventKinds, type EventKindName } from './table.ts';

/** What happened to an instance, without when and to which. Every outcome that a command can expect is one of these. */
export type EventBody = {
  [Kind in EventKindName]: { readonly kind: Kind } & ValuesOf<(typeof eventKinds)[Kind]['members']>;
}[EventKindName];

/** What happened, when, and to which instance. */
export type Event = EventBody & Occurrence;

/** The entry of an event's own kind. The compiler cannot see that the two belong together. */
const entryOf = ({ kind }: EventBody): EventKind<Members, EventBody> =>
  eventKinds[kind] as unknown as EventKind<Members, EventBody>;

/** Whether the command has missed its goal. */
export const isFailure = (event: EventBody): boolean => entryOf(event).isFailure !== undefined;

/** An action on an instance that could not be carried out. */
export type FailedAction = Extract<Event, { kind: (typeof failedActions)[number] }>;

const failedActions = ['start_failed', 'signal_failed', 'adopt_failed'] as const;

export const isFailedAction = (event: Event): event is FailedAction =>
  (failedActions as readonly string[]).includes(event.kind);

export function levelOf(event: EventBody): Level {
  const { isFailure, level = isFailure === undefined ? 'info' : 'error' } = entryOf(event);
  return typeof level === 'string' ? level : level(event);
}

export function audienceOf(event: EventBody): Audience {
  const { audience = 'everywhere' } = entryOf(event);
  return typeof audience === 'string' ? audience : audience(event);
}

/** What happened, in words, without the name: `started pid 5902: pid 5841 exited: exit status 0`. */
export const sentenceOf = (event: Event): string => entryOf(event).sentence(event);

/** An event as a line for people at a command line: `mail.1: started pid 5902 (was not running)`. */
export const formatEvent = (event: Event): string => `${shownName(event)}: ${sentenceOf(event)}`;

/** The same for the log of `watch` and the control socket, where operators search for MogileFS's own lines. */
export const formatWatchEvent = (event: Event): string =>
  entryOf(event).mogilefs?.(event, shownName(event)) ?? formatEvent(event);
