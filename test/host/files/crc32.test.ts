import { expect, test } from 'vitest';
import { crc32 } from '../../../src/host/files/crc32.ts';

// The check value of CRC-32/ISO-HDLC, and what Node's zlib says of the others.
test.each([
  ['', '00000000'],
  ['123456789', 'cbf43926'],
  ['\u0000', 'd202ef8d'],
  ['a', 'e8b7be43'],
  ['München 東京', '978de184'],
])('the CRC-32 of %j must be that of zip and gzip', (text, expected) => {
  expect(crc32(text)).toBe(expected);
});
