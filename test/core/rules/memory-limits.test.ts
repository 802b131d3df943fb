import { describe, expect, test } from 'vitest';
import { noDesired } from '../../../src/core/model/desired.ts';
import { noLedger, type Ledger, type State } from '../../../src/core/model/ledger.ts';
import type { Observation, ObservedInstance } from '../../../src/core/model/observation.ts';
import type { Worker } from '../../../src/core/model/config.ts';
import { noticesOf } from '../../../src/core/rules/notices.ts';
import { momentOf } from '../../../src/core/basics/time.ts';
import {
  about,
  aConfig,
  alive,
  aWorker,
  check,
  dead,
  decide,
  nextChange,
  noon,
  observation,
  seconds,
  stopOf,
} from '../builders.ts';

const limit = 100;

const worker = (memory = limit): Worker =>
  aWorker('mail', ['1'], { recycle: { memory, outdated: false, minAge: seconds(60) } });

const config = aConfig(worker());

/** Its process was recycled for its memory at this age, in seconds. */
function recycled(pid: number, age: number): ObservedInstance {
  const stop = stopOf(pid, true, { isRecycle: true, memory: 180 });
  return dead('mail.1', pid, {
    ranFor: seconds(age + 1),
    diedAt: momentOf(noon + 1000),
    stop: { ...stop, at: noon },
  });
}

const large = (pid: number, age: number, memory = 180): ObservedInstance => ({
  ...alive('mail.1', pid, { age: seconds(age) }),
  memory,
});

const seen = (one: ObservedInstance): Observation => ({ ...observation(one), mayRecycle: true });

const nothing: State = { desired: noDesired, ledger: noLedger };

/** The state after processes that were recycled at these ages. */
const afterAges = (...ages: number[]): State =>
  ages.reduce<State>(
    (state, age, index) => check(config, state, observation(recycled(10 + index, age))),
    nothing,
  );

const rowOf = ({ ledger }: State): Ledger['recycled'][string] | undefined =>
  ledger.recycled['mail.1'];

/** The ages, in seconds, between which the next process is recycled for its memory. */
function dueAfter(state: State): readonly [number, number] {
  const isDue = (age: number): boolean =>
    check(config, state, seen(large(50, age))).plan.includes('recycled: memory');
  let first = 0;
  while (first < 1000 && !isDue(first)) first += 1;
  return [first - 1, first];
}

describe('a process that is too large', () => {
  test('must be recycled from min_age on, with what it had in the note', () => {
    expect(dueAfter(nothing)).toEqual([59, 60]);
  });

  test('must be recycled later and later if its predecessors were too large soon after their start', () => {
    const dues = [
      afterAges(60),
      afterAges(60, 130),
      afterAges(60, 130, 190),
      afterAges(60, 130, 190, 330, 310),
    ].map((state) => dueAfter(state)[1]);
    const [first = 0, second = 0, third = 0, last = 0] = dues;
    expect(first).toBeGreaterThanOrEqual(120);
    expect(first).toBeLessThanOrEqual(135);
    expect(second).toBeGreaterThanOrEqual(180);
    expect(third).toBeGreaterThan(second);
    expect(last).toBeGreaterThanOrEqual(300);
    expect(last).toBeLessThanOrEqual(360);
  });

  test('the next look must be due at the time of its recycling', () => {
    const state = afterAges(60);
    const [, due] = dueAfter(state);
    const wait = nextChange(config, noDesired, seen(large(50, 100)), state.ledger) ?? 0;
    expect(100 + wait / 1000).toBeGreaterThan(due - 1);
    expect(100 + wait / 1000).toBeLessThanOrEqual(due);
  });
});

describe('a row of such recyclings', () => {
  test('must be counted once for each process', () => {
    const once = afterAges(60);
    expect(rowOf(once)).toEqual({ runId: 'start-10', count: 1, limit, memory: 180, age: 60_000 });
    const again = check(config, once, observation(recycled(10, 60)));
    expect(again.ledger).toEqual(once.ledger);
    expect(rowOf(afterAges(60, 125, 185))?.count).toBe(3);
  });

  test('must not begin or go on if it took longer to become too large', () => {
    expect(rowOf(afterAges(121))).toBeUndefined();
    expect(rowOf(afterAges(60, 1000))).toBeUndefined();
  });

  test('must not count other recyclings, nor other stops', () => {
    const others = [
      dead('mail.1', 11, { stop: stopOf(11, true, { isRecycle: true }), ranFor: seconds(61) }),
      dead('mail.1', 11, { stop: stopOf(11), ranFor: seconds(61) }),
      dead('mail.1', 11, { ranFor: seconds(61) }),
    ];
    for (const other of others)
      expect(rowOf(check(config, afterAges(60), observation(other)))?.count).toBe(1);
  });

  test.each([
    ['a process that stays below the limit', config, large(50, 271, 90)],
    ['another limit', aConfig(worker(200)), large(50, 10)],
    ['no limit', aConfig(aWorker('mail', ['1'])), large(50, 10)],
  ])('must end with %s', (_, other, one) => {
    expect(rowOf(check(other, afterAges(60, 130), seen(one)))).toBeUndefined();
  });

  test('must not end with one that is too young to tell, or that was not measured', () => {
    const state = afterAges(60, 130);
    expect(rowOf(check(config, state, seen(large(50, 235, 90))))?.count).toBe(2);
    expect(rowOf(check(config, state, seen(alive('mail.1', 50))))?.count).toBe(2);
  });

  test('must end with start', () => {
    const goal = { kind: 'start', ...about('mail.1') } as const;
    const { desired, ledger } = afterAges(60, 130);
    expect(decide(config, desired, seen(large(50, 10)), goal, ledger).ledger.recycled).toEqual({});
  });

  test('must be reported once, at the second recycling', () => {
    const reports = (before: State, pid: number, age: number): number => {
      const look = observation(recycled(pid, age));
      const { desired, ledger } = check(config, before, look);
      return noticesOf(config, { before, desired, ledger, observation: look, plan: [] }).filter(
        ({ body }) => body.kind === 'recycling_futile',
      ).length;
    };
    expect(reports(nothing, 10, 60)).toBe(0);
    expect(reports(afterAges(60), 11, 130)).toBe(1);
    expect(reports(afterAges(60, 130), 12, 190)).toBe(0);
  });
});
