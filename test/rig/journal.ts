import { join } from 'node:path';
import { linesOf } from './files.ts';
import { ofKinds, schema, type EventKind } from './output.ts';
import { validate } from './schemas.ts';

/** A line of the journal. */
export type Entry = Readonly<{ at: string; kind: EventKind; instance: string }> &
  Readonly<Record<string, unknown>>;

export const journalPath = (stateDir: string): string => join(stateDir, 'events.ndjson');

/** What the journal has of these kinds, or all of it, in order. */
export function journalOf(stateDir: string, kinds: readonly EventKind[] = []): Entry[] {
  const entries = linesOf(journalPath(stateDir)).map((line) => JSON.parse(line) as Entry);
  // Some tests write lines of other versions into it.
  for (const entry of entries) if (entry['schema'] === schema) validate(entry, 'journal');
  return kinds.length === 0 ? entries : ofKinds(entries, kinds);
}
