import type { JournalEntry } from '../core/events/journal.ts';
import { formatDayAndTime, momentOf, type Moment } from '../core/basics/time.ts';
import { visibleInLine } from '../core/basics/visible.ts';
import { shownName } from '../core/model/instance.ts';
import { painted, type Colours } from './plain.ts';

/** The width of the column of instances. */
export const nameWidth = (entries: readonly JournalEntry[]): number =>
  entries.reduce((width, entry) => Math.max(width, nameOf(entry).length), 0);

/** A line of the journal for people: the time, the instance, and the text that the line has. */
export function formatEntry(
  entry: JournalEntry,
  now: Moment,
  colours: Colours,
  width: number,
): string {
  const when = formatDayAndTime(momentOf(Date.parse(entry.at)), now);
  const words = painted(entry['level'], textOf(entry), colours);
  return `${colours.dim(when)}  ${nameOf(entry).padEnd(width)}  ${words}\n`;
}

/** Any program can write into the file. As in `status`: an old process beside its replacement is marked. */
const nameOf = ({ instance, retiring }: JournalEntry): string =>
  visibleInLine(retiring === true ? shownName({ instance, retiring: '' }) : instance);

const textOf = ({ kind, text }: JournalEntry): string =>
  visibleInLine(typeof text === 'string' && text !== '' ? text : kind);
