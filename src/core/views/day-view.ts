import type { Moment } from '../basics/time.ts';
import type { DayCounts } from '../model/history.ts';
import type { Ledger } from '../model/ledger.ts';
import { restartsByHour } from '../rules/history.ts';

/** The last day, for charts. */
export interface DayView {
  /** How many were wanted and ready, the oldest first; empty if no watch has run. */
  readonly counts: readonly DayCounts[];
  /** How many processes were replaced in each of the last 24 hours, the oldest first. */
  readonly restarts: readonly { readonly all: number; readonly unexpected: number }[];
  /** By worker, how long the latest drains took, in seconds, the oldest first. */
  readonly drains: readonly { readonly worker: string; readonly seconds: readonly number[] }[];
}

export function dayViewOf(counts: readonly DayCounts[], ledger: Ledger, now: Moment): DayView {
  return {
    counts,
    restarts: restartsByHour(ledger, now),
    drains: Object.entries(ledger.times).flatMap(([worker, { drains }]) =>
      drains.length === 0
        ? []
        : [{ worker, seconds: drains.map((ms) => Math.round(ms / 100) / 10).reverse() }],
    ),
  };
}
