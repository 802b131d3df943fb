import { spawn, spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, renameSync, rmSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import type { HeldLock } from '../../../src/host/lock/lock-file.ts';
import { createLockHelper, type LockHelper } from '../../../src/host/lock/lock-helper.ts';
import { useScratch } from '../../rig/scratch.ts';
import { allPids, isAlive, look, strings } from '../../rig/kernel.ts';
import { until } from '../../rig/wait.ts';

const scratch = useScratch();
const helpers: LockHelper[] = [];

afterEach(() => {
  for (const lockHelper of helpers.splice(0)) lockHelper.close();
});

const pass = (): string => scratch.path('pass.lock');
const one = (): string => scratch.path('mail.1.lock');

function keep(once: readonly string[] = [one()]): LockHelper {
  const lockHelper = createLockHelper({ again: pass(), once });
  if (lockHelper === undefined) throw new Error('expected perl to be installed');
  helpers.push(lockHelper);
  return lockHelper;
}

async function locked(lockHelper: LockHelper, path: string): Promise<HeldLock> {
  const lock = await lockHelper.tryLock(path);
  if (lock === undefined || lock === 'held') throw new Error(`expected the lock, got ${lock}`);
  return lock;
}

/** As another process finds it: by flock(1). */
const isFree = (path: string): boolean => spawnSync('flock', ['-n', path, 'true']).status === 0;

/** The helpers of a process: its children that run perl. */
const helpersOf = (parent: number): number[] =>
  allPids().filter(
    (pid) => look(pid)?.parent === parent && strings(pid, 'cmdline')[0]?.endsWith('/perl'),
  );

test('the same lock must be taken again and again, and be free in between', async () => {
  const lockHelper = keep();
  for (let round = 0; round < 20; round += 1) {
    const lock = await locked(lockHelper, pass());
    expect(isFree(pass())).toBe(false);
    await lock.release();
    expect(isFree(pass())).toBe(true);
  }
  expect(lockHelper.mayKnow(pass())).toBe(true);
});

test('a lock that another process holds must be reported as held, and be taken after its exit', async () => {
  const lockHelper = keep();
  const holder = scratch.run(['flock', pass(), 'sh', '-c', 'echo mine; read line']);
  await holder.says('mine');
  expect(await lockHelper.tryLock(pass())).toBe('held');
  expect(await lockHelper.tryLock(pass())).toBe('held');
  holder.send('');
  await holder.ended();
  await (await locked(lockHelper, pass())).release();
});

test('a lock that is handed on must be held by the child, and be free after its exit', async () => {
  const lockHelper = keep();
  const lock = await locked(lockHelper, one());
  const child = spawn('sleep', ['1000'], { stdio: ['ignore', 'ignore', 'ignore', lock.fd] });
  await lock.release();
  expect(isFree(one())).toBe(false);
  expect(lockHelper.mayKnow(one())).toBe(false);
  expect(await lockHelper.tryLock(one())).toBeUndefined();
  child.kill('SIGKILL');
  await until('the lock to be free', () => isFree(one()));
});

test('a file that it was not created for must be left to the backend', async () => {
  const lockHelper = keep();
  expect(await lockHelper.tryLock(scratch.path('mail.2.lock'))).toBeUndefined();
  expect(lockHelper.mayKnow(scratch.path('mail.2.lock'))).toBe(false);
});

test('a file that cannot be opened must not affect the others', async () => {
  mkdirSync(one());
  const lockHelper = keep();
  expect(await lockHelper.tryLock(one())).toBeUndefined();
  await (await locked(lockHelper, pass())).release();
});

test('a lock must stay held if its helper is killed, and be free after its release', async () => {
  const lockHelper = keep();
  const lock = await locked(lockHelper, pass());
  const children = helpersOf(process.pid);
  for (const pid of children) process.kill(pid, 'SIGKILL');
  await until('its end', () => !children.some(isAlive));
  expect(isFree(pass())).toBe(false);
  await lock.release();
  expect(isFree(pass())).toBe(true);
  expect(await lockHelper.tryLock(pass())).toBeUndefined();
  expect(await lockHelper.tryLock(one())).toBeUndefined();
});

test('a file that is no longer at its path must be forgotten: its lock excludes no process', async () => {
  const lockHelper = keep();
  for (const path of [pass(), one()]) {
    rmSync(path);
    closeSync(openSync(path, 'w'));
    expect(await lockHelper.tryLock(path)).toBeUndefined();
    expect(lockHelper.mayKnow(path)).toBe(false);
  }
});

test('a file that was renamed while another process holds its lock must be forgotten', async () => {
  const lockHelper = keep();
  const holder = scratch.run(['flock', one(), 'sh', '-c', 'echo mine; read line']);
  await holder.says('mine');
  expect(await lockHelper.tryLock(one())).toBe('held');
  renameSync(one(), scratch.path('mail.1~abc.lock'));
  expect(await lockHelper.tryLock(one())).toBeUndefined();
});

test('a killed holder must leave no lock held', async () => {
  const program = scratch.program(`
    import { createLockHelper } from './lock/lock-helper.ts';
    const helper = createLockHelper({ again: process.argv[2], once: [process.argv[3]] });
    Promise.all([helper.tryLock(process.argv[2]), helper.tryLock(process.argv[3])]).then(() => {
      console.log('has both');
      setInterval(() => undefined, 1000);
    });`);
  const child = scratch.run([...program, pass(), one()]);
  await child.says('has both');
  expect([pass(), one()].map(isFree)).toEqual([false, false]);
  const children = helpersOf(child.pid);
  expect(children).toHaveLength(1);
  expect(
    children.map((pid) => look(pid)?.session),
    'out of reach of Ctrl-C',
  ).toEqual(children);
  process.kill(child.pid, 'SIGKILL');
  await until('both to be free', () => isFree(pass()) && isFree(one()));
  await until('its helper to end', () => !children.some(isAlive));
});

test('a helper must not keep its process from exiting', async () => {
  const program = scratch.program(`
    import { createLockHelper } from './lock/lock-helper.ts';
    const helper = createLockHelper({ again: process.argv[2], once: [] });
    helper.tryLock(process.argv[2]).then((lock) => lock.release()).then(() => console.log('done'));`);
  const child = scratch.run([...program, pass()]);
  await child.says('done');
  await child.ended();
});
