import { describe, expect, test } from 'vitest';
import width, { cut } from '../../src/output/width.ts';

const escape = String.fromCharCode(27);

test.each([
  ['nothing', '', 0],
  ['plain text', 'mail.1 ready', 12],
  ['colours', `${escape}[31mred${escape}[39m`, 3],
  ['Latin with accents', 'Zürich', 6],
  ['an accent of its own', 'e\u0301te', 3],
  ['Chinese', '导入 212', 8],
  ['Korean', '한국', 4],
  ['Japanese, half width too', 'カナｶﾅ', 6],
  ['an emoji', '🚀x', 3],
  ['a family of emoji', '👩‍👩‍👧', 2],
  ['a flag', '🇨🇭', 2],
  ['an emoji with a skin tone', '👍🏽', 2],
  ['a heart made an emoji', '❤️', 2],
  ['Cyrillic, Greek and lines', 'Привет λ ─┼', 11],
  ['a character outside of the first plane', '𠮷', 2],
])('%s must take its columns', (_, text, columns) => {
  expect(width(text)).toBe(columns);
});

describe('cut', () => {
  test.each([
    ['mail', 4, 'mail'],
    ['mails', 4, 'mai…'],
    ['导入导入', 8, '导入导入'],
    ['导入导入', 7, '导入导…'],
    ['导入导入', 6, '导入…'],
    ['a👩‍👩‍👧b👩‍👩‍👧', 5, 'a👩‍👩‍👧b…'],
    ['e\u0301e\u0301e\u0301', 2, 'e\u0301…'],
    ['mail', 0, ''],
  ])('%j in %i columns must be %j', (text, columns, kept) => {
    expect(cut(text, columns)).toBe(kept);
    expect(width(cut(text, columns))).toBeLessThanOrEqual(columns);
  });
});
