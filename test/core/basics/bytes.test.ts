import { expect, test } from 'vitest';
import { formatSize, parseSize } from '../../../src/core/basics/bytes.ts';

test.each([
  [0, '0B'],
  [1023, '1023B'],
  [1024, '1KB'],
  [1536, '1.5KB'],
  [10_240, '10KB'],
  [1024 * 1024 - 1, '1MB'],
  [530 * 1024 ** 2, '530MB'],
  [1.5 * 1024 ** 3, '1.5GB'],
  [3 * 1024 ** 5, '3072TB'],
])('%i bytes are %s', (bytes, words) => {
  expect(formatSize(bytes)).toBe(words);
});

test.each<[string, number | undefined]>([
  ['500M', 500 * 1024 ** 2],
  ['1G', 1024 ** 3],
  ['1.5GiB', 1.5 * 1024 ** 3],
  ['64KB', 65_536],
  ['10B', 10],
  ['1', undefined],
  ['1g', undefined],
  ['1Gi', undefined],
  ['-1G', undefined],
  ['1 G', undefined],
])('%j must be read as %s bytes', (text, bytes) => {
  expect(parseSize(text)).toBe(bytes);
});
