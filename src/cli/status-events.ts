import { WorkerctlError } from '../core/basics/error.ts';
import type { JournalEntry } from '../core/events/journal.ts';
import { now } from '../host/process/clock.ts';
import { readJournal } from '../host/journal/read.ts';
import { formatEntry, nameWidth } from '../output/journal.ts';
import type { Colours } from '../output/plain.ts';
import { printError } from './print.ts';

/** So many of its latest events are shown below the status of an instance. */
const shown = 10;

/** The latest events of one instance. A journal that cannot be read is told, and does not make its state unknown. */
export function latestEvents(stateDir: string, name: string): readonly JournalEntry[] {
  try {
    const matches = ({ instance }: JournalEntry): boolean => instance === name;
    return readJournal(stateDir, {
      limit: shown,
      matches,
      mention: JSON.stringify(name),
    }).lines.map(({ entry }) => entry);
  } catch (error) {
    if (!(error instanceof WorkerctlError)) throw error;
    printError(`workerctl: ${error.message}\n`);
    return [];
  }
}

/** The same as lines below the table. */
export function formatLatestEvents(entries: readonly JournalEntry[], colours: Colours): string {
  const at = now();
  const width = nameWidth(entries);
  const lines = entries.map((entry) => formatEntry(entry, at, colours, width));
  return lines.length === 0 ? '' : `\n${lines.join('')}`;
}
