import { describe, expect, test } from 'vitest';
import { mergeLines, stampIn } from '../../../src/core/protocols/merge-lines.ts';

const at = Date.UTC(2026, 0, 15, 12, 0, 0);

describe('stampIn', () => {
  test.each([
    ['2026-01-15T12:00:00.250Z pid=3 tid=x INFO: start', at + 250],
    ['I, [2026-01-15T12:00:00.250123+00:00 #3]  INFO -- : x', at + 250],
    ['2026-01-15 13:00:00 +0100 x', at],
    ['2026-01-15_12:00:00.25000Z svlogd', at + 250],
  ])('must find the time in %s', (line, expected) => {
    expect(stampIn(line)).toBe(expected);
  });

  test('must take a time without a zone as local', () => {
    const local = new Date(2026, 0, 15, 12, 0, 0, 123).getTime();
    expect(stampIn('[2026-01-15 12:00:00,123: INFO/MainProcess] x')).toBe(local);
  });

  test('must find no time in other lines', () => {
    expect(stampIn('12:00 something')).toBeUndefined();
    expect(stampIn('2026-99-99T12:00:00Z')).toBeUndefined();
  });
});

describe('mergeLines', () => {
  const stampOf = (line: string): number | undefined => {
    const number = parseInt(line, 10);
    return Number.isNaN(number) ? undefined : number;
  };
  const merged = (...streams: [string, string[], number?][]): string[] =>
    [
      ...mergeLines(
        streams.map(([label, lines, writtenAt = 0]) => ({ label, lines, writtenAt })),
        stampOf,
      ),
    ].map(({ label, line }) => `${label}: ${line}`);

  test('must put lines in the order of their times', () => {
    expect(merged(['a', ['1 x', '4 x']], ['b', ['2 x', '3 x']])).toEqual([
      'a: 1 x',
      'b: 2 x',
      'b: 3 x',
      'a: 4 x',
    ]);
  });

  test('must keep a line without a time after the one before it, and a first one before the next', () => {
    expect(merged(['a', ['rest', '3 x', 'trace']], ['b', ['1 x', '5 x']])).toEqual([
      'b: 1 x',
      'a: rest',
      'a: 3 x',
      'a: trace',
      'b: 5 x',
    ]);
  });

  test('must place a log without times by when it was last written to', () => {
    expect(merged(['a', ['x', 'y'], 4], ['b', ['1 x', '5 x']])).toEqual([
      'b: 1 x',
      'a: x',
      'a: y',
      'b: 5 x',
    ]);
  });

  test('must keep the order within a log even if its clock was set back', () => {
    expect(merged(['a', ['5 x', '1 x']], ['b', ['3 x']])).toEqual(['b: 3 x', 'a: 5 x', 'a: 1 x']);
  });

  test('must be empty for no logs', () => {
    expect(merged()).toEqual([]);
    expect(merged(['a', []])).toEqual([]);
  });
});
