import { WorkerctlError } from '../../core/basics/error.ts';
import {
  byName,
  flag,
  integer,
  listOf,
  moment,
  object,
  optional,
  text,
  type Form,
} from '../../core/basics/json-form.ts';
import { death } from '../../core/events/form.ts';
import { noLedger, type Failure, type Ledger, type Loss } from '../../core/model/ledger.ts';
import { writeFileAtomically } from '../files/atomic-file.ts';
import { describeErrno } from '../files/errno.ts';
import { faultPoint } from '../files/fault-point.ts';
import { type StateFile } from '../files/json-file.ts';
import { makeFolder } from '../files/make-folder.ts';
import { once } from '../files/once.ts';
import { fileText, readForm } from './schema.ts';

const form = once((): Form<Ledger> =>
  object<Ledger>({
    failures: [
      'failures',
      byName(
        object<Failure>({
          runId: ['run_id', text],
          count: ['count', integer],
          at: ['at', moment],
          isSpared: ['is_spared', optional(flag)],
        }),
      ),
    ],
    reportedDeaths: ['reported_deaths', byName(text)],
    losses: [
      'losses',
      listOf(
        object<Loss>({
          instance: ['instance', text],
          pid: ['pid', integer],
          runId: ['run_id', text],
          death: ['death', death],
          at: ['at', moment],
          due: ['due', moment],
        }),
      ),
    ],
  }),
);

/**
 * What the engine remembers and can do without. It has its own directory, because a rename in it must not change the
 * time of the state directory: by that time the record cache knows that it is up to date.
 */
export const ledgerFolder = (stateDir: string): string => `${stateDir}/ledger`;

export const ledgerPath = (stateDir: string): string => `${ledgerFolder(stateDir)}/deaths.json`;

/** A `problem` does not name the file. */
export const readLedger = (stateDir: string): StateFile<Ledger> =>
  readForm(ledgerPath(stateDir), form);

/** What can be read of the ledger, for a look that decides nothing. */
export function knownLedger(stateDir: string): Ledger {
  const file = readLedger(stateDir);
  return file.kind === 'read' ? file.value : noLedger;
}

/**
 * Writes the ledger, without waiting for the disk.
 * @throws WorkerctlError `state` if it cannot be written: without it, failing workers would be started again and again
 */
export function writeLedger(stateDir: string, ledger: Ledger): void {
  const path = ledgerPath(stateDir);
  try {
    makeFolder(ledgerFolder(stateDir));
    writeFileAtomically(path, fileText(form(), ledger));
  } catch (error) {
    throw new WorkerctlError(
      'state',
      `${path}: cannot be written: ${describeErrno(error)}; nothing was started or stopped`,
      { cause: error },
    );
  }
  faultPoint();
}
