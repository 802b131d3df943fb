import { describe, expect, test } from 'vitest';
import {
  durationOf,
  elapsed,
  formatDuration,
  momentOf,
  parseDuration,
} from '../../../src/core/basics/time.ts';

describe('a duration', () => {
  test.each([
    ['90s', 90_000],
    ['1.5m', 90_000],
    ['2h', 7_200_000],
    ['250ms', 250],
    ['1d', 86_400_000],
    ['0s', 0],
    ['1h30m', 5_400_000],
    ['2d', 172_800_000],
    ['1d2h3m4s5ms', 93_784_005],
    ['5m30s', 330_000],
    ['1s5ms', 1_005],
  ])('%s must be understood', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  test.each([
    '',
    '90',
    's',
    '-1s',
    '1 s',
    '1s2',
    '1e3s',
    'never',
    '12345678901s',
    '30m1h',
    '1h1h',
    '1.5h30m',
    '1h30',
    '1h 30m',
  ])('%j must be refused', (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });

  test.each([
    [0, '0s'],
    [420, '0.4s'],
    [9_940, '9.9s'],
    [9_960, '9s'],
    [59_999, '59s'],
    [60_000, '1m'],
    [130_000, '2m 10s'],
    [3_600_000, '1h'],
    [187 * 60_000, '3h 7m'],
    [52 * 3_600_000, '2d 4h'],
  ])('of %i ms must read %s', (ms, words) => {
    expect(formatDuration(durationOf(ms))).toBe(words);
  });

  test('must not be negative when the clock was set back', () => {
    expect(elapsed(momentOf(2000), momentOf(1000))).toBe(0);
  });
});
