import { mapOf } from '../../core/basics/lookup.ts';
import type { Event } from '../../core/events/event.ts';
import type { JournalEntry } from '../../core/events/journal.ts';
import { keyOf } from '../../core/model/instance.ts';
import { noLedger, type Ledger } from '../../core/model/ledger.ts';
import { readJournal } from '../journal/read.ts';

/** How many of the journal's last lines are read: some megabytes at most. */
const tailLines = 20_000;

/**
 * A new ledger, which takes from the journal which deaths have been reported. Those that are no longer found there are
 * reported twice.
 */
export function rebuildLedger(stateDir: string): Ledger {
  const reportedDeaths = mapOf(deathsInJournal(stateDir).flatMap(reportedDeath));
  return { ...noLedger, reportedDeaths };
}

const died: Event['kind'] = 'died';

function deathsInJournal(stateDir: string): JournalEntry[] {
  try {
    const query = { scan: tailLines, mention: `"${died}"` };
    return readJournal(stateDir, query).lines.map(({ entry }) => entry);
  } catch {
    return []; // a journal that cannot be read
  }
}

function reportedDeath({
  kind,
  instance,
  retiring,
  run_id: runId,
}: JournalEntry): [string, string][] {
  if (kind !== died || typeof runId !== 'string') return [];
  return [[keyOf(retiring === true ? { instance, retiring: runId } : { instance }), runId]];
}
