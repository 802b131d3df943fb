import { describe, expect, test } from 'vitest';
import { dueAt } from '../../src/core/backoff.ts';
import { noIntent, type Intent } from '../../src/core/intent.ts';
import type { ObservedInstance } from '../../src/core/observation.ts';
import { durationOf } from '../../src/core/time.ts';
import {
  about,
  aConfig,
  alive,
  aWorker,
  crashed,
  dead,
  decide,
  noon,
  noonPlus,
  observation,
  restartOf,
  seconds,
  seenAt,
  stopOf,
} from './builders.ts';

const config = aConfig(aWorker('mail', ['1']));
const after = (
  length: number,
  intent: Intent,
  ...seen: ObservedInstance[]
): ReturnType<typeof decide> => decide(config, intent, seenAt(durationOf(length), ...seen));

test.each([
  [1, 1],
  [2, 2],
  [3, 4],
  [9, 256],
  [10, 300],
  [5000, 300],
])('after %i failures in a row it must be %i seconds', (count, length) => {
  const { backoff } = aWorker('mail', ['1']);
  expect(dueAt({ start: 'x', count, at: noon }, backoff)).toBe(noonPlus(seconds(length)));
});

describe('an instance that died before it was ready', () => {
  const first = after(0, noIntent, crashed('mail.1', 10));

  test('must stay down for a while', () => {
    expect(first.plan).toBe('');
    expect(after(999, first.intent, crashed('mail.1', 10)).plan).toBe('');
    expect(after(1000, first.intent, crashed('mail.1', 10)).plan).toBe(
      'start mail.1: pid 10 died: exit status 1\n',
    );
  });

  test('must be counted once, however often it is looked at', () => {
    const again = after(500, first.intent, crashed('mail.1', 10));
    expect(again.intent).toEqual(first.intent);
    expect(again.intent.failures).toEqual({ 'mail.1': { start: 'start-10', count: 1, at: noon } });
  });

  test('must stay down twice as long the next time', () => {
    const second = crashed('mail.1', 11, { diedAt: noonPlus(seconds(2)) });
    const { intent } = after(2000, first.intent, second);
    expect(intent.failures['mail.1']?.count).toBe(2);
    expect(after(3999, intent, second).plan).toBe('');
    expect(after(4000, intent, second).plan).not.toBe('');
  });

  test('must be forgiven when it is ready, and not before', () => {
    const starting = alive('mail.1', 11, { age: durationOf(900) });
    expect(after(0, first.intent, starting).intent.failures).toHaveProperty(['mail.1']);
    const ready = alive('mail.1', 11, { age: seconds(1) });
    expect(after(0, first.intent, ready).intent.failures).toEqual({});
    expect(after(0, first.intent, dead('mail.1', 11)).intent.failures).toEqual({});
  });

  test.each([{ kind: 'start', ...about('mail.1') } as const, restartOf(['mail.1'])])(
    'must be started at once by $kind',
    (goal) => {
      const seen = observation(crashed('mail.1', 10));
      const { plan, intent } = decide(config, first.intent, seen, goal);
      expect(plan).toContain('start mail.1: pid 10 died');
      expect(intent.failures).toEqual({});
    },
  );

  test('must not be held up by a clock that was set back', () => {
    const future = crashed('mail.1', 10, { diedAt: noonPlus(seconds(3600)) });
    expect(after(0, noIntent, future).plan).toBe('start mail.1: pid 10 died: exit status 1\n');
  });

  test('must not be held up when somebody had asked it to leave', () => {
    const asked = crashed('mail.1', 10, { stop: stopOf(10) });
    const { plan, intent } = after(0, noIntent, asked);
    expect(plan).toContain('start mail.1');
    expect(intent.failures).toEqual({});
  });

  test('must be forgotten when it is stopped on purpose', () => {
    const stopped = { ...first.intent, stopped: { 'mail.1': { at: noon, by: 'ann@web1' } } };
    expect(after(0, stopped, crashed('mail.1', 10)).intent.failures).toEqual({});
  });

  test('must be started at once where it had been ready, or nobody knows when it died long ago', () => {
    expect(after(0, noIntent, dead('mail.1', 10)).plan).toContain('start mail.1');
    const unknown = crashed('mail.1', 10, { diedAt: null });
    expect(after(60_000, noIntent, unknown).plan).toContain('start mail.1');
    expect(after(0, noIntent, unknown).plan).toBe('');
  });
});
