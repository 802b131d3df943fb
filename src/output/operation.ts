import { elapsed, formatDayAndTime, formatDuration, type Moment } from '../core/basics/time.ts';
import type {
  KnownOperation,
  OperationEnd,
  OperationRunner,
  OperationState,
} from '../core/model/operation.ts';
import { formatTable } from './table.ts';

export const howToAttach = (id: string): string => `to see it: workerctl op attach ${id}`;

export const howEnded = ({ exitCode, at }: OperationEnd, now: Moment): string =>
  `ended at ${formatDayAndTime(at, now)} with exit code ${exitCode}`;

/** With the last line that it has printed, if any. */
export function howItRuns({ pid, begunAt }: OperationRunner, last: string, now: Moment): string {
  const line = last.trim().split('\n').at(0) ?? '';
  return `has been running for ${formatDuration(elapsed(begunAt, now))} (pid ${pid})${line === '' ? '' : `: ${line}`}`;
}

/** What it has done is known to `status` and `rollout` only. */
export function howLost({ runner }: Extract<OperationState, { kind: 'lost' }>): string {
  const who = runner === undefined ? 'its process' : `its process (pid ${runner.pid})`;
  return `${who} ended without a result, so it is not known how far it came; it is not run again; workerctl status shows what is so now, and bootcheck completes a restart that was begun`;
}

/** The operations, a line each. */
export function formatOperations(
  operations: readonly KnownOperation[],
  now: Moment,
  columns?: number,
): string {
  if (operations.length === 0) return 'no operations in the last 7 days\n';
  const rows = operations.map(({ id, state, at, words }) => [
    id,
    state.kind === 'ended' ? `exit ${state.end.exitCode}` : stateWords[state.kind],
    formatDuration(elapsed(at, now)),
    words.join(' '),
  ]);
  return formatTable([['ID', 'STATE', 'AGE', 'COMMAND'], ...rows], columns);
}

const stateWords = { asked: 'not begun', running: 'running', lost: 'unknown' } as const;
