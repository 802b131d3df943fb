import type { JournalEntry } from '../core/events/journal.ts';
import { formatDayAndTime, momentOf, type Moment } from '../core/basics/time.ts';
import type { Colours } from './plain.ts';

/** How wide the column of the instances is. */
export const nameWidth = (entries: readonly JournalEntry[]): number =>
  entries.reduce((width, entry) => Math.max(width, nameOf(entry).length), 0);

/** An entry of the journal as one line: when, of whom, and the words that were said then. */
export function formatEntry(
  entry: JournalEntry,
  now: Moment,
  colours: Colours,
  width: number,
): string {
  const when = formatDayAndTime(momentOf(Date.parse(entry.at)), now);
  const words = wordsOf(entry);
  const painted = isBad(entry) ? colours.red(words) : words;
  return `${colours.dim(when)}  ${nameOf(entry).padEnd(width)}  ${painted}\n`;
}

/** As `status` has it: an old process that is leaving is told by its instance. */
const nameOf = ({ instance, retiring }: JournalEntry & { retiring?: unknown }): string =>
  printable(retiring === true ? `${instance} (leaving)` : instance);

const wordsOf = ({ kind, text }: JournalEntry & { text?: unknown }): string =>
  printable(typeof text === 'string' && text !== '' ? text : kind);

/** Anybody may have written into the file: what would do a terminal harm becomes a space. */
const printable = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, ' ');

const badKinds: ReadonlySet<string> = new Set([
  'start_failed',
  'ask_failed',
  'aborted',
  'killed',
  'config_refused',
]);

const isBad = (entry: JournalEntry): boolean =>
  badKinds.has(entry.kind) || (entry.kind === 'died' && entry['is_expected'] === false);
