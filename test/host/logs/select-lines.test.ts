import fc from 'fast-check';
import { appendFileSync, closeSync, openSync, truncateSync } from 'node:fs';
import { expect, test } from 'vitest';
import { momentOf } from '../../../src/core/basics/time.ts';
import type { LogQuery } from '../../../src/core/rules/log-selection.ts';
import { followLog } from '../../../src/host/logs/follow.ts';
import type { LogText } from '../../../src/host/logs/log-text.ts';
import { noneSeen, selectLines } from '../../../src/host/logs/select-lines.ts';
import { useScratch } from '../../rig/scratch.ts';

const scratch = useScratch();
const second = 1_000;
const begin = Date.UTC(2026, 0, 15);
const now = momentOf(begin + 24 * 3600 * second);
const stamped = (at: number, text: string): string => `${new Date(at).toISOString()} ${text}\n`;

/** The text of a log, and how many bytes of it were read. */
function counted(path: string): { text: LogText; readBytes: () => number } {
  const text = followLog(path).text(true);
  if (text === undefined) throw new Error(`${path} cannot be read`);
  let bytes = 0;
  const read = (from: number, to: number): Buffer => {
    const piece = text.read(from, to);
    bytes += piece.length;
    return piece;
  };
  return { text: { ...text, read }, readBytes: () => bytes };
}

const selected = (text: LogText, query: LogQuery, count?: number): string[] =>
  [...selectLines(text, { query, count, now, seen: noneSeen() })].map((one) => one.text);

/** Old lines, a hole of 1 GiB, and lines of the last seconds. */
function hugeLog(): string {
  const path = scratch.write('mail.log', stamped(begin, 'old').repeat(1000));
  truncateSync(path, 1024 ** 3);
  appendFileSync(path, '\n');
  for (let i = 10; i > 0; i -= 1) appendFileSync(path, stamped(now - i * second, `new ${i}`));
  return path;
}

test.each([
  ['the last lines of 1 GiB', { since: momentOf(now - 3 * second) }, undefined, 3],
  ['the last lines of it by their number', { since: momentOf(now - 9 * second) }, 2, 2],
  ['the last lines up to a time', { until: momentOf(now - 4 * second) }, 5, 5],
  [
    'lines between two times',
    { since: momentOf(now - 5 * second), until: momentOf(now - 4 * second) },
    undefined,
    2,
  ],
])('%s must be found without reading it', (_, query, count, found) => {
  const { text, readBytes } = counted(hugeLog());
  expect(selected(text, query, count)).toHaveLength(found);
  expect(readBytes()).toBeLessThan(32 * 1024 * 1024);
});

test('a moment in the middle of a long log must be found by reading a small part of it', () => {
  const line = 'x'.repeat(200);
  const times = Array.from({ length: 100_000 }, (_, i) => begin + i * second);
  const path = scratch.write(
    'mail.log',
    times.map((at, i) => stamped(at, `${line} ${i}`)).join(''),
  );
  const from = momentOf(begin + 50_000 * second);
  const { text, readBytes } = counted(path);
  const until = momentOf(from + 2 * second);
  expect(selected(text, { since: from, until }).map((one) => one.split(' ').at(-1))).toEqual([
    ...['50000', '50001', '50002'],
  ]);
  expect(readBytes()).toBeLessThan(text.size / 4);
});

test('rotated logs must be searched as well, and a line that was cut in two be whole', () => {
  scratch.write('mail.log.2', stamped(begin, 'a'));
  scratch.write('mail.log.1', stamped(begin + second, 'b') + '2026-01-15T00:00');
  const path = scratch.write('mail.log', `:02.000Z c\n${stamped(begin + 3 * second, 'd')}`);
  const text = counted(path).text;
  const ends = (lines: string[]): string[] => lines.map((one) => one.slice(-1));
  expect(ends(selected(text, { since: momentOf(begin + second) }))).toEqual(['b', 'c', 'd']);
  expect(ends(selected(text, { matches: (one) => /[ac]$/.test(one) }, 20))).toEqual(['a', 'c']);
  text.close();
});

test('an older file that is still the front of the log must not be read twice', () => {
  const front = stamped(begin, 'a');
  scratch.write('mail.log.1', front);
  const path = scratch.write('mail.log', front + stamped(begin + second, 'b'));
  expect(selected(counted(path).text, { since: momentOf(begin) })).toHaveLength(2);
});

test('the last matching lines must be those of a search from the front, wherever the pieces end', () => {
  const part = fc.record({
    length: fc.integer({ min: 0, max: 90_000 }),
    head: fc.constantFrom('', 'ERROR ', 'INFO '),
    hit: fc.boolean(),
  });
  fc.assert(
    fc.property(
      fc.array(part, { maxLength: 40 }),
      fc.integer({ min: 1, max: 6 }),
      (parts, count) => {
        const path = scratch.write(
          'drawn.log',
          parts
            .map(({ length, head, hit }) => `${head}${hit ? 'hit' : ''}${'.'.repeat(length)}\n`)
            .join(''),
        );
        const { text } = counted(path);
        for (const query of [
          { matches: (one: string) => one.includes('hit') },
          { level: 'error' as const, matches: (one: string) => one.includes('hit') },
        ])
          expect(selected(text, query, count)).toEqual(selected(text, query).slice(-count));
      },
    ),
    { numRuns: 30 },
  );
});

test('a log must be searched as it is open, whatever has its name', () => {
  const path = scratch.write('mail.log', stamped(begin, 'a'));
  closeSync(openSync(`${path}.1`, 'w'));
  expect(selected(counted(path).text, { since: momentOf(begin) })).toHaveLength(1);
});
