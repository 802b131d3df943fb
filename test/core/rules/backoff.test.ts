import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { backsOffUntil, delayAfter, dueAt, newPauses } from '../../../src/core/rules/backoff.ts';
import { formatEvent } from '../../../src/core/events/event.ts';
import { noDesired } from '../../../src/core/model/desired.ts';
import { noLedger, type State } from '../../../src/core/model/ledger.ts';
import type { ObservedInstance } from '../../../src/core/model/observation.ts';
import { durationOf } from '../../../src/core/basics/time.ts';
import {
  about,
  aConfig,
  alive,
  aWorker,
  check,
  crashed,
  dead,
  decide,
  heldIntent,
  nextChange,
  noon,
  noonPlus,
  observation,
  restartOf,
  seconds,
  seenAt,
  stopOf,
  stoppedIntent,
} from '../builders.ts';

const config = aConfig(aWorker('mail', ['1']));
const nothing: State = { desired: noDesired, ledger: noLedger };
const after = (
  length: number,
  before: State,
  ...seen: ObservedInstance[]
): ReturnType<typeof decide> => check(config, before, seenAt(durationOf(length), ...seen));

test.each([
  [1, 1],
  [2, 2],
  [3, 4],
  [8, 128],
  [9, 240],
  [5000, 240],
])(
  'after %i failures in a row it must be %i seconds, and up to a quarter more',
  (count, length) => {
    const { backoff } = aWorker('mail', ['1']);
    fc.assert(
      fc.property(fc.string(), fc.string(), (name, runId) => {
        const delay = delayAfter(name, { runId, count }, backoff);
        expect(delay).toBeGreaterThanOrEqual(seconds(length));
        expect(delay).toBeLessThanOrEqual(seconds(length * 1.25));
        expect(delayAfter(name, { runId, count }, backoff)).toBe(delay);
        expect(delayAfter(name, { runId, count: count + 1, isSpared: true }, backoff)).toBe(delay);
      }),
    );
  },
);

test.each([
  [{ initial: 1, max: 300 }, 5000],
  [{ initial: 60, max: 60 }, 1],
  [{ initial: 50, max: 60 }, 1],
])('no pause must be longer than max, and yet no two need be alike', ({ initial, max }, count) => {
  const { backoff } = aWorker('mail', ['1']);
  const policy = { ...backoff, initial: seconds(initial), max: seconds(max) };
  const delays = Array.from({ length: 200 }, (_, number) =>
    delayAfter(`mail.${number}`, { runId: 'a', count }, policy),
  );
  expect(Math.max(...delays)).toBeLessThanOrEqual(policy.max);
  expect(Math.min(...delays)).toBeGreaterThanOrEqual(policy.max * 0.8);
  expect(Math.max(...delays) - Math.min(...delays)).toBeGreaterThan(policy.max * 0.15);
});

test('of sixty instances that fail together again and again, fewer and fewer must start together', () => {
  const { backoff } = aWorker('mail', ['1']);
  let moments = Array.from({ length: 60 }, () => noon);
  const crowds = [1, 2, 3, 4, 5, 6].map((count) => {
    moments = moments.map((at, number) =>
      dueAt(`mail.${number}`, { runId: `run-${number}-${count}`, count, at }, backoff),
    );
    return Math.max(
      ...moments.map((from) => moments.filter((at) => at >= from && at < from + 1000).length),
    );
  });
  expect(crowds.slice(0, 2)).toEqual([60, 60]);
  expect(crowds.at(-1)).toBeLessThan(15);
});

describe('an instance that died before it was ready', () => {
  const first = after(0, nothing, crashed('mail.1', 10));

  test('must stay down for a while', () => {
    expect(first.plan).toBe('');
    expect(after(999, first, crashed('mail.1', 10)).plan).toBe('');
    const until = pauseOf(first, crashed('mail.1', 10));
    expect(after(until - 1, first, crashed('mail.1', 10)).plan).toBe('');
    expect(after(until, first, crashed('mail.1', 10)).plan).toBe(
      'start mail.1: pid 10 exited: status 1\n',
    );
  });

  test('must be counted once, no matter how often it is looked at', () => {
    const again = after(500, first, crashed('mail.1', 10));
    expect(again.desired).toEqual(first.desired);
    expect(again.ledger.failures).toEqual({ 'mail.1': { runId: 'start-10', count: 1, at: noon } });
  });

  test('must stay down twice as long the next time', () => {
    const second = crashed('mail.1', 11, { diedAt: noonPlus(seconds(2)) });
    const counted = after(2000, first, second);
    expect(counted.ledger.failures['mail.1']?.count).toBe(2);
    expect(after(3999, counted, second).plan).toBe('');
    expect(after(pauseOf(counted, second, 2000), counted, second).plan).not.toBe('');
  });

  test('must be forgiven once it has run long enough, and not before', () => {
    const young = alive('mail.1', 11, { age: seconds(599) });
    expect(after(0, first, young).ledger.failures).toEqual(first.ledger.failures);
    const old = alive('mail.1', 11, { age: seconds(600) });
    expect(after(0, first, old).ledger.failures).toEqual({});
    expect(after(0, first, dead('mail.1', 11)).ledger.failures).toEqual({});
  });

  test.each([{ kind: 'start', ...about('mail.1') } as const, restartOf(['mail.1'])])(
    'must be started at once by $kind',
    (goal) => {
      const seen = observation(crashed('mail.1', 10));
      const { plan, ledger } = decide(config, first.desired, seen, goal, first.ledger);
      expect(plan).toContain('start mail.1: pid 10 exited');
      expect(ledger.failures).toEqual({});
    },
  );

  test('must not be delayed by a clock that was set back', () => {
    const future = crashed('mail.1', 10, { diedAt: noonPlus(seconds(3600)) });
    expect(after(0, nothing, future).plan).toBe('start mail.1: pid 10 exited: status 1\n');
  });

  test('must not be delayed if it had been asked to exit', () => {
    const asked = crashed('mail.1', 10, { stop: stopOf(10) });
    const { plan, ledger } = after(0, nothing, asked);
    expect(plan).toContain('start mail.1');
    expect(ledger.failures).toEqual({});
  });

  test('must have its failures dropped when it is stopped on purpose', () => {
    const stopped = { ...first, desired: stoppedIntent('mail.1') };
    expect(after(0, stopped, crashed('mail.1', 10)).ledger.failures).toEqual({});
  });

  test('must be started at once if it had been ready, or if it died long ago at an unknown time', () => {
    expect(after(0, nothing, dead('mail.1', 10)).plan).toContain('start mail.1');
    const unknown = crashed('mail.1', 10, { diedAt: null });
    expect(after(60_000, nothing, unknown).plan).toContain('start mail.1');
    expect(after(0, nothing, unknown).plan).toBe('');
  });
});

describe('if only deaths before it was ready count', () => {
  const lenient = aConfig(
    aWorker('mail', ['1'], {
      backoff: {
        initial: seconds(1),
        max: seconds(300),
        reset: durationOf(0),
        minRun: durationOf(0),
      },
    }),
  );
  const first = check(lenient, nothing, observation(crashed('mail.1', 10)));

  test('an instance must be forgiven once it is ready, and not before', () => {
    const starting = alive('mail.1', 11, { age: durationOf(900) });
    const { failures } = check(lenient, first, observation(starting)).ledger;
    expect(failures).toEqual(first.ledger.failures);
    const ready = alive('mail.1', 11, { age: seconds(1) });
    expect(check(lenient, first, observation(ready)).ledger.failures).toEqual({});
  });

  test('a ready instance that dies must never be delayed', () => {
    const { ledger, plan } = check(lenient, nothing, observation(young('mail.1', 10)));
    expect(plan).toContain('start mail.1');
    expect(ledger.failures).toEqual({});
  });
});

/** How long after noon the instance may be started again. */
const pauseOf = ({ ledger }: State, seen: ObservedInstance, at = 0): number => {
  const [worker] = config.workers;
  const until = worker && backsOffUntil(ledger, seen, worker, noonPlus(durationOf(at)));
  if (until === undefined) throw new Error(`${seen.name} is not held back`);
  return until - noon;
};

/** An instance that was ready, and died of SIGSEGV after ten seconds. */
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

describe('an instance that was ready and died soon after its start', () => {
  const first = after(0, nothing, young('mail.1', 10));
  const second = after(0, first, young('mail.1', 11));

  test('must be replaced at once the first time', () => {
    expect(first.plan).toBe('start mail.1: pid 10 died: signal 11 (SIGSEGV)\n');
    expect(first.ledger.failures).toEqual({
      'mail.1': { runId: 'start-10', count: 1, at: noon, isSpared: true },
    });
    expect(after(500, first, young('mail.1', 10)).desired).toEqual(first.desired);
  });

  test('must stay down longer and longer from the second time on', () => {
    expect(second.plan).toBe('');
    expect(after(999, second, young('mail.1', 11)).plan).toBe('');
    expect(after(1250, second, young('mail.1', 11)).plan).not.toBe('');
    const third = after(0, second, young('mail.1', 12));
    expect(after(1999, third, young('mail.1', 12)).plan).toBe('');
    expect(after(2500, third, young('mail.1', 12)).plan).not.toBe('');
  });

  test('must be counted together with deaths before it was ready', () => {
    expect(after(0, first, crashed('mail.1', 11)).ledger.failures['mail.1']).toMatchObject({
      count: 2,
      isSpared: true,
    });
    const counted = after(0, nothing, crashed('mail.1', 10));
    const mixed = after(0, counted, young('mail.1', 11));
    expect(mixed.ledger.failures['mail.1']).toEqual({ runId: 'start-11', count: 2, at: noon });
    expect(mixed.plan).toBe('');
  });

  test('must not be counted if it has exited by itself, or was asked to', () => {
    const left = young('mail.1', 11, { death: { kind: 'exited', status: 0 } });
    expect(after(0, first, left).ledger.failures).toEqual(first.ledger.failures);
    expect(after(0, first, left).plan).toContain('start mail.1');
    const asked = young('mail.1', 11, { stop: stopOf(11) });
    expect(after(0, second, asked).ledger.failures).toEqual({});
  });

  test('must be counted if it ran for less than min_run, however it ended', () => {
    const brief = (pid: number, more: Parameters<typeof dead>[2] = {}): ObservedInstance =>
      young('mail.1', pid, {
        ranFor: durationOf(9_999),
        death: { kind: 'exited', status: 0 },
        ...more,
      });
    const once = after(0, nothing, brief(10));
    expect(once.plan).toContain('start mail.1');
    const twice = after(0, once, brief(11));
    expect(twice.plan).toBe('');
    expect(twice.ledger.failures['mail.1']?.count).toBe(2);
    expect(newPauses(config, once, twice, observation(brief(11)))[0]?.body).toMatchObject({
      problem: 'failed 2 times in a row within 10s of its start: exit status 0',
    });
    const long = brief(12, { ranFor: seconds(10) });
    expect(after(0, twice, long).plan).toContain('start mail.1');
    expect(after(0, twice, brief(12, { stop: stopOf(12) })).plan).toContain('start mail.1');
  });

  test('must not be forgiven before it has run for min_run, even if reset is shorter', () => {
    const strict = aConfig(
      aWorker('mail', ['1'], {
        ready: { kind: 'after', after: durationOf(0) },
        backoff: {
          initial: seconds(1),
          max: seconds(300),
          reset: durationOf(0),
          minRun: seconds(10),
        },
      }),
    );
    const seen = (age: number): State =>
      check(strict, second, observation(alive('mail.1', 12, { age: durationOf(age) })));
    expect(seen(9_990).ledger.failures).toEqual(second.ledger.failures);
    expect(seen(10_000).ledger.failures).toEqual({});
  });

  test.each([
    ['by a reboot', { death: { kind: 'rebooted' } as const }],
    ['by the watchdog', { isWatchdogKill: true }],
  ])('must not be counted if it ended %s', (_, more) => {
    const ended = young('mail.1', 11, more);
    expect(after(0, first, ended).ledger.failures).toEqual(first.ledger.failures);
    expect(after(0, first, ended).plan).toContain('start mail.1');
    const early = crashed('mail.1', 11, more);
    expect(after(0, first, early).plan).toContain('start mail.1');
  });

  test('must be counted if it is not known how it died', () => {
    const unknown = young('mail.1', 11, {
      death: { kind: 'unknown', problem: 'no report of how it exited' },
    });
    expect(after(0, first, unknown).plan).toBe('');
  });

  test('must be forgiven by a process that ran long enough, however that one died', () => {
    const old = young('mail.1', 12, { ranFor: seconds(600) });
    expect(after(0, second, old).ledger.failures).toEqual({});
    expect(after(0, second, old).plan).toContain('start mail.1');
  });

  test('must be reported once, when its pause begins or gets longer', () => {
    const reported = (before: State, now: State, ...seen: ObservedInstance[]): string[] =>
      newPauses(config, before, now, observation(...seen)).map(({ instance, body }) =>
        formatEvent({ ...body, instance, at: noon }),
      );
    expect(reported(nothing, first, young('mail.1', 10))).toEqual([]);
    expect(reported(first, second, young('mail.1', 11))).toEqual([
      'mail.1: next start at 12:00:01 (failed 2 times in a row within 10m of its start: signal 11 (SIGSEGV)); to start it now: workerctl start mail.1',
    ]);
    expect(reported(second, second, young('mail.1', 11))).toEqual([]);
    const held = { ...second, desired: heldIntent('mail.1') };
    expect(reported(first, held, young('mail.1', 11))).toEqual([]);
  });
});

/** The lives of one instance's processes, one after the other: how long each runs, and how it ends. */
const lives = fc.array(
  fc.record({
    ranFor: fc.integer({ min: 0, max: 700_000 }),
    status: fc.constantFrom(0, 1),
    lookedAfter: fc.integer({ min: 0, max: 90_000 }),
  }),
  { minLength: 1, maxLength: 60 },
);

test('however its processes die, an instance must be started again, no later than max, and never in a storm', () => {
  fc.assert(
    fc.property(lives, (all) => {
      let state = nothing;
      let now = 0;
      const youngStarts: number[] = [];
      all.forEach(({ ranFor, status, lookedAfter }, index) => {
        const diedAt = (now += ranFor);
        const seen = crashed('mail.1', 10 + index, {
          ranFor: durationOf(ranFor),
          diedAt: noonPlus(durationOf(diedAt)),
          death: { kind: 'exited', status },
        });
        let looked = after((now += lookedAfter), state, seen);
        for (let looks = 0; looked.plan === ''; looks += 1) {
          expect(looks, 'the moment of the start is known').toBeLessThan(3);
          const wait = nextChange(
            config,
            looked.desired,
            seenAt(durationOf(now), seen),
            looked.ledger,
          );
          expect(wait).toBeGreaterThan(0);
          now += wait ?? 0;
          looked = after(now, looked, seen);
        }
        expect(now - diedAt - lookedAfter).toBeLessThanOrEqual(300_000);
        state = looked;
        const counts = status !== 0 || ranFor < 10_000;
        if (ranFor >= 600_000) youngStarts.length = 0;
        else if (counts) youngStarts.push(now - diedAt);
        // All but one of a row of young deaths wait, each at least twice as long as the one before.
        youngStarts.slice(1).forEach((waited, nth) => {
          expect(waited).toBeGreaterThanOrEqual(Math.min(240_000, 1000 * 2 ** Math.min(nth, 20)));
        });
      });
    }),
    { numRuns: 300 },
  );
});
