import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, symlinkSync, utimesSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { WorkerctlError } from '../../../src/core/basics/error.ts';
import { chooseBackend } from '../../../src/host/lock/choose-backend.ts';
import { flockBackend, perlBackend } from '../../../src/host/lock/kernel-lock.ts';
import type { HeldLock, LockBackend } from '../../../src/host/lock/lock-backend.ts';
import { portableBackend } from '../../../src/host/lock/portable-lock.ts';
import { endProcess, look, until } from '../../rig/kernel.ts';
import { useScratch, type Child } from '../../rig/scratch.ts';

const scratch = useScratch();
const held: HeldLock[] = [];

afterEach(async () => {
  for (const lock of held.splice(0)) await lock.release();
});

const backendNamed = (name: LockBackend['name']): LockBackend =>
  chooseBackend({ WORKERCTL_LOCK: name });

/** Which of these locks this process gets. */
async function take(backend: LockBackend, ...paths: string[]): Promise<boolean[]> {
  const locks = await backend.tryLock(paths);
  for (const lock of locks) if (lock !== undefined) held.push(lock);
  return locks.map((lock) => lock !== undefined);
}

async function releaseAll(): Promise<void> {
  for (const lock of held.splice(0)) await lock.release();
}

/** Takes locks, says which it got, and does as it is told. */
const holderSource = `
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { chooseBackend } from './lock/choose-backend.ts';
const [name, ...paths] = process.argv.slice(2);
chooseBackend({ ...process.env, WORKERCTL_LOCK: name }).tryLock(paths).then((locks) => {
  for (const lock of locks)
    lock?.compromised.addEventListener('abort', () => console.log('compromised'));
  console.log('got', JSON.stringify(locks.map((lock) => lock !== undefined)));
  createInterface({ input: process.stdin }).on('line', async (line) => {
    if (line === 'release') await Promise.all(locks.map((lock) => lock?.release()));
    if (line === 'close') await locks[0].release();
    if (line === 'hand over')
      spawn('sleep', ['1000'], { stdio: ['ignore', 'ignore', 'ignore', locks[0].fd] });
    if (line === 'bear a child') spawn('sleep', ['1000'], { stdio: 'ignore' });
    console.log('done', line);
  });
});`;

async function holder(backend: LockBackend, ...paths: string[]): Promise<Child> {
  const child = scratch.run([...scratch.program(holderSource), backend.name, ...paths]);
  await child.says('got');
  return child;
}

/** Whether flock(1) gets the lock. */
const flockGets = (path: string): boolean =>
  spawnSync('flock', ['-n', path, 'true'], { stdio: 'ignore' }).status === 0;

async function errorOf(attempt: Promise<unknown>): Promise<WorkerctlError> {
  try {
    await attempt;
  } catch (error) {
    if (error instanceof WorkerctlError) return error;
    throw error;
  }
  throw new Error('expected an error, found none');
}

describe.each(['flock', 'perl', 'portable'] as const)('the lock backend %s', (name) => {
  const backend = backendNamed(name);

  test('must tell its name', () => {
    expect(backend.name).toBe(name);
    expect(backend.isKernelLock).toBe(name !== 'portable');
  });

  test('must make a lock file that is missing', async () => {
    expect(await take(backend, scratch.path('a.lock'))).toEqual([true]);
    expect(existsSync(scratch.path('a.lock'))).toBe(true);
  });

  test('must keep what stands in the file', async () => {
    const path = scratch.write('a.lock', 'who holds it');
    await take(backend, path);
    await releaseAll();
    expect(readFileSync(path, 'utf8')).toBe('who holds it');
  });

  test('must be exclusive within one process', async () => {
    const path = scratch.path('a.lock');
    expect(await take(backend, path)).toEqual([true]);
    expect(await take(backend, path)).toEqual([false]);
    await releaseAll();
    expect(await take(backend, path)).toEqual([true]);
  });

  test('must be exclusive between two processes, and free once it is released', async () => {
    const path = scratch.path('a.lock');
    const other = await holder(backend, path);
    expect(other.heard()).toContain('got [true]');
    expect(await take(backend, path)).toEqual([false]);
    other.tell('release');
    await other.says('done release');
    expect(await take(backend, path)).toEqual([true]);
    expect((await holder(backend, path)).heard()).toContain('got [false]');
  });

  test('must be free when its holder ends', async () => {
    const path = scratch.path('a.lock');
    const other = await holder(backend, path);
    other.process.stdin?.end();
    await other.ended();
    expect(await take(backend, path)).toEqual([true]);
  });

  test('must take several at once, and tell which somebody else holds', async () => {
    const [a, b, c] = [scratch.path('a.lock'), scratch.path('b.lock'), scratch.path('c.lock')];
    const other = await holder(backend, b);
    expect(await take(backend, a, b, c)).toEqual([true, false, true]);
    other.tell('release');
    await other.says('done release');
    expect(await take(backend, a, b, c)).toEqual([false, true, false]);
  });

  test('must have nothing to say to no paths', async () => {
    expect(await take(backend)).toEqual([]);
  });

  test('must take a hundred at once', async () => {
    const paths = Array.from({ length: 100 }, (_, index) => scratch.path(`${index}.lock`));
    await holder(backend, paths[50] ?? '');
    const got = await take(backend, ...paths);
    expect(got.filter((one) => !one)).toHaveLength(1);
    expect(got[50]).toBe(false);
  });

  test('must not be compromised by its release', async () => {
    const [lock] = await backend.tryLock([scratch.path('a.lock')]);
    await lock?.release();
    expect(lock?.compromised.aborted).toBe(false);
  });

  test('must give an error, not "held", where the folder is missing', async () => {
    const error = await errorOf(take(backend, scratch.path('nowhere/a.lock')));
    expect(error).toMatchObject({ code: 'state' });
    expect(error.message).toContain('nowhere/a.lock');
    expect(error.message).toContain('ENOENT');
  });

  test('must let go of the others when one is an error', async () => {
    const path = scratch.path('a.lock');
    await errorOf(take(backend, path, scratch.path('nowhere/b.lock')));
    expect(await take(backend, path)).toEqual([true]);
  });

  test('must refuse a symbolic link', async () => {
    const target = scratch.write('target', 'precious');
    symlinkSync(target, scratch.path('a.lock'));
    expect(await errorOf(take(backend, scratch.path('a.lock')))).toMatchObject({ code: 'state' });
    expect(readFileSync(target, 'utf8')).toBe('precious');
  });

  test('must not wait for a writer where somebody has made a FIFO of it', async () => {
    execFileSync('mkfifo', [scratch.path('a.lock')]);
    const child = scratch.run([
      ...scratch.program(holderSource),
      backend.name,
      scratch.path('a.lock'),
    ]);
    await child.says('got');
  });
});

describe.each(['flock', 'perl'] as const)('the kernel lock of %s', (name) => {
  const backend = backendNamed(name);
  const other = backendNamed(name === 'flock' ? 'perl' : 'flock');

  test('must be free as soon as its holder is killed', async () => {
    const path = scratch.path('a.lock');
    const child = await holder(backend, path);
    expect(await take(backend, path)).toEqual([false]);
    await endProcess(child.pid);
    expect(await take(backend, path)).toEqual([true]);
  });

  test('must be kept by a holder that is stopped', async () => {
    const path = scratch.path('a.lock');
    const child = await holder(backend, path);
    process.kill(child.pid, 'SIGSTOP');
    await until('a stopped holder', () => look(child.pid)?.state === 'T');
    expect(await take(backend, path)).toEqual([false]);
  });

  test('must keep out flock(1), and be kept out by it', async () => {
    const path = scratch.path('a.lock');
    await take(backend, path);
    expect(flockGets(path)).toBe(false);
    await releaseAll();
    expect(flockGets(path)).toBe(true);
    const foreign = scratch.run(['flock', path, '/bin/sh', '-c', 'echo mine; exec sleep 1000']);
    await foreign.says('mine');
    expect(await take(backend, path)).toEqual([false]);
  });

  test(`must keep out ${other.name}, and be kept out by it`, async () => {
    const path = scratch.path('a.lock');
    await take(backend, path);
    expect(await take(other, path)).toEqual([false]);
    await releaseAll();
    await take(other, path);
    expect(await take(backend, path)).toEqual([false]);
  });

  test('must be kept by a child that was handed its fd', async () => {
    const path = scratch.path('a.lock');
    const parent = await holder(backend, path);
    parent.tell('hand over');
    await parent.says('done hand over');
    parent.tell('close');
    await parent.says('done close');
    expect(await take(backend, path)).toEqual([false]);
    await endProcess(parent.pid);
    expect(await take(backend, path)).toEqual([false]);
  });

  test('must not be kept by a child that was not handed it', async () => {
    const path = scratch.path('a.lock');
    const parent = await holder(backend, path);
    parent.tell('bear a child');
    await parent.says('done bear a child');
    parent.tell('close');
    await parent.says('done close');
    expect(await take(backend, path)).toEqual([true]);
  });

  test('must not be kept by its own helper', async () => {
    const path = scratch.path('a.lock');
    await take(backend, path);
    await releaseAll();
    expect(flockGets(path)).toBe(true);
  });

  test('must never be compromised', async () => {
    const [lock] = await backend.tryLock([scratch.path('a.lock')]);
    expect(lock?.fd).toBeTypeOf('number');
    expect(lock?.compromised.aborted).toBe(false);
    await lock?.release();
  });
});

/** A helper that does something to the lock file before the real one gets to lock it. */
const meddler = (deed: string): string => {
  const path = scratch.write('meddler', `#!/bin/sh\n${deed}\nexec flock "$@"\n`);
  execFileSync('chmod', ['+x', path]);
  return path;
};

describe('a lock file that is not what it was', () => {
  test('deleted before it could be locked: must not be taken for held by us', async () => {
    const path = scratch.path('a.lock');
    expect(await take(flockBackend(meddler(`rm ${path}`)), path)).toEqual([false]);
    expect(await take(backendNamed('flock'), path)).toEqual([true]);
  });

  test('replaced before it could be locked: must not be taken for held by us', async () => {
    const path = scratch.path('a.lock');
    const backend = flockBackend(
      meddler(`rm ${path}; echo >${path}.2; mv ${path}.2 ${path}`),
      undefined,
    );
    expect(await take(backend, path)).toEqual([false]);
    expect(await take(backendNamed('flock'), path)).toEqual([true]);
  });

  test('deleted under its holder: the next one must get the new file, and the old one do no harm', async () => {
    const path = scratch.path('a.lock');
    const first = await holder(backendNamed('flock'), path);
    rmSync(path);
    expect(await take(backendNamed('flock'), path)).toEqual([true]);
    first.tell('release');
    await first.says('done release');
    expect((await holder(backendNamed('flock'), path)).heard()).toContain('got [false]');
  });
});

test('flock(1) must take several at once where there is no perl', async () => {
  const backend = flockBackend('flock');
  const paths = ['a', 'b', 'c'].map((name) => scratch.path(`${name}.lock`));
  await holder(backend, paths[1] ?? '');
  expect(await take(backend, ...paths)).toEqual([true, false, true]);
});

describe('a helper that fails', () => {
  test.each([
    ['ends with an exit code of its own', 'exit 65', /^flock cannot lock: exit status 65$/],
    ['says why', 'echo "bad file system" >&2; exit 66', /^flock cannot lock: bad file system$/],
    ['dies of a signal', 'kill -KILL $$', /^flock cannot lock: (Killed|exit status 137|.*SIGKILL)/],
  ])('%s: must be an error, and no lock that is held', async (_, deed, message) => {
    const error = await errorOf(take(flockBackend(meddler(deed)), scratch.path('a.lock')));
    expect(error).toMatchObject({ code: 'state' });
    expect(error.message).toMatch(message);
    expect(error.hint).toContain('flock(2)');
  });

  test('a flock that is missing must be an error', async () => {
    const attempt = take(flockBackend(scratch.path('nothing')), scratch.path('a.lock'));
    expect((await errorOf(attempt)).message).toMatch(/^flock cannot lock: .*(not found|ENOENT)/);
  });

  test('a perl that is missing must be an error', async () => {
    const attempt = take(perlBackend(scratch.path('nothing')), scratch.path('a.lock'));
    expect((await errorOf(attempt)).message).toMatch(/^perl cannot lock: .*ENOENT/);
  });

  test('a perl that fails must be an error', async () => {
    const attempt = take(perlBackend(meddler('echo "no Fcntl" >&2; exit 2')), scratch.path('a'));
    expect((await errorOf(attempt)).message).toBe('perl cannot lock: no Fcntl');
  });

  test('the locks that it was asked for must be free afterwards', async () => {
    const path = scratch.path('a.lock');
    await errorOf(take(flockBackend(meddler('exit 65')), path));
    expect(flockGets(path)).toBe(true);
  });
});

describe('the portable lock', () => {
  /** The time of its last renewal, set back beyond what counts as dead. */
  const age = (path: string): void => {
    const past = Date.now() / 1000 - 60;
    utimesSync(`${path}.d`, past, past);
  };

  test('must stay with its killed holder until it is stale, and be free then', async () => {
    const path = scratch.path('a.lock');
    const child = await holder(portableBackend, path);
    await endProcess(child.pid);
    expect(await take(portableBackend, path)).toEqual([false]);
    age(path);
    expect(await take(portableBackend, path)).toEqual([true]);
  });

  test('must tell a holder that was stopped for long that it is lost', async () => {
    const path = scratch.path('a.lock');
    const child = await holder(portableBackend, path);
    process.kill(child.pid, 'SIGSTOP');
    await until('a stopped holder', () => look(child.pid)?.state === 'T');
    age(path);
    expect(await take(portableBackend, path)).toEqual([true]);
    process.kill(child.pid, 'SIGCONT');
    await child.says('compromised');
    child.tell('release');
    await child.says('done release');
    child.process.kill('SIGTERM');
    await child.ended();
    expect((await holder(portableBackend, path)).heard()).toContain('got [false]');
  });
});
