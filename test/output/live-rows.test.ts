import fc from 'fast-check';
import { expect, test } from 'vitest';
import { durationOf } from '../../src/core/basics/time.ts';
import type { Phase, Progress } from '../../src/core/views/phase.ts';
import { chooseRows } from '../../src/output/live-rows.ts';
import { phases } from '../../src/output/progress.ts';

const items = (phase: Phase, count: number): Progress[] =>
  Array.from({ length: count }, (_, index) => ({
    instance: `${phase}.${index}`,
    phase,
    since: durationOf(index * 1000),
    detail: '',
  }));
const namesOf = (rows: readonly Progress[]): string[] => rows.map(({ instance }) => instance);

test.each<[string, Progress[], string[]]>([
  [
    'all, if they have room',
    [...items('done', 2), ...items('waiting', 1), ...items('draining', 2), ...items('failed', 1)],
    ['failed.0', 'draining.1', 'draining.0', 'waiting.0', 'done.0', 'done.1'],
  ],
  [
    'a failure and the longest drain before 200 that wait',
    [...items('waiting', 200), ...items('draining', 1), ...items('failed', 1)],
    ['failed.0', 'draining.0'],
  ],
  [
    'the longest drains of many',
    [...items('draining', 90), ...items('waiting', 90)],
    ['draining.89', 'draining.88', 'draining.87', 'draining.86', 'draining.85'],
  ],
  [
    'failures and drains, if each of them are too many',
    [...items('draining', 9), ...items('failed', 9), ...items('starting', 9)],
    ['failed.0', 'failed.1', 'failed.2', 'draining.8', 'draining.7'],
  ],
  [
    'more failures, if few drain',
    [...items('draining', 1), ...items('failed', 9), ...items('down', 9)],
    ['failed.0', 'failed.1', 'failed.2', 'failed.3', 'draining.0'],
  ],
  [
    'what starts or is down after few failures and drains',
    [...items('down', 9), ...items('starting', 1), ...items('draining', 1), ...items('failed', 1)],
    ['failed.0', 'draining.0', 'starting.0', 'down.0', 'down.1'],
  ],
])('six lines must show %s', (_, of, names) => {
  expect(namesOf(chooseRows(of, 6).shown)).toEqual(names);
});

test('no instance must be lost or shown twice, and the lines must have room', () => {
  const anItem = fc.record({
    instance: fc.uuid(),
    phase: fc.constantFrom(...phases),
    since: fc.nat({ max: 9_999 }).map(durationOf),
    detail: fc.constant(''),
  });
  fc.assert(
    fc.property(fc.array(anItem, { maxLength: 40 }), fc.nat({ max: 30 }), (all, room) => {
      const { shown, rest } = chooseRows(all, room);
      expect(namesOf([...shown, ...rest]).sort()).toEqual(namesOf(all).sort());
      const counted = rest.length > 0 && room > 0 ? 1 : 0;
      expect(shown.length + counted).toBeLessThanOrEqual(room);
      const isPushedOff = rest.some(({ phase }) => phase === 'failed' || phase === 'draining');
      if (isPushedOff)
        expect(shown.every(({ phase }) => phase === 'failed' || phase === 'draining')).toBe(true);
    }),
  );
});
