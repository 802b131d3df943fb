import { describe, expect, test } from 'vitest';
import { mismatchText } from '../../../src/core/basics/config-problem.ts';
import { parseEnvFile } from '../../../src/core/protocols/env-file.ts';

const base = new Map([
  ['HOME', '/home/me'],
  ['B', 'base'],
]);

const read = (text: string) => parseEnvFile(text, base);

const variables = (text: string) => {
  const { variables: found, problems } = read(text);
  expect(problems).toEqual([]);
  return Object.fromEntries(found);
};

const problems = (text: string) =>
  read(text).problems.map(
    ({ line, column, key = '', ...mismatch }) =>
      `${line}:${column}: ${key}: ${mismatchText(mismatch)}`,
  );

describe('an env file must be able to set', () => {
  test.each<[string, string]>([
    ['A=1', '1'],
    ['A=', ''],
    ["A=''", ''],
    ['A="x y"', 'x y'],
    ["A='x $y'", 'x $y'],
    ['A=$B', 'base'],
    ['A=${B}c', 'basec'],
    ['A="$B c"', 'base c'],
    ["A='$B'", '$B'],
    ['A=x\\ y', 'x y'],
    ['A="\\$5 \\"x\\" \\q"', '$5 "x" \\q'],
    ['A=\\$5', '$5'],
    ['export A=1', '1'],
    ['\t export \t A="1 2" # c', '1 2'],
    ['  A=1  ', '1'],
    ['A="{\\"a\\":1}"', '{"a":1}'],
    [`A='{"a":1}'`, '{"a":1}'],
    ['A=abc#def', 'abc#def'],
    ['A=#x', '#x'],
    ['A=abc #c', 'abc'],
    ['A= #c', ''],
    ['A="x" # it\'s', 'x'],
    ['A="one\ntwo"', 'one\ntwo'],
    ["A='one\ntwo'", 'one\ntwo'],
    ['A=one\\\ntwo', 'onetwo'],
    ['A=x~ ', 'x~'],
    ['A=*.jar{a,b}', '*.jar{a,b}'],
    ['A=1\nA=2', '2'],
    ['A=1\nA=$A$A', '11'],
    ['A=1\nexport A', '1'],
    ['A=x=y', 'x=y'],
    ['\uFEFFA=1', '1'],
    ['A=1\r\n', '1'],
    ['A="one\r\ntwo"\r\n', 'one\ntwo'],
    ['A=x\ry', 'x\ry'],
    ['A=1\r', '1'],
  ])('%j', (text, value) => {
    expect(variables(text)).toEqual({ A: value });
  });

  test('nothing by comments and blank lines', () => {
    expect(variables('')).toEqual({});
    expect(variables('# A=1\n\n \t\n  # x\nexport B # y\n')).toEqual({});
  });

  test('variables with any name that an object could have already', () => {
    expect(read('__proto__=1\nA=$__proto__').variables.get('A')).toBe('1');
    expect(problems('A=$constructor')).toHaveLength(1);
  });
});

describe('what is no plain assignment must be refused with a remedy', () => {
  test.each([
    ['A=x y', `1:4: A: found an unquoted blank; write A='x y'`],
    ['A= 1', '1:3: A: found an unquoted blank; write A=1'],
    ['export A=x y # c', `1:11: A: found an unquoted blank; write export A='x y'`],
    ['A=1 B=2', `1:4: A: found an unquoted blank; write A='1 B=2'`],
    ['A=$B y', '1:5: A: found an unquoted blank; write A="$B y"'],
    ['A = 1', '1:1: A: expected "=" directly after the name, found none; write A=1'],
    ['A =x y', `1:1: A: expected "=" directly after the name, found none; write A='x y'`],
    ['A: 1', '1:1: A: expected "=" directly after the name, found none; write A=1'],
    ['A=~/x', '1:3: A: found "~", which is not expanded; write A="$HOME/x"'],
    ['A=/a:~/b', '1:6: A: found "~", which is not expanded; write A="/a:$HOME/b"'],
    [
      'A=~bob',
      `1:3: A: found "~", which is not expanded; write the whole path; for these very characters, write A='~bob'`,
    ],
    [
      'A=`x`',
      "1:3: A: found `...`, which is not expanded; no shell runs here; for these very characters, write A='`x`'",
    ],
    [
      'A=$(x)',
      `1:3: A: found $(...), which is not expanded; no shell runs here; for these very characters, write A='$(x)'`,
    ],
    [
      'A=${X:-1}',
      `1:3: A: found \${...}, which is not expanded; no shell runs here; for these very characters, write A='\${X:-1}'`,
    ],
    [
      'A="costs $5 of $B"',
      `1:10: A: found "$5", which is not expanded; no shell runs here; for these very characters, write A="costs \\$5 of $B"`,
    ],
    [
      'A=$NOT_SET',
      `1:3: A: found $NOT_SET, which is not set; set it above this line; for these very characters, write A='$NOT_SET'`,
    ],
    [
      'A=$A',
      `1:3: A: found $A, which is not set; set it above this line; for these very characters, write A='$A'`,
    ],
    ['A=x$', '1:4: A: found "$", which is not expanded'],
    ['A="x$"', '1:5: A: found "$", which is not expanded'],
    ['A=a;b', `1:4: A: found an unquoted ";"; write A='a;b'`],
    ['A=a?b&c=d', `1:6: A: found an unquoted "&"; write A='a?b&c=d'`],
    ['A=(a b)', `1:3: A: found an unquoted "("; write A='(a b)'`],
    ["A=it's", `1:5: A: expected a closing ', found none; write A="it's"`],
    ['A="x y', `1:3: A: expected a closing ", found none; write A='x y'`],
    ['A=x\\', '1:4: A: found a backslash at the end of the file'],
    ['1A=x', '1:1: : expected a name of letters, digits and _'],
    ['A-B=x', 'found "A-B"'],
    ['A+=x', 'found "A+"'],
    ['source x', '1:1: : expected NAME=value, found something else; only assignments'],
    ['  rm -rf x', '1:3: : expected NAME=value'],
    ['export A="$B" C=$B', '1:14: A: found an unquoted blank'],
    [
      'export A=$B',
      '1:10: A: found an unquoted $B after export, which some shells split; write export A="$B"',
    ],
    [
      'export A=x*',
      `1:11: A: found an unquoted "*" after export, which some shells expand; write export A='x*'`,
    ],
  ])('%j', (text, words) => {
    const [first = '', ...others] = problems(text);
    expect(first).toContain(words);
    expect(others).toEqual([]);
  });

  test('each line that is wrong, with its place, and no line that follows from another', () => {
    const text = `A=x y\nC=1\nD=$A\n\nE="it costs $5\nor $6"\nF=~/x\nG=$E\nH='a`;
    expect(problems(text).map((line) => line.split(':').slice(0, 3).join(':'))).toEqual([
      '1:4: A',
      '5:13: E',
      '7:3: F',
      '9:3: H',
    ]);
    expect(read(text).variables.get('C')).toBe('1');
  });

  test('a quote that another line closes by accident, in the line where it was opened', () => {
    expect(problems(`A=it's\nC='x y'\nD=1`)).toEqual([
      `1:5: A: expected a closing ' in this line, found one in a later line; write A="it's"`,
    ]);
    expect(problems(`A=5"\nC="x"\nD=1`)).toEqual([
      `1:4: A: expected a closing ", found none; write A='5"'`,
    ]);
  });

  test.each([
    'PASSWORD=pa$$hunter2',
    'API_KEY=x hunter2',
    'DB=postgres://me:hunter2@db/x?a=1&b=2',
    'TOKEN=pa$hunter2',
    'KEY="-----BEGIN KEY-----"\nMIIE/hunter2==',
  ])('without a secret in the words: %j', (text) => {
    const [first = ''] = problems(text);
    expect(first).not.toBe('');
    expect(first).not.toContain('hunter2');
  });
});
