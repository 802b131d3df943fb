import { expect, test } from 'vitest';
import { durationOf } from '../../src/core/basics/time.ts';
import { restartSummary, type RestartFacts } from '../../src/output/text.ts';

const longest = { instance: 'delayed_job.3', drained: durationOf(130_000), what: 'job 212' };

test.each<[Partial<RestartFacts>, string]>([
  [
    { to: '9f8e7d6', longest },
    '3 restarted (9f8e7d6), 0 killed, longest drain 2m 10s (delayed_job.3, job 212)',
  ],
  [{ from: 'a1b2c3d', to: '9f8e7d6' }, '3 restarted (a1b2c3d -> 9f8e7d6), 0 killed'],
  [{ from: '9f8e7d6', to: '9f8e7d6' }, '3 restarted (9f8e7d6), 0 killed'],
  [{ from: 'a1b2c3d' }, '3 restarted, 0 killed'],
  [{ failed: 2, killed: 1, left: 4 }, '3 restarted, 2 failed, 1 killed, 4 left alone'],
  [{ restarted: 0, left: 1, to: '9f8e7d6' }, '0 killed, 1 left alone'],
  [
    { longest: { instance: 'mail.1', drained: durationOf(400) } },
    '3 restarted, 0 killed, longest drain 0.4s (mail.1)',
  ],
])('of %j the summary must say %s', (facts, words) => {
  const usual = { restarted: 3, failed: 0, killed: 0, left: 0 };
  expect(restartSummary({ ...usual, ...facts })).toBe(`${words}\n`);
});
