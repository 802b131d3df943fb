import { expect, test } from 'vitest';
import { readOrEmpty } from '../../../src/host/files/read-or-empty.ts';
import { useScratch } from '../../rig/scratch.ts';

const scratch = useScratch();

test('a file must be read as text, and count as empty if it cannot be read', () => {
  expect(readOrEmpty(scratch.write('a.prom', 'up 1 é\n'))).toBe('up 1 é\n');
  expect(readOrEmpty(scratch.path('none.prom'))).toBe('');
  expect(readOrEmpty(scratch.folder())).toBe('');
});
