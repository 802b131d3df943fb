import { existsSync, mkdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { writeProblem } from '../../../src/host/files/write-problem.ts';
import { isRoot } from '../../rig/programs.ts';
import { useScratch } from '../../rig/scratch.ts';

const scratch = useScratch();

test('a file that can be written or created must have no problem, and nothing is created', () => {
  expect(writeProblem(scratch.write('there.log', ''))).toBeUndefined();
  expect(writeProblem(scratch.path('new.log'))).toBeUndefined();
  expect(writeProblem(scratch.path('deep/er/new.log'))).toBeUndefined();
  expect(writeProblem('/dev/null')).toBeUndefined();
  expect(existsSync(scratch.path('deep'))).toBe(false);
});

test('a directory in its place, and a file above it, must be named', () => {
  mkdirSync(scratch.path('x.log'));
  expect(writeProblem(scratch.path('x.log'))).toBe(`${scratch.path('x.log')} is a directory`);
  const file = scratch.write('file', '');
  expect(writeProblem(`${file}/x.log`)).toBe(`${file} is not a directory`);
  expect(writeProblem(`${file}/deep/x.log`)).toBe(`${file} is not a directory`);
});

test.runIf(isRoot)('what another user may not write must be named', async () => {
  const [node = '', program = ''] = scratch.program(`
    import { writeProblem } from './files/write-problem.ts';
    process.setuid(54321);
    console.log(writeProblem('/etc/passwd'), '|', writeProblem('/etc/no/such.log'));`);
  const child = scratch.run([node, program]);
  await child.says(
    '/etc/passwd cannot be written: EACCES: permission denied | /etc cannot be written: EACCES: permission denied',
  );
});
