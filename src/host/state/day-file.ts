import { existsSync } from 'node:fs';
import { integer, listOf, moment, object } from '../../core/basics/json-form.ts';
import type { DayCounts } from '../../core/model/history.ts';
import { writeFileAtomically } from '../files/atomic-file.ts';
import { once } from '../files/once.ts';
import { makeDirectory } from '../files/make-directory.ts';
import { ledgerFolder } from './ledger-file.ts';
import { fileText, readForm } from './schema.ts';

const form = once(() =>
  object<{ readonly counts: readonly DayCounts[] }>({
    counts: [
      'counts',
      listOf(
        object<DayCounts>({
          at: ['at', moment],
          wanted: ['wanted', integer],
          ready: ['ready', integer],
        }),
      ),
    ],
  }),
);

const pathIn = (stateDir: string): string => `${ledgerFolder(stateDir)}/day.json`;

/** How many were wanted and ready in the last day, as a watch has noted it; none if that is not known. */
export function readDay(stateDir: string): readonly DayCounts[] {
  const found = readForm(pathIn(stateDir), form);
  return found.kind === 'read' ? found.value.counts : [];
}

/** Never fails: what is lost is a part of a chart. */
export function writeDay(stateDir: string, counts: readonly DayCounts[]): void {
  try {
    if (!existsSync(stateDir)) return;
    makeDirectory(ledgerFolder(stateDir));
    writeFileAtomically(pathIn(stateDir), fileText(form(), { counts }));
  } catch {
    return; // such as a full disk
  }
}
