import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { describe, expect, test } from 'vitest';
import { writeFileAtomically } from '../../../src/host/files/atomic-file.ts';
import { useScratch } from '../../rig/scratch.ts';

const scratch = useScratch();

/** Writes `words` over and over, each a file full of one letter. */
const writerSource = `
import { writeFileAtomically } from './files/atomic-file.ts';
for (let round = 0; ; round += 1) {
  writeFileAtomically(process.argv[2], (round % 2 ? 'a' : 'b').repeat(300_000));
  if (round === 1) console.log('writing');
}`;

/** Tries to write more than its limit allows. */
const failingSource = `
import { writeFileAtomically } from './files/atomic-file.ts';
try {
  writeFileAtomically(process.argv[2], 'x'.repeat(100_000));
  console.log('written');
} catch (error) {
  console.log('failed', error.code);
}`;

test.each([undefined, 'whole', 'durable'] as const)('must write the text, %s', (outlives) => {
  const path = scratch.path('file');
  writeFileAtomically(path, 'first', { ...(outlives && { outlives }) });
  writeFileAtomically(path, 'grüße\n', { ...(outlives && { outlives }) });
  expect(readFileSync(path, 'utf8')).toBe('grüße\n');
  expect(readdirSync(scratch.folder())).toEqual(['file']);
  expect(statSync(path).mode & 0o777).toBe(0o644);
});

test('a reader must see the old text or the new one, never half of one', async () => {
  const path = scratch.path('file');
  const writer = scratch.run([...scratch.program(writerSource), path]);
  await writer.says('writing');
  const seen = new Set<string>();
  for (let reads = 0; reads < 200 || seen.size < 2; reads += 1) {
    const text = readFileSync(path, 'latin1');
    expect(text).toHaveLength(300_000);
    const [letter = ''] = text;
    expect(text === letter.repeat(300_000)).toBe(true);
    seen.add(letter);
  }
  expect([...seen].sort()).toEqual(['a', 'b']);
});

test('a reader that has the old file open must keep reading that', () => {
  const path = scratch.write('file', 'old');
  const inode = statSync(path).ino;
  writeFileAtomically(path, 'new');
  expect(statSync(path).ino).not.toBe(inode);
});

describe('a write that fails', () => {
  test('must keep the old file, and leave no temporary one', async () => {
    const path = scratch.write('file', 'old');
    const [node = '', program = ''] = scratch.program(failingSource);
    const before = readdirSync(scratch.folder()).sort();
    const child = scratch.shell('ulimit -f 8; exec "$@"', node, program, path);
    await child.says('failed EFBIG');
    await child.ended();
    expect(readFileSync(path, 'utf8')).toBe('old');
    expect(readdirSync(scratch.folder()).sort()).toEqual(before);
  });

  test('must leave no temporary file if a directory is in its place', () => {
    mkdirSync(scratch.path('file'));
    expect(() => {
      writeFileAtomically(scratch.path('file'), 'x');
    }).toThrow(/EISDIR/);
    expect(readdirSync(scratch.folder())).toEqual(['file']);
  });

  test('must report that there is no directory', () => {
    expect(() => {
      writeFileAtomically(scratch.path('nowhere/file'), 'x');
    }).toThrow(/ENOENT/);
  });
});

test.each(['a file', '/dev/null', 'nothing'])(
  'a link that was prepared under the temporary name must not be followed to %s',
  (what) => {
    const target = what === 'a file' ? scratch.write('secret', 'old') : what;
    const other = what === 'nothing' ? scratch.path('made') : target;
    symlinkSync(other, scratch.path(`file.${process.pid}.new`));
    writeFileAtomically(scratch.path('file'), 'new');
    expect(readFileSync(scratch.path('file'), 'utf8')).toBe('new');
    expect(lstatSync(scratch.path('file')).isFile()).toBe(true);
    if (what === 'a file') expect(readFileSync(target, 'utf8')).toBe('old');
    if (what === 'nothing') expect(existsSync(other)).toBe(false);
  },
);

test('a symbolic link must be replaced, not written through', () => {
  const target = scratch.write('target', 'precious');
  symlinkSync(target, scratch.path('file'));
  writeFileAtomically(scratch.path('file'), 'new');
  expect(readFileSync(target, 'utf8')).toBe('precious');
  expect(readFileSync(scratch.path('file'), 'utf8')).toBe('new');
});
