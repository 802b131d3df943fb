import { expect, test } from 'vitest';
import type { RolloutOptions } from '../../../src/core/model/desired.ts';
import { noLedger } from '../../../src/core/model/ledger.ts';
import { estimatesOf } from '../../../src/core/rules/restart-estimate.ts';
import { snapshotOf } from '../../../src/core/rules/snapshot.ts';
import { noDesired } from '../../../src/core/model/desired.ts';
import { aConfig, aRollout, aWorker, observation, restartPolicy, seconds } from '../builders.ts';

const identifiers = Array.from({ length: 12 }, (_, index) => String(index + 1));
const names = identifiers.map((one) => `mail.${one}`);

/** What is expected of a restart of these instances, whose worker has drained in these seconds. */
function estimate(
  drains: readonly number[],
  { options = {}, instances = names }: { options?: RolloutOptions; instances?: string[] } = {},
) {
  const mail = aWorker('mail', identifiers, { restart: restartPolicy() });
  const ledger = { ...noLedger, times: { mail: { drains: drains.map(seconds), jobs: [] } } };
  const config = aConfig(mail, aWorker('other', ['1']));
  const snapshot = snapshotOf(config, { desired: noDesired, ledger }, observation());
  return estimatesOf({ ...aRollout({}), options }, instances, snapshot);
}

const batchOf = (count: number): RolloutOptions => ({ batch: { kind: 'count', count } });

test.each<[string, RolloutOptions, number]>([
  ['a canary, then the others in batches', batchOf(4), 4],
  ['a canary, then all others', batchOf(100), 2],
  ['no canary', { ...batchOf(4), canary: false }, 3],
  ['a percentage', { batch: { kind: 'percent', percent: 50 } }, 3],
])('%s must take as many times a usual drain', (_, options, rounds) => {
  expect(estimate([90, 10, 12], { options })).toEqual([
    { worker: 'mail', usual: seconds(12), total: seconds(12 * rounds) },
  ]);
});

test('a drain must not be expected to take longer than it may', () => {
  const options = { ...batchOf(100), killAfter: seconds(5) };
  expect(estimate([60, 60, 60], { options })[0]).toMatchObject({ total: seconds(10) });
});

test('one instance must take one drain', () => {
  const one = { options: batchOf(1), instances: ['mail.3'] };
  expect(estimate([60, 60, 60], one)[0]).toMatchObject({ total: seconds(60) });
});

test('there must be none if fewer than three drains are known, or nothing drains', () => {
  expect(estimate([60, 60])).toEqual([]);
  expect(estimate([60, 60, 60], { instances: [] })).toEqual([]);
});
