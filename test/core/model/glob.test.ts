import fc from 'fast-check';
import { expect, test } from 'vitest';
import { globMatcher } from '../../../src/core/model/glob.ts';

test.each([
  ['mail', 'mail', true],
  ['mail', 'mail.1', false],
  ['m*l', 'mail', true],
  ['*', '', true],
  ['**', 'a', true],
  ['a*b*c', 'aXbXbXc', true],
  ['a*b*c', 'aXbXbX', false],
  ['?', 'ab', false],
  ['[a-c]x', 'bx', true],
  ['[^a-c]x', 'bx', false],
  ['[a-]', '-', true],
  ['a.c', 'abc', false],
  ['(a|b)', 'a', false],
])('the glob %s must match %s: %s', (glob, text, isMatch) => {
  expect(globMatcher(glob)(text)).toBe(isMatch);
});

test('a glob must match as the regular expression does that says the same', () => {
  const part = fc.constantFrom('*', '?', 'a', 'b', '[ab]', '[!a]');
  const asRegExp = (glob: string): RegExp =>
    new RegExp(`^${glob.replaceAll('*', '.*').replaceAll('?', '.').replaceAll('[!', '[^')}$`);
  fc.assert(
    fc.property(
      fc.array(part, { maxLength: 6 }).map((parts) => parts.join('')),
      fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 8 }),
      (glob, text) => globMatcher(glob)(text) === asRegExp(glob).test(text),
    ),
  );
});
