import { formatEvent, type Event } from './event.ts';
import { journalMembers, type Form } from './event.ts';
import { shownName } from '../model/instance.ts';
import type { LeftProcess } from '../model/leftovers.ts';
import { formatDeath, type Death } from '../model/record.ts';
import { signalName } from '../model/signal-names.ts';

/** What JSON can hold. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [member: string]: JsonValue };

/** One line of the journal. docs/journal.md has the members of each kind. */
export interface JournalEntry {
  /** RFC 3339 in UTC with milliseconds: `2026-11-21T12:30:01.123Z`. */
  readonly at: string;
  readonly kind: string;
  /** The worker, or `watch`, where no instance is meant. */
  readonly instance: string;
  readonly [member: string]: JsonValue;
}

/** An event as the journal keeps it; undefined for a mere answer to a person, which is no history. */
export function journalEntry(event: Event): JournalEntry | undefined {
  const forms = journalMembers[event.kind];
  if (forms === 'answer') return undefined;
  return {
    at: rfc3339(event.at),
    kind: event.kind,
    instance: event.instance,
    ...(event.retiring !== undefined && { retiring: true }),
    ...membersOf(event, forms),
    text: wordsOf(event),
  };
}

/** The kinds of events that the journal has. */
export const journalKinds: readonly string[] = Object.entries(journalMembers).flatMap(
  ([kind, members]) => (members === 'answer' ? [] : [kind]),
);

/** A line of the journal; undefined when it is none. Kinds and members that this version does not know are kept. */
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

function membersOf(event: Event, forms: object): Record<string, JsonValue> {
  const given = Object.entries(event) as [string, unknown][];
  return Object.assign(
    {},
    ...given.flatMap(([name, value]) => {
      const form = (forms as Readonly<Record<string, string | undefined>>)[name];
      if (form === undefined || value === undefined) return [];
      return [written(name, form.replace('?', '') as Form, value)];
    }),
  ) as Record<string, JsonValue>;
}

/** The compiler has checked in the table that the value is of this form. */
function written(member: string, form: Form, value: unknown): Record<string, JsonValue> {
  const name = snakeCase(member);
  switch (form) {
    case 'number':
    case 'text':
    case 'lines':
    case 'flag':
      return { [name]: value as JsonValue };
    case 'seconds':
      return { [`${name}_seconds`]: (value as number) / 1000 };
    case 'moment':
      return { [name]: rfc3339(value as number) };
    case 'signal':
      return { signal_name: `SIG${value as string}` };
    case 'other':
      return { by_other: value as string };
    case 'processes':
      return { left: (value as readonly LeftProcess[]).map(({ pid, name }) => ({ pid, name })) };
    case 'death':
      return deathMembers(value as Death);
  }
}

/** The name of a member in the journal. */
export const snakeCase = (name: string): string =>
  name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

function deathMembers(death: Death): Record<string, JsonValue> {
  switch (death.kind) {
    case 'exited':
      return { status: death.status };
    case 'signalled':
      return {
        signal: death.signal,
        signal_name: signalName(death.signal),
        core_dumped: death.coreDumped,
        ...(death.outOfMemory && { out_of_memory: death.outOfMemory }),
      };
    case 'rebooted':
      return { status_unknown: 'the host was booted since' };
    case 'unlaunched':
      return { status_unknown: formatDeath(death) };
    case 'unknown':
      return { status_unknown: death.why };
  }
}

/** The last moment that a Date can hold. */
const endOfTime = 8.64e15;

const rfc3339 = (at: number): string => new Date(Math.min(at, endOfTime)).toISOString();

/** The event's words, without the instance where they begin with it: that has a member of its own. */
function wordsOf(event: Event): string {
  const words = formatEvent(event);
  const name = shownName(event);
  if (words.startsWith(`${name}: `)) return words.slice(name.length + 2);
  return words.startsWith(`${name} `) ? words.slice(name.length + 1) : words;
}
