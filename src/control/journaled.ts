import { journalEntry } from '../core/journal.ts';
import { now } from '../os/clock.ts';
import type { Journal } from '../os/journal-file.ts';
import type { Context } from './context.ts';

/**
 * The same context, whose events go into the journal, each once, before they are told: whoever reads them slowly, or kills
 * us then, takes nothing out of the history. A journal that cannot be written is told once, and stops nobody.
 */
export function journaled(context: Context, journal: Journal): Context {
  const { by, command, report } = context;
  let told: string | undefined;
  return {
    ...context,
    report: (event) => {
      const entry = journalEntry(event);
      if (entry !== undefined) journal.append([{ ...entry, by, command }]);
      report(event);
      const problem = journal.problem();
      if (problem === undefined || problem === told) return;
      told = problem;
      report({ kind: 'warning', at: now(), instance: 'journal', problem });
    },
  };
}
