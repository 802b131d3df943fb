import { durationOf, type Duration } from '../basics/time.ts';
import type { Config } from '../model/config.ts';

/** How long a drain may take: what is still there after its `stop.timeout` is killed. Undefined if some worker has no limit. */
export function longestStop({ workers }: Pick<Config, 'workers'>): Duration | undefined {
  const limits = workers.map(({ stop }) => stop.timeout ?? Infinity);
  const longest = Math.max(0, ...limits);
  return longest === Infinity ? undefined : durationOf(longest + 10_000);
}
