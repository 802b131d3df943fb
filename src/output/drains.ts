import { formatDuration, type Moment } from '../core/basics/time.ts';
import { formatDrain, type Draining } from '../core/events/draining.ts';
import { shownName } from '../core/model/instance.ts';
import { formatNames } from '../core/basics/names.ts';

/** `still draining: mail.1 (pid 5841, asked 3s ago, job 212 for 2m 10s, no limit)`; empty if nothing drains. */
export function stillDraining(draining: readonly Draining[], at: Moment): string {
  if (draining.length === 0) return '';
  const names = draining.map((one) => {
    const since = formatDuration(one.since);
    return `${shownName(one)} (pid ${one.pid}, asked ${since} ago, ${formatDrain(one, at)})`;
  });
  return `still draining: ${formatNames(names)}`;
}

/** The answer of `watch --stop-on-exit` to a second signal: what it still waits for. */
export function describeDrains(
  draining: readonly Draining[],
  unasked: readonly string[],
  at: Moment,
): string {
  const parts = [
    stillDraining(draining, at),
    unasked.length === 0 ? '' : `not asked yet: ${formatNames(unasked)}`,
  ].filter((part) => part !== '');
  return `workerctl: ${parts.length === 0 ? 'all workers have exited' : parts.join('; ')}\n`;
}
