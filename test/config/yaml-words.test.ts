import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseYaml } from '../../src/config/yaml/document.ts';
import { mismatchText } from '../../src/core/basics/config-problem.ts';

const problemOf = (text: string): string | undefined => {
  const [problem] = parseYaml(text).problems;
  return problem && mismatchText(problem);
};

test.each([
  ['a: b: c', 'found a second ": " in the value of a key; put the value into quotes'],
  ['command: ruby -e puts: 1', 'found a second ": " in the value of a key'],
  ['a: - b', 'found "- " behind a key, in the same line; begin the list in the next line'],
  ['a: 1\nb', 'expected ": " behind the key, found none; write KEY: VALUE'],
  ['a\n  b: 1', 'expected ": " behind the key'],
  [
    'a:\n    b: 1\n  c: 2',
    'expected the keys of a map to begin in one column, found another column',
  ],
  ['a:\n    - 1\n  - 2', 'expected the items of a list to begin in one column'],
  ['a: [1, 2', 'expected a closing "]", found none'],
  ['a: {b: 1', 'expected a closing "}", found none'],
  ['a: {b: 1 c: 2}', 'found a ": " or "- " that does not fit inside of brackets; put commas'],
  ['a: [b: 1 c]]', 'that does not fit here'],
  ['a: ["b" "c"]', 'expected a comma between two values in brackets, found none'],
  ['a: @b', 'found a value that begins with @; put the value into quotes'],
  ['a: %b', 'found a value that begins with %'],
  ['a: `b`', 'found a value that begins with `'],
  ['a: *', 'found a value that begins with * or &; put the value into quotes'],
  ['a: !x b', 'found a value that begins with !x'],
  ['a: "\\d"', 'found \\d in double quotes, which means nothing there; use single quotes'],
  ['a: "b"#c', 'found "#" directly behind a value; put a space before it'],
  ['a: {b: |\n x}', ''],
  ['a: "b" c', ''],
  ['a: ]', ''],
  ['%x\na: 1', ''],
  ['a: &b &c 1', ''],
])('%j must be refused in our words', (text, words) => {
  expect(problemOf(text)).toContain(words);
});

/** Words of the specification and of the parser that no one knows who writes a config. */
const foreign =
  /mapping|sequence|scalar|flow|implicit|token|compact|collection|directive|indicator|anchor can|alias can|resolve/i;

test('no wrong text must be answered in the words of the parser', () => {
  const good =
    'workers:\n  mail: {command: "x y", env: {A: b}}\n  web:\n    command: [a, b]\n    count: 2\n';
  const piece = fc.constantFrom(
    ...[
      ': ',
      '- ',
      '\n',
      '  ',
      '\t',
      '"',
      "'",
      '{',
      '}',
      '[',
      ']',
      ',',
      '#',
      '&',
      '*',
      '!',
      '|',
      '>',
      '%',
      '@',
      '`',
      '?',
      '---',
      '\\',
      'x',
    ],
  );
  const edits = fc.array(fc.tuple(fc.nat({ max: good.length }), piece), {
    minLength: 1,
    maxLength: 3,
  });
  fc.assert(
    fc.property(edits, (all) => {
      const text = all.reduce((so, [at, what]) => so.slice(0, at) + what + so.slice(at), good);
      expect(problemOf(text) ?? '').not.toMatch(foreign);
    }),
    { numRuns: 3000 },
  );
});
