import { mkdirSync, truncateSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { lastLines, logSize } from '../../../src/host/logs/tail.ts';
import { useScratch } from '../../rig/scratch.ts';

const scratch = useScratch();
const log = (text: string): string => scratch.write('mail.log', text);

describe('logSize', () => {
  test('must be the length in bytes', () => {
    expect(logSize(log('grüße'))).toBe(7);
  });

  test('must be 0 without a log', () => {
    expect(logSize(scratch.path('nowhere/mail.log'))).toBe(0);
  });
});

describe('lastLines', () => {
  test('must be the last ones, in order', () => {
    expect(lastLines(log('a\nb\nc\n'), 0, 2)).toEqual(['b', 'c']);
  });

  test('must include a last line without a newline', () => {
    expect(lastLines(log('a\nb'), 0, 5)).toEqual(['a', 'b']);
  });

  test('must keep empty lines', () => {
    expect(lastLines(log('a\n\nb\n\n'), 0, 5)).toEqual(['a', '', 'b', '']);
  });

  test('must leave out what was written before the offset', () => {
    const before = 'old\nold\n';
    expect(lastLines(log(`${before}new\n`), before.length, 5)).toEqual(['new']);
    expect(lastLines(log(before), before.length, 5)).toEqual([]);
  });

  test('must show a log that was emptied since', () => {
    expect(lastLines(log('new\n'), 5_000, 5)).toEqual(['new']);
  });

  test('must be none for an empty or missing log, or a directory', () => {
    expect(lastLines(log(''), 0, 5)).toEqual([]);
    expect(lastLines(scratch.path('none'), 0, 5)).toEqual([]);
    mkdirSync(scratch.path('folder'));
    expect(lastLines(scratch.path('folder'), 0, 5)).toEqual([]);
  });

  test('must be found at the end of a huge log without reading all of it', () => {
    const path = log('');
    truncateSync(path, 3 * 1024 ** 3);
    expect(lastLines(path, 0, 1)).toHaveLength(1);
  });

  test('must be cut if a line is longer than what is read', () => {
    const [line = ''] = lastLines(log(`${'x'.repeat(100_000)}\n`), 0, 3);
    expect(line.length).toBeLessThanOrEqual(16 * 1024);
    expect(line).toMatch(/^x+$/);
  });

  test('must not fail on bytes that are not text', () => {
    expect(lastLines(log('a\n\u0000\u001b[31m\n'), 0, 5)).toHaveLength(2);
  });
});
