import { closeSync, openSync, truncateSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { createLineCutter, linesBetween } from '../../../src/host/files/lines.ts';
import { endOfLines, tailOffset } from '../../../src/host/files/lines-backwards.ts';
import { useScratch } from '../../rig/scratch.ts';

const scratch = useScratch();

function withFile<T>(text: string, act: (fd: number, size: number) => T): T {
  const fd = openSync(scratch.write('mail.log', text), 'r');
  try {
    return act(fd, Buffer.byteLength(text));
  } finally {
    closeSync(fd);
  }
}

const last = (text: string, count: number): string[] =>
  withFile(text, (fd, size) =>
    [...linesBetween(fd, tailOffset(fd, size, count), size)].map(String),
  );

describe('the last lines', () => {
  test.each([
    ['a\nb\nc\n', 2, ['b', 'c']],
    ['a\nb\nc', 2, ['b', 'c']],
    ['a\nb\n', 5, ['a', 'b']],
    ['a\n\nb\n\n', 3, ['', 'b', '']],
    ['', 5, []],
    ['a\n', 0, []],
    ['\n', 1, ['']],
  ])('of %j must be right for a count of %i', (text, count, expected) => {
    expect(last(text, count)).toEqual(expected);
  });

  test('must be found however long the lines are', () => {
    const long = 'x'.repeat(200_000);
    const found = last(`a\n${long}\nb\n`, 2);
    expect(found.at(-1)).toBe('b');
    expect(found.slice(0, -1).join('')).toBe(long); // in pieces
    expect(found.every((line) => line.length <= 128 * 1024)).toBe(true);
  });

  test('must be found without reading all of a huge file that has no newline', () => {
    const path = scratch.write('huge.log', '');
    truncateSync(path, 3 * 1024 ** 3);
    const fd = openSync(path, 'r');
    expect(tailOffset(fd, 3 * 1024 ** 3, 20)).toBeGreaterThan(2.9 * 1024 ** 3);
    closeSync(fd);
  });

  test('must end with the last line that has an end', () => {
    expect(withFile('a\nb\nc', endOfLines)).toBe(4);
    expect(withFile('abc', endOfLines)).toBe(0);
  });
});

test('a line must be put together from the pieces in which it arrives', () => {
  const cutter = createLineCutter();
  const push = (text: string): string[] => cutter.push(Buffer.from(text)).map(String);
  expect([push('a'), push('b\nc'), push('\n\nd'), cutter.flush().map(String)]).toEqual([
    [],
    ['ab'],
    ['c', ''],
    ['d'],
  ]);
  expect(cutter.flush()).toEqual([]);
});

test('a line that is too long must come in pieces, and the next one be whole', () => {
  const cutter = createLineCutter(4);
  const push = (text: string): string[] => cutter.push(Buffer.from(text)).map(String);
  expect([push('ab'), push('cd'), push('ef\ng\n')]).toEqual([[], ['abcd'], ['ef', 'g']]);
});

test('an unfinished line must be shown, and still be completed', () => {
  const cutter = createLineCutter();
  expect(cutter.unfinished()).toHaveLength(0);
  cutter.push(Buffer.from('a\nb'));
  expect(String(cutter.unfinished())).toBe('b');
  expect(cutter.push(Buffer.from('c\n')).map(String)).toEqual(['bc']);
});
