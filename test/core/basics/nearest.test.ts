import { expect, test } from 'vitest';
import { nearest } from '../../../src/core/basics/nearest.ts';

test.each<[string, string[], string | undefined]>([
  ['mial', ['mail', 'images'], 'mail'],
  ['maill', ['mail', 'images'], 'mail'],
  ['MAIL', ['mail'], 'mail'],
  ['mail_1', ['mail.1', 'mail.2'], 'mail.1'],
  ['ima', ['mail', 'images'], 'images'],
  ['web', ['mail', 'images'], undefined],
  ['up', ['us', 'stop'], undefined],
  ['mai', ['mail', 'main'], undefined],
  ['mai', ['mail.1', 'mail.2', 'mail'], 'mail'],
  ['mail.11', ['mail.1', 'mail.2'], 'mail.1'],
  ['', ['mail'], undefined],
  ['mail', [], undefined],
  ['abcdef', ['abxyef', 'abcxyf'], 'abxyef'],
])('%j among %j must be %j', (word, known, expected) => {
  expect(nearest(word, known)).toBe(expected);
});
