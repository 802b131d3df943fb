import type { Event } from './event.ts';
import { eventJson, type EventJson } from './event-json.ts';
import { answerKinds } from './kinds/answers.ts';
import { allEventKinds, type EventKindName } from './table.ts';

/** A line of the journal; this or another version has written it. */
export type JournalEntry = EventJson;

/** An event as the journal keeps it; undefined for a mere answer to a command. */
export const journalEntry = (event: Event): JournalEntry | undefined =>
  Object.hasOwn(answerKinds, event.kind) ? undefined : eventJson(event);

export const journalKinds: readonly EventKindName[] = allEventKinds.filter(
  (kind) => !Object.hasOwn(answerKinds, kind),
);

/** A line of the journal; undefined if it is none. Kinds and members that this version does not know are kept. */
export function parseJournalLine(text: string): JournalEntry | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isEntry(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isEntry(value: unknown): value is JournalEntry {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const { at, kind, instance } = value as Partial<JournalEntry>;
  return (
    typeof at === 'string' &&
    momentPattern.test(at) &&
    !Number.isNaN(Date.parse(at)) &&
    typeof kind === 'string' &&
    typeof instance === 'string'
  );
}

const momentPattern = /^\d{4,6}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/;
