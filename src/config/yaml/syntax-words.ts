import type { Mismatch } from '../../core/basics/config-problem.ts';

const quoteIt = 'put the value into quotes';

const beginning = (what: string): Mismatch => ({
  found: `a value that begins with ${what}`,
  hint: quoteIt,
});

/** What the parser says, and what it means in a config. */
const meanings: readonly (readonly [RegExp, (match: RegExpExecArray) => Mismatch])[] = [
  [/^Tabs are not allowed/, () => ({ expected: 'spaces', found: 'a tab to indent with' })],
  [/^Missing closing/, () => ({ found: 'a quote that is never closed' })],
  [
    /^Nested mappings are not allowed/,
    () => ({ found: 'a second ": " in the value of a key', hint: quoteIt }),
  ],
  [
    /^Unexpected block-seq-ind on same line/,
    () => ({
      found: '"- " behind a key, in the same line',
      hint: 'begin the list in the next line, or write [a, b]',
    }),
  ],
  [
    /^Implicit keys .*need to be on a single line|^Implicit map keys need|^The : indicator must be/,
    () => ({ expected: '": " behind the key', found: 'none', hint: 'write KEY: VALUE' }),
  ],
  [
    /^All (mapping) items must|^All sequence items must|^A block sequence may not/,
    ([, kind]) => ({
      expected: `the ${kind === 'mapping' ? 'keys of a map' : 'items of a list'} to begin in one column`,
      found: 'another column',
    }),
  ],
  [
    /end with a (.)$/,
    ([, end = '']) => ({
      expected: `a closing "${end}"`,
      found: 'none, or one that is indented less',
    }),
  ],
  [/^Missing ,/, () => ({ expected: 'a comma between two values in brackets', found: 'none' })],
  [/^Missing space after :/, () => ({ expected: 'a space after ":"', found: 'none' })],
  [/^Plain value cannot start with .*?(tab|.)(?: character)?$/, ([, what = '']) => beginning(what)],
  [/^(?:Alias|Anchor) /, () => beginning('* or &')],
  [/^Unresolved tag: (.+)$/, ([, tag = '']) => beginning(tag)],
  [
    /^Invalid escape sequence (.*)$/,
    ([, escape = '']) => ({
      found: `${escape} in double quotes, which means nothing there`,
      hint: 'use single quotes, or write \\\\ for a backslash',
    }),
  ],
  [
    /^Comments must be separated/,
    () => ({ found: '"#" directly behind a value', hint: `put a space before it, or ${quoteIt}` }),
  ],
  [
    /^Block collections are not allowed within flow collections/,
    () => ({
      found: 'a ": " or "- " that does not fit inside of brackets',
      hint: `put commas between values, or ${quoteIt}`,
    }),
  ],
  [
    /^Block scalar|^(?:.* in block collection )?must be (?:sufficiently )?indented/,
    () => ({
      expected: 'more spaces before the lines of a text that follows | or >',
      found: 'fewer',
    }),
  ],
  [/^Unexpected (\S+) in /, ([, what = '']) => ({ found: `a "${what}" that does not fit here` })],
];

/** What is wrong with a text that is no YAML, in our words. */
export function syntaxWords(message: string): Mismatch {
  for (const [pattern, meaning] of meanings) {
    const match = pattern.exec(message);
    if (match !== null) return meaning(match);
  }
  return {
    expected: 'KEY: VALUE, a list or a text',
    found: 'something that does not fit here',
    hint: 'check the spaces at the beginning of this line and the one above',
  };
}
