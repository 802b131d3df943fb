import fc from 'fast-check';
import { expect, test } from 'vitest';
import { visible, visibleInColour, visibleInLine } from '../../../src/core/basics/visible.ts';

test.each([
  ['\u001b]0;owned\u0007', '^[]0;owned^G'],
  ['a\r::error::b', 'a^M::error::b'],
  ['\u009b2J', '\\u009b2J'],
  ['\u202egnp.exe', '\\u202egnp.exe'],
  ['\u001b[8mhidden\u001b[0m', '^[[8mhidden^[[0m'],
  ['tab\tnewline\n', 'tab\tnewline\n'],
  ['Größe 作業 👩‍🔧', 'Größe 作業 👩‍🔧'],
])('%j must be shown as %j', (text, shown) => {
  expect(visible(text)).toBe(shown);
});

test('colours may be kept, and nothing else', () => {
  expect(visibleInColour('\u001b[1;31mred\u001b[0m\u001b[2J')).toBe(
    '\u001b[1;31mred\u001b[0m^[[2J',
  );
});

test('a text in a line must not begin another one', () => {
  expect(visibleInLine('a\n::error::b\n')).toBe('a ::error::b ');
});

test('of any text nothing must be left to obey, and JSON must keep its values', () => {
  // eslint-disable-next-line no-control-regex -- it is what must not be there
  const left = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e]/;
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(visible(text)).not.toMatch(left);
      expect(JSON.parse(visible(JSON.stringify({ text })))).toEqual({ text });
    }),
  );
});
