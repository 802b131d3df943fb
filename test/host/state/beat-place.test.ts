import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { beatPlace } from '../../../src/host/state/beat-place.ts';
import { useScratch } from '../../rig/scratch.ts';

const scratch = useScratch();

test.each([
  [
    'a file',
    (path: string) => {
      writeFileSync(path, '');
    },
  ],
  [
    'a link to itself',
    (path: string) => {
      symlinkSync(path, path);
    },
  ],
  [
    'a link that leads nowhere',
    (path: string) => {
      symlinkSync('nowhere', path);
    },
  ],
  ['nothing', () => undefined],
])('%s in place of the directory of heartbeats must not end a look', (_, make) => {
  const folder = scratch.path('heartbeats');
  make(folder);
  expect(beatPlace(`${folder}/mail.1.0123456789abcdef`)).toBe(`${folder}/mail.1.0123456789abcdef`);
});

test('a file that is there must be its own place', () => {
  const folder = scratch.path('heartbeats');
  mkdirSync(folder);
  writeFileSync(`${folder}/mail.1.0123456789abcdef`, '');
  expect(beatPlace(`${folder}/mail.1.0123456789abcdef`)).toBe(`${folder}/mail.1.0123456789abcdef`);
});
