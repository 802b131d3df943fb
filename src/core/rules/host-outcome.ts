import { exitCodes, type ExitCodeName } from '../basics/exit-codes.ts';
import { errorIn, type HostAnswer } from '../protocols/host-answer.ts';

/** How a command has ended on one host. */
export const hostStates = [
  'done',
  /** Fewer instances are ready than wanted. */
  'short',
  'timed_out',
  /** Another command has ended the restart there, or taken it over. */
  'ended',
  /** It is not known what has happened. */
  'unknown',
  'failed',
  /** It was not connected to. */
  'untouched',
] as const;

export type HostState = (typeof hostStates)[number];

export interface HostOutcome {
  readonly host: string;
  readonly state: HostState;
  /** The exit code of the command there, if that is known. */
  readonly exitCode?: number;
  /** What went wrong, in words. */
  readonly problem?: string;
}

const stateOfCode = new Map<number, HostState>([
  [exitCodes.done.code, 'done'],
  [exitCodes.notReady.code, 'short'],
  [exitCodes.unknown.code, 'unknown'],
  [exitCodes.ended.code, 'ended'],
  [exitCodes.timedOut.code, 'timed_out'],
]);

export function outcomeOf(host: string, answer: HostAnswer): HostOutcome {
  switch (answer.kind) {
    case 'answered': {
      const { exitCode, object } = answer;
      const problem = errorIn(object);
      const state = stateOfCode.get(exitCode) ?? 'failed';
      return { host, state, exitCode, ...(problem !== undefined && { problem }) };
    }
    case 'unable':
      return { host, state: 'failed', problem: answer.problem };
    case 'other_schema':
    case 'unknown':
      return { host, state: 'unknown', problem: answer.problem };
  }
}

const codes: Readonly<Record<HostState, ExitCodeName>> = {
  done: 'done',
  untouched: 'done',
  short: 'notReady',
  timed_out: 'timedOut',
  ended: 'ended',
  unknown: 'unknown',
  failed: 'failed',
};

/** The worst first: what has failed for certain, then what may have. */
const bySeverity = ['failed', 'unknown', 'ended', 'timed_out', 'short'] as const;

/** The exit code of a command for all hosts. Hosts that were left out have no say: what stopped it has. */
export const fleetCode = (outcomes: readonly HostOutcome[]): ExitCodeName =>
  codes[bySeverity.find((worst) => outcomes.some(({ state }) => state === worst)) ?? 'done'];
