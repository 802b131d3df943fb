import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { useScratch } from '../../rig/scratch.ts';

const scratch = useScratch();

/** Prints its inherited files before and after, and whether Node still works. */
const source = `
import { readdirSync, readlinkSync, readFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { closeInheritedFds } from './process/spawn.ts';
const ours = () => readdirSync('/proc/self/fd').filter((fd) => {
  try { return readlinkSync('/proc/self/fd/' + fd).startsWith(process.env.SCRATCH + '/kept'); } catch { return false; }
});
console.log('before', ours().join());
closeInheritedFds();
closeInheritedFds();
console.log('after', ours().join());
setTimeout(() => {
  readFileSync('/proc/self/stat');
  const child = spawnSync('/bin/sh', ['-c', 'ls -l /proc/self/fd; echo child'], { encoding: 'utf8' });
  console.log(child.stdout, child.stdout.includes('/kept') ? 'inherited' : 'clean');
  console.log('works');
  process.stdin.resume();
}, 1);`;

test('must pass no file of the caller on to a child, and close none of Node’s', async () => {
  const [node = '', program = ''] = scratch.program(source);
  const child = scratch.run([
    '/bin/bash',
    '--norc',
    '-c',
    'exec 3>kept-3 7<>kept-7 9>kept-9 200>kept-200; exec "$@"',
    'bash',
    node,
    program,
  ]);
  await child.says('works');
  expect(child.heard()).toContain('before 200,3,7,9\n');
  expect(child.heard()).not.toMatch(/^after 200/m); // those below 16 Node has made close-on-exec
  expect(child.heard()).toContain('clean');
  expect(child.heard()).not.toContain('inherited');
});

test('must free the lock of a caller’s flock', async () => {
  const [node = '', program = ''] = scratch.program(source);
  const child = scratch.run([
    '/bin/bash',
    '--norc',
    '-c',
    'exec 200>kept-lock; flock -n 200 && exec "$@"',
    'bash',
    node,
    program,
  ]);
  await child.says('works');
  expect(spawnSync('flock', ['-n', scratch.path('kept-lock'), 'true']).status).toBe(0);
});

test('must keep the standard files open', async () => {
  const [node = '', program = ''] = scratch.program(source);
  const child = scratch.run(['/bin/sh', '-c', 'exec "$@" >kept-out 2>&1', 'sh', node, program]);
  const reader = scratch.shell(
    'until grep -q works kept-out 2>/dev/null; do :; done; cat kept-out',
  );
  await reader.says('works');
  expect(reader.heard()).toContain('before 1,2\nafter 1,2\n');
  child.process.kill('SIGKILL');
});

/** Starts a program through the only access to child_process. */
const startingSource = `
import { childProcess } from './process/spawn.ts';
const { stdout } = childProcess().spawnSync('/bin/sh', ['-c', 'ls -l /proc/self/fd'], { encoding: 'utf8' });
console.log(stdout.includes('/kept') ? 'inherited' : 'clean', 'works');`;

test('must be done for every program that is started, not only for workers', async () => {
  const [node = '', program = ''] = scratch.program(startingSource);
  const child = scratch.run([
    '/bin/bash',
    '--norc',
    '-c',
    'exec 200>kept-200; exec "$@"',
    'bash',
    node,
    program,
  ]);
  await child.says('works');
  expect(child.heard()).toBe('clean works\n');
});
