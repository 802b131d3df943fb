import { describe, expect, test } from 'vitest';
import { backtrackingPart, isQuick } from '../../../src/core/basics/pattern.ts';

describe('a pattern that cannot take long', () => {
  test.each([
    'up',
    '^job (.*)$',
    'job (\\d+)',
    '[+*?{]+',
    '(?:a|b)',
    '(?<what>.+)',
    '\\(a\\)*',
    'a{3}',
  ])('%s', (source) => {
    expect(isQuick(source)).toBe(true);
  });

  test.each(['(a+)+$', '(a|aa)*b', '(a|aa){9}', '.*.*x', 'a?a?a', '(?:x)?', 'a*b+', '[)]+(x)*'])(
    'is not %s',
    (source) => {
      expect(isQuick(source)).toBe(false);
    },
  );

  test('must really take no longer than a blink with the worst text', () => {
    const startedAt = performance.now();
    expect(/x*y/m.test('x'.repeat(4096))).toBe(false);
    expect(performance.now() - startedAt).toBeLessThan(1_000);
  });
});

describe('what only backtracking can match must be found', () => {
  test.each([
    ['(?=a)b', '(?='],
    ['a(?!b)', '(?!'],
    ['(?<=a)b', '(?<='],
    ['(?<!a)b', '(?<!'],
    ['(a)\\1', '\\1'],
    ['(?<n>a)\\k<n>', '\\k<n>'],
    ['\\\\(?=a)', '(?='],
  ])('in %s: %s', (source, part) => {
    expect(backtrackingPart(source)).toBe(part);
  });

  test.each(['(?:a)', '(?<n>a)', '[(?=]', '\\(\\?=a', '\\\\1', '[\\1]', '\\d\\w'])(
    'and not in %s',
    (source) => {
      expect(backtrackingPart(source)).toBeUndefined();
    },
  );
});
