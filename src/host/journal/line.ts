import { parseJournalLine, type JournalEntry } from '../../core/events/journal.ts';

/** A line of the journal: its text in the file, and what it says. */
export interface JournalLine {
  readonly line: string;
  readonly entry: JournalEntry;
}

/** A line as it was understood; undefined if it is not a line of a journal. */
export function understood(line: string): JournalLine | 'blank' | undefined {
  if (line === '') return 'blank'; // two writers have ended the same torn line
  const entry = parseJournalLine(line);
  return entry && { line, entry };
}
