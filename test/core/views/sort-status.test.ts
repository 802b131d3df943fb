import { expect, test } from 'vitest';
import { durationOf, momentOf } from '../../../src/core/basics/time.ts';
import type { Activity } from '../../../src/core/model/activity.ts';
import type { InstanceStatus } from '../../../src/core/views/instance-status.ts';
import { sorted, sortKeys, type SortKey } from '../../../src/core/views/sort-status.ts';
import { instanceOf, statusOfAll } from '../../output/status/statuses.ts';

const at = momentOf(1_790_000_000_000);
const busySince = (ago: number): Activity => ({
  kind: 'busy',
  count: 1,
  jobs: [{ what: 'job', since: momentOf(at - ago) }],
});

const all = [
  instanceOf('mail.10', { state: 'ready', uptime: durationOf(5_000), cpu: durationOf(2), rss: 30 }),
  instanceOf('mail.2', {
    state: 'backoff',
    uptime: durationOf(1_000),
    cpu: durationOf(9),
    restarts: { all: 7, unexpected: 7 },
    activity: busySince(60_000),
    release: 'b10',
  }),
  instanceOf('mail.1', {
    state: 'late',
    rss: 5,
    memory: 90,
    activity: busySince(5_000),
    release: 'b9',
  }),
];

test.each<[SortKey, string[]]>([
  ['instance', ['mail.1', 'mail.2', 'mail.10']],
  ['state', ['mail.2', 'mail.1', 'mail.10']],
  ['uptime', ['mail.2', 'mail.10', 'mail.1']],
  ['restarts', ['mail.2', 'mail.10', 'mail.1']],
  ['cpu', ['mail.1', 'mail.2', 'mail.10']],
  ['memory', ['mail.2', 'mail.1', 'mail.10']],
  ['release', ['mail.10', 'mail.1', 'mail.2']],
  ['job', ['mail.2', 'mail.1', 'mail.10']],
])('--sort %s must put what one looks for first', (key, names) => {
  const found = sorted(statusOfAll(all, { at }), key);
  expect(found.instances.map(({ name }) => name)).toEqual(names);
});

test('each key must have an order, and instances without a value come last', () => {
  const down: InstanceStatus = {
    name: 'a.1',
    worker: 'a',
    state: 'stopped',
    isOutdated: false,
    detail: '',
  };
  for (const key of sortKeys.filter((one) => !['instance', 'release', 'job'].includes(one)))
    expect(sorted(statusOfAll([down, ...all], { at }), key).instances.at(-1)?.name, key).toBe(
      'a.1',
    );
});
