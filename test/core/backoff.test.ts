import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { delayAfter, newPauses } from '../../src/core/backoff.ts';
import { formatEvent } from '../../src/core/event.ts';
import { noIntent, type Intent } from '../../src/core/intent.ts';
import type { ObservedInstance } from '../../src/core/observation.ts';
import { changesIn } from '../../src/core/reconcile.ts';
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
  expect(delayAfter({ count }, backoff)).toBe(seconds(length));
  expect(delayAfter({ count: count + 1, isSpared: true }, backoff)).toBe(seconds(length));
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

  test('must be forgiven when it has run long enough, and not before', () => {
    const young = alive('mail.1', 11, { age: seconds(599) });
    expect(after(0, first.intent, young).intent.failures).toEqual(first.intent.failures);
    const old = alive('mail.1', 11, { age: seconds(600) });
    expect(after(0, first.intent, old).intent.failures).toEqual({});
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

describe('where only deaths before it was ready count', () => {
  const lenient = aConfig(
    aWorker('mail', ['1'], {
      backoff: { initial: seconds(1), max: seconds(300), reset: durationOf(0) },
    }),
  );
  const first = decide(lenient, noIntent, observation(crashed('mail.1', 10)));

  test('it must be forgiven when it is ready, and not before', () => {
    const starting = alive('mail.1', 11, { age: durationOf(900) });
    const { failures } = decide(lenient, first.intent, observation(starting)).intent;
    expect(failures).toEqual(first.intent.failures);
    const ready = alive('mail.1', 11, { age: seconds(1) });
    expect(decide(lenient, first.intent, observation(ready)).intent.failures).toEqual({});
  });

  test('a ready one that dies must never be held up', () => {
    const { intent, plan } = decide(lenient, noIntent, observation(young('mail.1', 10)));
    expect(plan).toContain('start mail.1');
    expect(intent.failures).toEqual({});
  });
});

/** One that was ready, and died of SIGSEGV after ten seconds. */
const young = (
  name: string,
  pid: number,
  more: Parameters<typeof dead>[2] = {},
): ObservedInstance =>
  dead(name, pid, {
    ranFor: seconds(10),
    death: { kind: 'signalled', signal: 11, coreDumped: false },
    ...more,
  });

describe('an instance that was ready and died young', () => {
  const first = after(0, noIntent, young('mail.1', 10));
  const second = after(0, first.intent, young('mail.1', 11));

  test('must be replaced at once the first time', () => {
    expect(first.plan).toBe('start mail.1: pid 10 died: signal 11 (SIGSEGV)\n');
    expect(first.intent.failures).toEqual({
      'mail.1': { start: 'start-10', count: 1, at: noon, isSpared: true },
    });
    expect(after(500, first.intent, young('mail.1', 10)).intent).toEqual(first.intent);
  });

  test('must stay down longer and longer from the second time on', () => {
    expect(second.plan).toBe('');
    expect(after(999, second.intent, young('mail.1', 11)).plan).toBe('');
    expect(after(1000, second.intent, young('mail.1', 11)).plan).not.toBe('');
    const third = after(0, second.intent, young('mail.1', 12));
    expect(after(1999, third.intent, young('mail.1', 12)).plan).toBe('');
    expect(after(2000, third.intent, young('mail.1', 12)).plan).not.toBe('');
  });

  test('must count together with deaths before it was ready', () => {
    expect(after(0, first.intent, crashed('mail.1', 11)).intent.failures['mail.1']).toMatchObject({
      count: 2,
      isSpared: true,
    });
    const { intent } = after(0, noIntent, crashed('mail.1', 10));
    const mixed = after(0, intent, young('mail.1', 11));
    expect(mixed.intent.failures['mail.1']).toEqual({ start: 'start-11', count: 2, at: noon });
    expect(mixed.plan).toBe('');
  });

  test('must not count when it has left by itself, or was asked to', () => {
    const left = young('mail.1', 11, { death: { kind: 'exited', status: 0 } });
    expect(after(0, first.intent, left).intent.failures).toEqual(first.intent.failures);
    expect(after(0, first.intent, left).plan).toContain('start mail.1');
    const asked = young('mail.1', 11, { stop: stopOf(11) });
    expect(after(0, second.intent, asked).intent.failures).toEqual({});
  });

  test.each([
    ['by a boot', { death: { kind: 'rebooted' } as const }],
    ['by the watchdog', { isWatchdogKill: true }],
  ])('must not count when it ended %s', (_, more) => {
    const ended = young('mail.1', 11, more);
    expect(after(0, first.intent, ended).intent.failures).toEqual(first.intent.failures);
    expect(after(0, first.intent, ended).plan).toContain('start mail.1');
    const early = crashed('mail.1', 11, more);
    expect(after(0, first.intent, early).plan).toContain('start mail.1');
  });

  test('must count when nobody knows how it died', () => {
    const unknown = young('mail.1', 11, { death: { kind: 'unknown', why: 'its shim was killed' } });
    expect(after(0, first.intent, unknown).plan).toBe('');
  });

  test('must be forgiven by a process that ran long enough, however that one died', () => {
    const old = young('mail.1', 12, { ranFor: seconds(600) });
    expect(after(0, second.intent, old).intent.failures).toEqual({});
    expect(after(0, second.intent, old).plan).toContain('start mail.1');
  });

  test('must be told once, when its pause begins or gets longer', () => {
    const told = (before: Intent, now: Intent, ...seen: ObservedInstance[]): string[] =>
      newPauses(config, before, now, observation(...seen)).map(({ instance, happening }) =>
        formatEvent({ ...happening, instance, at: noon }),
      );
    expect(told(noIntent, first.intent, young('mail.1', 10))).toEqual([]);
    expect(told(first.intent, second.intent, young('mail.1', 11))).toEqual([
      'mail.1: not started until 12:00:01 (1s after its death): pid 11 died: signal 11 (SIGSEGV), 2 times in a row within 10m of its start; workerctl start mail.1 starts it at once',
    ]);
    expect(told(second.intent, second.intent, young('mail.1', 11))).toEqual([]);
    const held = { ...second.intent, held: { 'mail.1': { at: noon, by: 'ann@web1' } } };
    expect(told(first.intent, held, young('mail.1', 11))).toEqual([]);
  });
});

/** What happens to one instance: each of its processes runs for so long, and ends so. */
const lives = fc.array(
  fc.record({
    ranFor: fc.integer({ min: 0, max: 700_000 }),
    status: fc.constantFrom(0, 1),
    lookedAfter: fc.integer({ min: 0, max: 90_000 }),
  }),
  { minLength: 1, maxLength: 60 },
);

test('whatever its processes die of, it must be started again, never later than max, and never in a storm', () => {
  fc.assert(
    fc.property(lives, (all) => {
      let intent = noIntent;
      let now = 0;
      const youngStarts: number[] = [];
      all.forEach(({ ranFor, status, lookedAfter }, index) => {
        const diedAt = (now += ranFor);
        const seen = crashed('mail.1', 10 + index, {
          ranFor: durationOf(ranFor),
          diedAt: noonPlus(durationOf(diedAt)),
          death: { kind: 'exited', status },
        });
        let looked = after((now += lookedAfter), intent, seen);
        for (let looks = 0; looked.plan === ''; looks += 1) {
          expect(looks, 'the moment of the start is known').toBeLessThan(3);
          const wait = changesIn(config, looked.intent, seenAt(durationOf(now), seen));
          expect(wait).toBeGreaterThan(0);
          now += wait ?? 0;
          looked = after(now, looked.intent, seen);
        }
        expect(now - diedAt - lookedAfter).toBeLessThanOrEqual(300_000);
        ({ intent } = looked);
        const counts = status !== 0 || ranFor < 1000;
        if (ranFor >= 600_000) youngStarts.length = 0;
        else if (counts) youngStarts.push(now - diedAt);
        // All but one of a row of young deaths wait, each at least twice as long as the one before.
        youngStarts.slice(1).forEach((waited, nth) => {
          expect(waited).toBeGreaterThanOrEqual(Math.min(300_000, 1000 * 2 ** Math.min(nth, 20)));
        });
      });
    }),
    { numRuns: 300 },
  );
});
