import { expect, test } from 'vitest';
import { momentOf } from '../../../src/core/basics/time.ts';
import type { DayCounts } from '../../../src/core/model/history.ts';
import { withDayCounts } from '../../../src/core/rules/day-counts.ts';

const minute = 60_000;
const day = 1_440 * minute;
const begin = momentOf(1_000 * day);
const at = (minutes: number) => momentOf(begin + minutes * minute);

const after = (looks: readonly (readonly [minutes: number, wanted: number, ready: number])[]) =>
  looks.reduce<readonly DayCounts[]>(
    (counts, [minutes, wanted, ready]) => withDayCounts(counts, at(minutes), { wanted, ready }),
    [],
  );

test('five minutes must keep their worst moment', () => {
  expect(
    after([
      [0, 3, 3],
      [1, 3, 1],
      [4.9, 4, 3],
      [5, 3, 3],
    ]),
  ).toEqual([
    { at: at(0), wanted: 4, ready: 1 },
    { at: at(5), wanted: 3, ready: 3 },
  ]);
});

test('what is no worse must change nothing', () => {
  const before = after([[0, 3, 1]]);
  expect(withDayCounts(before, at(2), { wanted: 3, ready: 3 })).toBe(before);
});

test('there must be a day of them and no more', () => {
  const counts = after(Array.from({ length: 3_000 }, (_, minutes) => [minutes, 1, 1] as const));
  expect(counts).toHaveLength(288);
  expect(counts.at(-1)?.at).toBe(at(2_995));
});

test('counts of the future, left by a clock that was set back, must go', () => {
  expect(
    after([
      [100, 3, 3],
      [5, 3, 2],
    ]),
  ).toEqual([{ at: at(5), wanted: 3, ready: 2 }]);
});
