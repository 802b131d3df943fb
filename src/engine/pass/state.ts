import { existsSync } from 'node:fs';
import type { PassOutcome } from '../../core/model/decision.ts';
import type { State } from '../../core/model/ledger.ts';
import { readDesired, writeDesired } from '../../host/state/desired-file.ts';
import { ledgerPath, readLedger, writeLedger } from '../../host/state/ledger-file.ts';
import { report, type Context } from '../session.ts';

/**
 * What outlives a command. A ledger that is lost or damaged starts anew.
 * @throws WorkerctlError `state` if state.json is damaged
 */
export async function readState(stateDir: string): Promise<PassOutcome['before']> {
  const desired = readDesired(stateDir);
  const file = readLedger(stateDir);
  if (file.kind === 'read') return { desired, ledger: file.value };
  const { rebuildLedger } = await import('../../host/state/ledger-file.ts');
  const ledger = rebuildLedger(stateDir);
  const isNew = file.kind === 'absent' && Object.keys(ledger.reportedDeaths).length === 0;
  if (isNew) return { desired, ledger };
  const found = file.kind === 'absent' ? 'lost' : `damaged (${file.problem})`;
  return { desired, ledger, problem: `${ledgerPath(stateDir)} is ${found}; ${consequence}` };
}

const consequence =
  'it starts anew: failing workers are restarted without delay once, and a lost job may go unreported; no stop, hold or deadline is affected';

/** Whether a pass would leave all as it is. A ledger that has to start anew is a change. */
export const isSameState = (after: State, before: PassOutcome['before']): boolean =>
  before.problem === undefined &&
  isSame(after.desired, before.desired) &&
  isSame(after.ledger, before.ledger);

const isSame = <T>(a: T, b: T): boolean => a === b || JSON.stringify(a) === JSON.stringify(b);

/**
 * Makes sure that there is a ledger before the first death is reported: a journal that has a death, with no ledger beside
 * it, means that the ledger was lost.
 */
export function ensureLedger(
  context: Pick<Context, 'config' | 'report'>,
  { ledger, problem }: PassOutcome['before'],
): void {
  const { stateDir } = context.config;
  if (problem !== undefined) report(context, 'ledger', { kind: 'warning', problem });
  if (problem !== undefined || !existsSync(ledgerPath(stateDir))) writeLedger(stateDir, ledger);
}

/**
 * Writes down what has changed, first what must not be lost. A kill in between makes the next pass report the same deaths
 * again. `onKept` is called when the first part is on disk.
 */
export function writeState(
  { config: { stateDir } }: Pick<Context, 'config'>,
  { before, desired, ledger }: PassOutcome,
  { isDurable, onKept }: { readonly isDurable: boolean; readonly onKept?: () => void },
): void {
  if (!isSame(desired, before.desired)) writeDesired(stateDir, desired, { isDurable });
  onKept?.();
  if (!isSame(ledger, before.ledger)) writeLedger(stateDir, ledger);
}
