import { mkdirSync, statSync, symlinkSync } from 'node:fs';
import { expect, test } from 'vitest';
import { makeDirectory } from '../../../src/host/files/make-directory.ts';
import { useScratch } from '../../rig/scratch.ts';

const scratch = useScratch();

test('must create the directory and its parents, with this mode', () => {
  makeDirectory(scratch.path('a/b/c'), 0o711);
  for (const path of ['a', 'a/b', 'a/b/c'])
    expect(statSync(scratch.path(path)).mode & 0o777).toBe(0o711);
});

test('must not change a directory that exists, also behind a link', () => {
  mkdirSync(scratch.path('real'), { mode: 0o700 });
  symlinkSync('real', scratch.path('link'));
  for (const path of ['real', 'link']) makeDirectory(scratch.path(path));
  expect(statSync(scratch.path('real')).mode & 0o777).toBe(0o700);
});

test.each([
  ['a file in the way', 'file', 'EEXIST'],
  ['a file above', 'file/a', 'ENOTDIR'],
  ['a dangling link', 'dangling', 'EEXIST'],
])('must throw for %s', (_, name, code) => {
  scratch.write('file', '');
  symlinkSync('nowhere', scratch.path('dangling'));
  expect(() => {
    makeDirectory(scratch.path(name));
  }).toThrow(code);
});

test.each(['/proc/nope/a/b', '/dev/fd/.workerctl/x'])(
  'must end with an error if nothing can be created there: %s',
  (path) => {
    expect(() => {
      makeDirectory(path);
    }).toThrow(/ENOENT|EACCES|ENOTDIR/);
  },
);
