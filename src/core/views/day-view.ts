import { momentOf, type Moment } from '../basics/time.ts';
import type { DayCounts } from '../model/history.ts';
import type { Ledger } from '../model/ledger.ts';
import { partMs } from '../rules/day-counts.ts';
import { restartsByHour } from '../rules/history.ts';

/** The last day, for charts. */
export interface DayView {
  /** How many were wanted and ready, the oldest first; empty if no watch has run. */
  readonly levels: readonly Level[];
  /** How many processes were replaced in each of the last 24 hours, the oldest first. */
  readonly restarts: readonly { readonly all: number; readonly unexpected: number }[];
  /** By worker, how long the latest drains took, in seconds, the oldest first. */
  readonly drains: readonly { readonly worker: string; readonly seconds: readonly number[] }[];
}

/** A time in which the counts were the same. */
export interface Level extends DayCounts {
  readonly end: Moment;
}

export function dayViewOf(counts: readonly DayCounts[], ledger: Ledger, now: Moment): DayView {
  return {
    levels: levelsIn(counts),
    restarts: restartsByHour(ledger, now),
    drains: Object.entries(ledger.times).flatMap(([worker, { drains }]) =>
      drains.length === 0
        ? []
        : [{ worker, seconds: drains.map((ms) => Math.round(ms / 100) / 10).reverse() }],
    ),
  };
}

/** Most of a day is one level. Between two there is a gap while no watch ran. */
function levelsIn(counts: readonly DayCounts[]): Level[] {
  const levels: Level[] = [];
  for (const { at, wanted, ready } of counts) {
    const last = levels.at(-1);
    const end = momentOf(at + partMs);
    const isSame = last?.end === at && last.wanted === wanted && last.ready === ready;
    if (isSame) levels[levels.length - 1] = { ...last, end };
    else levels.push({ at, end, wanted, ready });
  }
  return levels;
}
