import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, symlinkSync, utimesSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { WorkerctlError } from '../../../src/core/basics/error.ts';
import { chooseBackend } from '../../../src/host/lock/choose-backend.ts';
import { flockBackend, perlBackend } from '../../../src/host/lock/kernel-lock.ts';
import type { HeldLock, LockBackend } from '../../../src/host/lock/lock-file.ts';
import { portableBackend } from '../../../src/host/lock/portable-lock.ts';
import { useScratch, type Child } from '../../rig/scratch.ts';
import { endProcess, look } from '../../rig/kernel.ts';
import { until } from '../../rig/wait.ts';

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

/** Takes locks, prints which it got, and follows the commands on its input. */
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
    if (line === 'start a child') spawn('sleep', ['1000'], { stdio: 'ignore' });
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

  test('must know its name', () => {
    expect(backend.name).toBe(name);
    expect(backend.isKernelLock).toBe(name !== 'portable');
  });

  test('must create a lock file that is missing', async () => {
    expect(await take(backend, scratch.path('a.lock'))).toEqual([true]);
    expect(existsSync(scratch.path('a.lock'))).toBe(true);
  });

  test('must keep the content of the file', async () => {
    const path = scratch.write('a.lock', 'the name of the holder');
    await take(backend, path);
    await releaseAll();
    expect(readFileSync(path, 'utf8')).toBe('the name of the holder');
  });

  test('must be exclusive within one process', async () => {
    const path = scratch.path('a.lock');
    expect(await take(backend, path)).toEqual([true]);
    expect(await take(backend, path)).toEqual([false]);
    await releaseAll();
    expect(await take(backend, path)).toEqual([true]);
  });

  test('must be exclusive between two processes, and free after its release', async () => {
    const path = scratch.path('a.lock');
    const other = await holder(backend, path);
    expect(other.heard()).toContain('got [true]');
    expect(await take(backend, path)).toEqual([false]);
    other.send('release');
    await other.says('done release');
    expect(await take(backend, path)).toEqual([true]);
    expect((await holder(backend, path)).heard()).toContain('got [false]');
  });

  test('must be free after its holder has exited', async () => {
    const path = scratch.path('a.lock');
    const other = await holder(backend, path);
    other.process.stdin?.end();
    await other.ended();
    expect(await take(backend, path)).toEqual([true]);
  });

  test('must take several at once, and report which ones another process holds', async () => {
    const [a, b, c] = [scratch.path('a.lock'), scratch.path('b.lock'), scratch.path('c.lock')];
    const other = await holder(backend, b);
    expect(await take(backend, a, b, c)).toEqual([true, false, true]);
    other.send('release');
    await other.says('done release');
    expect(await take(backend, a, b, c)).toEqual([false, true, false]);
  });

  test('must take no locks for no paths', async () => {
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

  test('must fail, and not report "held", if the directory is missing', async () => {
    const error = await errorOf(take(backend, scratch.path('nowhere/a.lock')));
    expect(error).toMatchObject({ code: 'state' });
    expect(error.message).toContain('nowhere/a.lock');
    expect(error.message).toContain('ENOENT');
  });

  test('must release the others if one fails', async () => {
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

  test.each([
    ['a FIFO', 'mkfifo a.lock', 'found a FIFO: move it away'],
    ['a directory', 'mkdir a.lock', 'EISDIR'],
    [
      'a socket',
      'perl -MIO::Socket::UNIX -e \'IO::Socket::UNIX->new(Local => "a.lock", Listen => 1)\'',
      'ENXIO',
    ],
  ])(
    'must refuse %s in the place of the lock file, and not wait for it',
    async (_, make, words) => {
      spawnSync('/bin/sh', ['-c', make], { cwd: scratch.folder() });
      const error = await errorOf(take(backend, scratch.path('a.lock')));
      expect(error).toMatchObject({ code: 'state' });
      expect(error.message).toContain(words);
    },
  );
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

  test('must stay with a holder that is stopped', async () => {
    const path = scratch.path('a.lock');
    const child = await holder(backend, path);
    process.kill(child.pid, 'SIGSTOP');
    await until('a stopped holder', () => look(child.pid)?.state === 'T');
    expect(await take(backend, path)).toEqual([false]);
  });

  test('must exclude flock(1), and be excluded by it', async () => {
    const path = scratch.path('a.lock');
    await take(backend, path);
    expect(flockGets(path)).toBe(false);
    await releaseAll();
    expect(flockGets(path)).toBe(true);
    const foreign = scratch.run(['flock', path, '/bin/sh', '-c', 'echo mine; exec sleep 1000']);
    await foreign.says('mine');
    expect(await take(backend, path)).toEqual([false]);
  });

  test(`must exclude ${other.name}, and be excluded by it`, async () => {
    const path = scratch.path('a.lock');
    await take(backend, path);
    expect(await take(other, path)).toEqual([false]);
    await releaseAll();
    await take(other, path);
    expect(await take(backend, path)).toEqual([false]);
  });

  test('must stay with a child that inherits its fd', async () => {
    const path = scratch.path('a.lock');
    const parent = await holder(backend, path);
    parent.send('hand over');
    await parent.says('done hand over');
    parent.send('close');
    await parent.says('done close');
    expect(await take(backend, path)).toEqual([false]);
    await endProcess(parent.pid);
    expect(await take(backend, path)).toEqual([false]);
  });

  test('must not stay with a child that does not inherit it', async () => {
    const path = scratch.path('a.lock');
    const parent = await holder(backend, path);
    parent.send('start a child');
    await parent.says('done start a child');
    parent.send('close');
    await parent.says('done close');
    expect(await take(backend, path)).toEqual([true]);
  });

  test('must not stay with its own helper', async () => {
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

/** A helper that changes the lock file before the real one locks it. */
const meddler = (deed: string): string => {
  const path = scratch.write('meddler', `#!/bin/sh\n${deed}\nexec flock "$@"\n`);
  execFileSync('chmod', ['+x', path]);
  return path;
};

describe('a lock file that has changed', () => {
  test('must not count as locked if it was deleted before', async () => {
    const path = scratch.path('a.lock');
    expect(await take(flockBackend(meddler(`rm ${path}`)), path)).toEqual([false]);
    expect(await take(backendNamed('flock'), path)).toEqual([true]);
  });

  test('must not count as locked if it was replaced before', async () => {
    const path = scratch.path('a.lock');
    const backend = flockBackend(
      meddler(`rm ${path}; echo >${path}.2; mv ${path}.2 ${path}`),
      undefined,
    );
    expect(await take(backend, path)).toEqual([false]);
    expect(await take(backendNamed('flock'), path)).toEqual([true]);
  });

  test('must leave the new file to the next process if it was deleted while it was locked', async () => {
    const path = scratch.path('a.lock');
    const first = await holder(backendNamed('flock'), path);
    rmSync(path);
    expect(await take(backendNamed('flock'), path)).toEqual([true]);
    first.send('release');
    await first.says('done release');
    expect((await holder(backendNamed('flock'), path)).heard()).toContain('got [false]');
  });
});

test('flock(1) must take several at once without perl', async () => {
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

  test('must be an error if flock is missing', async () => {
    const attempt = take(flockBackend(scratch.path('nothing')), scratch.path('a.lock'));
    expect((await errorOf(attempt)).message).toMatch(/^flock cannot lock: .*(not found|ENOENT)/);
  });

  test('must be an error if perl is missing', async () => {
    const attempt = take(perlBackend(scratch.path('nothing')), scratch.path('a.lock'));
    expect((await errorOf(attempt)).message).toMatch(/^perl cannot lock: .*ENOENT/);
  });

  test('must be an error if perl fails', async () => {
    const attempt = take(perlBackend(meddler('echo "no Fcntl" >&2; exit 2')), scratch.path('a'));
    expect((await errorOf(attempt)).message).toBe('perl cannot lock: no Fcntl');
  });

  test('must leave the locks free', async () => {
    const path = scratch.path('a.lock');
    await errorOf(take(flockBackend(meddler('exit 65')), path));
    expect(flockGets(path)).toBe(true);
  });
});

describe('the portable lock', () => {
  /** Sets the time of its last renewal back so far that its holder counts as dead. */
  const age = (path: string): void => {
    const past = Date.now() / 1000 - 60;
    utimesSync(`${path}.d`, past, past);
  };

  test('must stay with a killed holder until it is stale, and then be free', async () => {
    const path = scratch.path('a.lock');
    const child = await holder(portableBackend, path);
    await endProcess(child.pid);
    expect(await take(portableBackend, path)).toEqual([false]);
    age(path);
    expect(await take(portableBackend, path)).toEqual([true]);
  });

  test('must be compromised if its holder was stopped for too long', async () => {
    const path = scratch.path('a.lock');
    const child = await holder(portableBackend, path);
    process.kill(child.pid, 'SIGSTOP');
    await until('a stopped holder', () => look(child.pid)?.state === 'T');
    age(path);
    expect(await take(portableBackend, path)).toEqual([true]);
    process.kill(child.pid, 'SIGCONT');
    await child.says('compromised');
    child.send('release');
    await child.says('done release');
    child.process.kill('SIGTERM');
    await child.ended();
    expect((await holder(portableBackend, path)).heard()).toContain('got [false]');
  });
});
