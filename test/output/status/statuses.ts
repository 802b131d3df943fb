// Statuses for the tests of what is shown.
import { durationOf, momentOf } from '../../../src/core/basics/time.ts';
import { countsAs } from '../../../src/core/views/instance-state.ts';
import type { InstanceStatus } from '../../../src/core/views/instance-status.ts';
import type { Status } from '../../../src/core/views/status.ts';

/** An instance that is ready, and what is different about it. */
export const instanceOf = (name: string, more: Partial<InstanceStatus> = {}): InstanceStatus => ({
  name,
  worker: name.replace(/\..*/, ''),
  state: 'ready',
  pid: 5841,
  uptime: durationOf(7_500_000),
  isOutdated: false,
  restarts: { all: 0, unexpected: 0 },
  cpu: durationOf(60_000),
  rss: 20 * 1024 ** 2,
  detail: '',
  ...more,
});

/** The status of these instances, all of which are wanted. */
export function statusOfAll(
  instances: readonly InstanceStatus[],
  more: Partial<Status> = {},
): Status {
  const count = (as: 'up' | 'ready' | 'quiet' | 'done'): number =>
    instances.filter(({ state }) => countsAs(as, state)).length;
  return {
    instances,
    wanted: instances.length,
    up: count('up'),
    ready: count('ready'),
    quiet: count('quiet'),
    done: count('done'),
    releases: {},
    rollouts: [],
    pins: {},
    counts: [],
    desired: {},
    isReleaseNamed: false,
    at: momentOf(1_790_000_000_000),
    ...more,
  };
}
