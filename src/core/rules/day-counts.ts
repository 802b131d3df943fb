import { momentOf, type Moment } from '../basics/time.ts';
import type { DayCounts } from '../model/history.ts';

/** The length of a part of the day. */
export const partMs = 300_000;
const dayMs = 86_400_000;

/**
 * The counts of the last day once a look has seen these. There are at most 288: a part of the day keeps its worst moment.
 * A clock that was set back makes counts of the future: they are dropped.
 */
export function withDayCounts(
  before: readonly DayCounts[],
  now: Moment,
  { wanted, ready }: Omit<DayCounts, 'at'>,
): readonly DayCounts[] {
  const at = momentOf(Math.floor(now / partMs) * partMs);
  const last = before.at(-1);
  if (last?.at !== at)
    return [...before.filter((one) => one.at < at && one.at > at - dayMs), { at, wanted, ready }];
  if (last.wanted >= wanted && last.ready <= ready) return before;
  const worst = { at, wanted: Math.max(last.wanted, wanted), ready: Math.min(last.ready, ready) };
  return [...before.slice(0, -1), worst];
}
