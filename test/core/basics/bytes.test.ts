import { expect, test } from 'vitest';
import { formatSize } from '../../../src/core/basics/bytes.ts';

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
