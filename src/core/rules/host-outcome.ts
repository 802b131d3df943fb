import { exitCodes, type ExitCodeName } from '../basics/exit-codes.ts';
import { formatNames } from '../basics/names.ts';
import type { JsonObject } from '../protocols/json-reader.ts';
import { errorIn, longestProblem, type HostAnswer } from '../protocols/host-answer.ts';

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
      const problem = briefly(problemIn(object, exitCode));
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

/** A host may say anything, and at any length. */
const briefly = (problem: string | undefined): string | undefined =>
  problem?.slice(0, longestProblem);

/** What went wrong, as far as the last object of a host says it. */
function problemIn(object: JsonObject, exitCode: number): string | undefined {
  const { outcome, pending, ended_by: by, ended_how: how } = object;
  const error = errorIn(object);
  if (error !== undefined || exitCode === exitCodes.done.code) return error;
  if (typeof by === 'string') return `the restart was ${String(how).replace('_', ' ')} by ${by}`;
  if (outcome === 'aborted') return 'the restart was aborted';
  if (outcome === 'timed_out' && Array.isArray(pending))
    return `--wait is over, and ${formatNames(pending.map(String))} ${pending.length === 1 ? 'is' : 'are'} not done`;
  return outcome === 'unknown' ? 'how the command has ended there is not known' : undefined;
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
