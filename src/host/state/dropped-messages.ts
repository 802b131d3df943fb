import * as json from '../../core/basics/json-form.ts';
import type { Moment } from '../../core/basics/time.ts';
import { writeFileAtomically } from '../files/atomic-file.ts';
import { makeDirectory } from '../files/make-directory.ts';
import { now } from '../process/clock.ts';
import { ledgerFolder } from './ledger-file.ts';
import { fileText, readForm } from './schema.ts';

/** The messages of workers (sd_notify(3)) that no watch of a state directory could take. */
export interface DroppedMessages {
  readonly count: number;
  /** When the last of them was noted. */
  readonly at: Moment;
}

const form = json.object<DroppedMessages>({
  count: ['count', json.integer],
  at: ['at', json.moment],
});

const pathIn = (stateDir: string): string => `${ledgerFolder(stateDir)}/dropped-messages.json`;

/** Undefined if none is known to have been dropped. */
export function readDropped(stateDir: string): DroppedMessages | undefined {
  const file = readForm(pathIn(stateDir), () => form);
  return file.kind === 'read' ? file.value : undefined;
}

/** Counts further ones. Never fails: a count that cannot be kept is lost. */
export function noteDropped(stateDir: string, count: number): void {
  const total = (readDropped(stateDir)?.count ?? 0) + count;
  try {
    makeDirectory(ledgerFolder(stateDir));
    writeFileAtomically(pathIn(stateDir), fileText(form, { count: total, at: now() }));
  } catch {
    return; // such as a full disk
  }
}
