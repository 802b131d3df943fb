import { describe, expect, test } from 'vitest';
import { noDesired, type Desired } from '../../../src/core/model/desired.ts';
import { noLedger, type Ledger, type State } from '../../../src/core/model/ledger.ts';
import type { ObservedInstance } from '../../../src/core/model/observation.ts';
import type { Stop } from '../../../src/core/model/record.ts';
import { restartsOf, usualTime } from '../../../src/core/rules/history.ts';
import { durationOf, momentOf, type Duration } from '../../../src/core/basics/time.ts';
import {
  aConfig,
  alive,
  aWorker,
  check,
  crashed,
  dead,
  noonPlus,
  retiring,
  seconds,
  seenAt,
  stopOf,
  stoppedIntent,
} from '../builders.ts';

const config = aConfig(aWorker('mail', ['1', '2']));
const hours = (count: number): Duration => durationOf(count * 3_600_000);
const nothing: State = { desired: noDesired, ledger: noLedger };

/** The ledger after looks, each with its time after noon and what it has found. */
const ledgerAfter = (
  looks: readonly (readonly [Duration, ObservedInstance])[],
  desired: Desired = noDesired,
): Ledger =>
  looks.reduce<State>((state, [at, one]) => check(config, state, seenAt(at, one)), {
    ...nothing,
    desired,
  }).ledger;

const crash = (pid: number, at: Duration): [Duration, ObservedInstance] => [
  at,
  crashed('mail.1', pid, { diedAt: noonPlus(at) }),
];

const asked = (pid: number, at: Duration): [Duration, ObservedInstance] => [
  at,
  dead('mail.1', pid, { stop: stopOf(pid), diedAt: noonPlus(at) }),
];

describe('restarts', () => {
  const count = (ledger: Ledger, at: Duration) => restartsOf(ledger, 'mail.1', noonPlus(at));

  test('must be counted once each, and those that were not asked for apart', () => {
    const ledger = ledgerAfter([
      crash(10, seconds(1)),
      crash(10, seconds(2)),
      crash(11, seconds(3)),
      asked(12, seconds(4)),
    ]);
    expect(count(ledger, seconds(5))).toEqual({ all: 3, unexpected: 2 });
    expect(restartsOf(ledger, 'mail.2', noonPlus(seconds(5)))).toEqual({ all: 0, unexpected: 0 });
  });

  test('must be forgotten after a day, the earliest first', () => {
    const ledger = ledgerAfter([crash(10, hours(0)), asked(11, hours(2)), crash(12, hours(20))]);
    const at = (hour: number) => count(ledger, hours(hour)).all;
    expect([20, 23, 24, 25, 26, 43, 44].map(at)).toEqual([3, 3, 2, 2, 1, 1, 0]);
    const later = ledgerAfter([crash(10, hours(0)), crash(11, hours(100))]);
    expect(count(later, hours(100))).toEqual({ all: 1, unexpected: 1 });
  });

  test('must take no more than 24 numbers, and start anew if the clock is set back', () => {
    const each = Array.from({ length: 60 }, (_, hour) => crash(hour + 10, hours(hour)));
    const { restarts } = ledgerAfter(each);
    expect(restarts['mail.1']?.restarts).toEqual(Array(24).fill(1));
    const back = ledgerAfter([...each, crash(99, hours(3))]);
    expect(count(back, hours(3))).toEqual({ all: 1, unexpected: 1 });
  });

  test('a stop on purpose is none, a reboot is an expected one', () => {
    expect(ledgerAfter([asked(10, seconds(1))], stoppedIntent('mail.1')).restarts).toEqual({});
    const rebooted = dead('mail.1', 10, { death: { kind: 'rebooted' }, diedAt: null });
    expect(count(ledgerAfter([[seconds(1), rebooted]]), seconds(2))).toEqual({
      all: 1,
      unexpected: 0,
    });
  });

  test('an old process that ends beside its replacement must count for its instance', () => {
    const { presence, ...old } = dead('mail.1', 10, { stop: stopOf(10) });
    const ledger = ledgerAfter([[seconds(1), { ...old, presence, retiring: 'start-10' }]]);
    expect(count(ledger, seconds(2)).all).toBe(1);
    expect(ledgerAfter([[seconds(1), retiring('mail.1', 10)]]).restarts).toEqual({});
  });

  test('instances that are not in the config any more must be forgotten, and others never be added', () => {
    const stranger = crashed('gone.1', 10);
    expect(ledgerAfter([[seconds(1), stranger]]).restarts).toEqual({});
    const before = {
      ...noLedger,
      restarts: { 'gone.1': { hour: 1, restarts: [1], unexpected: [] } },
    };
    const seen = seenAt(seconds(1), crashed('mail.1', 10));
    const { restarts } = check(config, { ...nothing, ledger: before }, seen).ledger;
    expect(Object.keys(restarts)).toEqual(['mail.1']);
  });
});

test('a look without a death must leave the very same counts, so that nothing is written', () => {
  const ledger = ledgerAfter([crash(10, seconds(1)), asked(11, seconds(2))]);
  const after = check(config, { ...nothing, ledger }, seenAt(hours(30), alive('mail.1', 12)));
  expect(after.ledger.restarts).toBe(ledger.restarts);
  expect(after.ledger.times).toBe(ledger.times);
});

describe('usual times', () => {
  const drained = (pid: number, took: number, more: Partial<Stop> = {}, how = {}) =>
    [
      seconds(took),
      dead('mail.1', pid, {
        stop: stopOf(pid, true, more),
        diedAt: noonPlus(seconds(took)),
        ...how,
      }),
    ] as [Duration, ObservedInstance];
  const jobSince = noonPlus(durationOf(-60_000));

  test('must be the median of the latest drains, and of the jobs in progress at them', () => {
    const ledger = ledgerAfter([
      drained(10, 5, { jobSince }),
      drained(11, 500, { jobSince }),
      drained(12, 7, { jobSince }),
      drained(13, 0),
    ]);
    expect(usualTime(ledger, 'mail', 'jobs')).toBe(seconds(67));
    expect(usualTime(ledger, 'mail', 'drains')).toBe(seconds(7));
  });

  test('must not be known of fewer than three', () => {
    const ledger = ledgerAfter([drained(10, 5, { jobSince }), drained(11, 5)]);
    expect(usualTime(ledger, 'mail', 'drains')).toBeUndefined();
    expect(usualTime(ledger, 'mail', 'jobs')).toBeUndefined();
    expect(usualTime(ledger, 'toString', 'jobs')).toBeUndefined();
  });

  test('must keep 20 at most', () => {
    const many = Array.from({ length: 50 }, (_, index) => drained(10 + index, index));
    expect(ledgerAfter(many).times['mail']?.drains.at(-1)).toBe(seconds(30));
  });

  test.each([
    ['a kill', { isWatchdogKill: true }],
    ['a death of something else', { death: { kind: 'signalled', signal: 11, coreDumped: false } }],
    ['a death at an unknown moment', { diedAt: null }],
  ])('%s while it drained must say nothing about drains', (_, how) => {
    expect(ledgerAfter([drained(10, 5, {}, how)]).times).toEqual({});
  });

  test('an end by the signal itself is a drain, but no job was finished', () => {
    const death = { kind: 'signalled', signal: 15, coreDumped: false };
    expect(ledgerAfter([drained(10, 5, { jobSince }, { death })]).times['mail']).toEqual({
      drains: [seconds(5)],
      jobs: [],
    });
  });

  test('a clock that was set back must not give a negative time', () => {
    const at = momentOf(noonPlus(hours(1)));
    const [took] = ledgerAfter([drained(10, 5, { at })]).times['mail']?.drains ?? [];
    expect(took).toBe(0);
  });
});
