import { describe, expect, test } from 'vitest';
import { momentOf } from '../../../src/core/basics/time.ts';
import { headOf } from '../../../src/core/protocols/line-head.ts';

const noon = Date.UTC(2026, 0, 15, 12, 0, 0);
const now = momentOf(Date.UTC(2026, 2, 1));
const local = (ms: number): number => new Date(2026, 0, 15, 12, 0, 0, ms).getTime();

describe('a line', () => {
  test.each([
    ['2026-01-15T12:00:00.250Z pid=3 tid=x INFO: start', noon + 250, 'info'],
    ['I, [2026-01-15T12:00:00.250123+00:00 #3]  INFO -- : x', noon + 250, 'info'],
    ['E, [2026-01-15T12:00:00.250123+00:00 #3] ERROR -- : INFO', noon + 250, 'error'],
    ['2026-01-15 13:00:00 +0100 WARN x', noon, 'warn'],
    ['2026-01-15_12:00:00.25000 svlogd writes UTC', noon + 250, undefined],
    ['@400000006968d6ca0ee6b280 x', noon + 250, undefined],
    ['[2026-01-15 12:00:00,123: ERROR/MainProcess] x', local(123), 'error'],
    ['[2026-01-15 12:00:00] production.ERROR: x', local(0), 'error'],
    ['time="2026-01-15T12:00:00Z" level=warning msg=x', noon, 'warn'],
    ['2026/01/15 12:00:00 [error] 123#0: x', local(0), 'error'],
    ['10.0.0.1 - - [15/Jan/2026:12:00:00 +0000] "GET /"', noon, undefined],
    ['[15-Jan-2026 12:00:00 UTC] x', noon, undefined],
    ['123:M 15 Jan 2026 12:00:00.123 * Ready', local(123), undefined],
    ['[Thu Jan 15 12:00:00.123456 2026] [crit] x', local(123), 'fatal'],
    ['Jan 15 12:00:00 host x[1]: y', local(0), undefined],
    ['2026-01-15T12:00:00Z error: x', noon, 'error'],
    ['ERROR:root:x', undefined, 'error'],
    ['error: x', undefined, 'error'],
    ['<3>x', undefined, 'error'],
    ['\u001b[31mERROR\u001b[0m x', undefined, 'error'],
    ['{"level":30,"time":1768478400250,"msg":"ERROR 2025-01-01 00:00:00"}', noon + 250, 'info'],
    ['{"level":50,"time":"2026-01-15T12:00:00Z"}', noon, 'error'],
    ['{"severity":"WARNING","timestamp":"2026-01-15T12:00:00Z"}', noon, 'warn'],
    ['{"lvl":"eror","ts":1768478400.25}', noon + 250, undefined],
    ['{"lvl":"crit","@timestamp":1768478400250000000}', noon + 250, 'fatal'],
    ['{"level":400,"level_name":"ERROR","datetime":"2026-01-15T12:00:00+00:00"}', noon, 'error'],
    ['{"levelno":40,"asctime":"2026-01-15 12:00:00,123"}', local(123), 'error'],
    ['{"level":3,"created":1768478400}', noon, 'error'],
  ])('must be understood: %s', (line, at, level) => {
    expect(headOf(line, now)).toEqual({
      ...(at !== undefined && { at }),
      ...(level !== undefined && { level }),
    });
  });

  test.each([
    '    at connect (error.js:3)',
    'Traceback (most recent call last):',
    'plain error text, and job 12 failed',
    '12:00 something',
    '2026-99-99T12:00:00Z',
    '{"level":null,"time":true}',
    '{"message":"at 2026-01-15T12:00:00Z ERROR"}',
    '{}',
    '',
  ])('must continue the line before it: %s', (line) => {
    expect(headOf(line, now)).toEqual({});
  });

  test('without a year must be of the latest such day', () => {
    const july = headOf('Jul 15 12:00:00 host x', now).at;
    expect(july).toBe(new Date(2025, 6, 15, 12).getTime());
  });
});
