import { existsSync } from 'node:fs';
import type { PassOutcome } from '../../core/model/decision.ts';
import { WorkerctlError } from '../../core/basics/error.ts';
import type { Ledger, State } from '../../core/model/ledger.ts';
import type { Staged } from '../../host/files/atomic-file.ts';
import { findDesired } from '../../host/state/desired-file.ts';
import { stageDesired } from '../../host/state/desired-write.ts';
import { ledgerPath, readLedger, stageLedger } from '../../host/state/ledger-file.ts';
import { report, type Context } from '../session.ts';

/**
 * What outlives a command. A ledger that is lost or damaged starts anew.
 * @throws WorkerctlError `state` if state.json and its copy are damaged
 */
export async function readState(stateDir: string): Promise<PassOutcome['before']> {
  const { desired, problem: desiredProblem } = findDesired(stateDir);
  const known = { desired, ...(desiredProblem !== undefined && { desiredProblem }) };
  const file = readLedger(stateDir);
  if (file.kind === 'read') return { ...known, ledger: file.value };
  const { rebuildLedger } = await import('../../host/state/rebuild-ledger.ts');
  const ledger = rebuildLedger(stateDir);
  const isNew = file.kind === 'absent' && Object.keys(ledger.reportedDeaths).length === 0;
  if (isNew) return { ...known, ledger };
  const found = file.kind === 'absent' ? 'lost' : `damaged (${file.problem})`;
  return { ...known, ledger, problem: `${ledgerPath(stateDir)} is ${found}; ${consequence}` };
}

const consequence =
  'it starts anew: failing workers are restarted without delay once, and a lost job may go unreported; no stop, hold or deadline is affected';

/** Whether a pass would leave all as it is. A file that has to be written anew is a change. */
export const isSameState = (after: State, before: PassOutcome['before']): boolean =>
  before.problem === undefined &&
  before.desiredProblem === undefined &&
  isSame(after.desired, before.desired) &&
  isSame(after.ledger, before.ledger);

/** Part by part: rules and files may have the parts in different orders. */
function isSame<T extends object>(a: T, b: T): boolean {
  if (a === b) return true;
  const parts = Object.keys({ ...a, ...b }) as (keyof T)[];
  return parts.every(
    (part) => a[part] === b[part] || JSON.stringify(a[part]) === JSON.stringify(b[part]),
  );
}

/**
 * Makes sure that there is a ledger before the first death is reported: a journal that has a death, with no ledger beside
 * it, means that the ledger was lost.
 */
export function ensureLedger(
  context: Pick<Context, 'config' | 'report'>,
  { ledger, problem }: PassOutcome['before'],
  mayLack = false,
): void {
  const { stateDir } = context.config;
  if (problem === undefined && existsSync(ledgerPath(stateDir))) return;
  const staged = mayLack ? undefined : stageLedger(stateDir, ledger);
  if (problem !== undefined) report(context, 'ledger', { kind: 'warning', problem });
  staged?.commit();
}

/** What may be done without a ledger is done, with a warning, if it cannot be written. */
function stageExpendable(
  context: Pick<Context, 'config' | 'report'>,
  ledger: Ledger,
): Staged | undefined {
  try {
    return stageLedger(context.config.stateDir, ledger, 'deaths may be reported again');
  } catch (error) {
    if (!(error instanceof WorkerctlError)) throw error;
    report(context, 'ledger', { kind: 'warning', problem: error.message });
    return undefined;
  }
}

/** What has changed, complete under temporary names. */
export interface StagedState {
  /**
   * Puts it in place, first what must not be lost. A kill in between makes the next pass report the same deaths again.
   * `onKept` is called when the first part is on disk.
   */
  readonly commit: (onKept?: () => void) => void;
  /** Removes what was not put in place. */
  readonly discard: () => void;
}

interface StageOptions {
  readonly isDurable: boolean;
  /** Nothing is started: without the ledger no failing worker is started again and again. */
  readonly mayLackLedger?: boolean;
}

/**
 * Writes what has changed under temporary names, before anything is reported: if a full disk prevents that, each pass fails,
 * and none of them must report the same deaths.
 * @throws WorkerctlError `state` if it cannot be written
 */
export function stageState(
  context: Pick<Context, 'config' | 'report'>,
  { before, desired, ledger }: PassOutcome,
  { isDurable, mayLackLedger = false }: StageOptions,
): StagedState {
  const { stateDir } = context.config;
  const isDesiredSame = isSame(desired, before.desired) && before.desiredProblem === undefined;
  const first = isDesiredSame ? undefined : stageDesired(stateDir, desired, { isDurable });
  let second: Staged | undefined;
  let isOver = false;
  const discard = (): void => {
    if (isOver) return;
    isOver = true;
    first?.discard();
    second?.discard();
  };
  try {
    if (!isSame(ledger, before.ledger))
      second = mayLackLedger ? stageExpendable(context, ledger) : stageLedger(stateDir, ledger);
  } catch (error) {
    discard();
    throw error;
  }
  return {
    discard,
    commit: (onKept) => {
      first?.commit();
      onKept?.();
      second?.commit();
      isOver = true;
    },
  };
}

/** The damaged file is kept aside by the write that follows. */
export function reportDesired(
  context: Pick<Context, 'report'>,
  { desiredProblem }: PassOutcome['before'],
): void {
  if (desiredProblem === undefined) return;
  const problem = `${desiredProblem}, and both are written again; a damaged file is kept as state.damaged.1 to .3`;
  report(context, 'state.json', { kind: 'warning', problem });
}
