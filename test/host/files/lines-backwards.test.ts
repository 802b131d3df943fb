import { closeSync, openSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { linesBackwards, type FileLine } from '../../../src/host/files/lines-backwards.ts';
import { useScratch } from '../../rig/scratch.ts';

const scratch = useScratch();

function backwards(text: string | Buffer): FileLine[] {
  writeFileSync(scratch.path('file'), text);
  const fd = openSync(scratch.path('file'), 'r');
  try {
    return [...linesBackwards(fd, statSync(scratch.path('file')).size)];
  } finally {
    closeSync(fd);
  }
}

/** The same result, computed in another way. */
function forwards(text: string): FileLine[] {
  let from = 0;
  return text
    .split('\n')
    .map((line) => {
      const found = { text: line, from };
      from += Buffer.byteLength(line) + 1;
      return found;
    })
    .reverse();
}

test('an empty file must have no lines', () => {
  expect(backwards('')).toEqual([]);
});

test.each(['a', 'a\n', '\n', '\n\n', 'a\nb', '\na\n\nb\n'])(
  '%j must be read from its end',
  (text) => {
    expect(backwards(text)).toEqual(forwards(text));
  },
);

test('lines of any length must be read, also across the borders of chunks', () => {
  const line = fc.tuple(fc.nat({ max: 70_000 }), fc.constantFrom('x', 'ü', '€', '😀'));
  fc.assert(
    fc.property(fc.array(line, { maxLength: 8 }), (lines) => {
      const text = lines.map(([length, letter]) => letter.repeat(length)).join('\n');
      fc.pre(text !== '');
      expect(backwards(text)).toEqual(forwards(text));
    }),
    { numRuns: 40 },
  );
});

test('a line that is too long must not be kept', () => {
  const text = `a\n${'x'.repeat(2 * 1024 * 1024)}\nb\n`;
  expect(backwards(text).map((line) => line.text)).toEqual(['', 'b', undefined, 'a']);
});

test('the end of a huge file must be read without the rest', () => {
  const path = scratch.path('huge');
  writeFileSync(path, '');
  truncateSync(path, 50 * 1024 ** 3);
  writeFileSync(path, 'a\nb\n', { flag: 'a' });
  const fd = openSync(path, 'r');
  const lines = linesBackwards(fd, statSync(path).size);
  expect([lines.next(), lines.next()].map(({ value }) => (value as FileLine).text)).toEqual([
    '',
    'b',
  ]);
  lines.return(undefined);
  closeSync(fd);
});
