import { describe, expect, test } from 'vitest';
import { mergeLines } from '../../../src/core/protocols/merge-lines.ts';

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
