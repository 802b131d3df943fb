import { schemaVersion } from '../basics/schema-version.ts';
import { levelOf, sentenceOf, type Event } from './event.ts';
import type { Member } from './event-kind.ts';
import { rfc3339, type JsonValue } from '../basics/json-form.ts';
import { eventKinds } from './table.ts';

/** An event as one JSON object. docs/journal.md has the members of each kind. */
export interface EventJson {
  /** RFC 3339 in UTC with milliseconds: `2026-11-21T12:30:01.123Z`. */
  readonly at: string;
  readonly kind: string;
  /** The instance; a worker, `watch`, `hooks` or `journal` if no instance is meant. */
  readonly instance: string;
  readonly [member: string]: JsonValue;
}

/** An event as the journal and the streams of `--json` have it. */
export const eventJson = (event: Event): EventJson => ({
  schema: schemaVersion,
  at: rfc3339(event.at),
  kind: event.kind,
  level: levelOf(event),
  instance: event.instance,
  ...(event.retiring !== undefined && { retiring: true }),
  ...membersOf(event),
  text: sentenceOf(event),
});

function membersOf(event: Event): Record<string, JsonValue> {
  const values = event as unknown as Readonly<Record<string, never>>;
  const members = Object.entries<Member<never, boolean>>(eventKinds[event.kind].members);
  return Object.fromEntries(
    members.flatMap(([name, { form }]): [string, JsonValue][] => {
      const value: unknown = values[name];
      return value === undefined ? [] : [[jsonName(name, form.unit), form.write(value as never)]];
    }),
  );
}

/** The name of a member in JSON: `limit` with the unit `_seconds` is `limit_seconds`, `isWatchdog` is `watchdog`. */
export const jsonName = (name: string, unit = ''): string =>
  name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`).replace(/^is_/, '') + unit;
