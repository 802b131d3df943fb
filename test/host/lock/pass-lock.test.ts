import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { WorkerctlError } from '../../../src/core/basics/error.ts';
import { durationOf } from '../../../src/core/basics/time.ts';
import type { HeldLock } from '../../../src/host/lock/lock-file.ts';
import { noWait, takePassLock } from '../../../src/host/lock/pass-lock.ts';
import { useScratch, type Child } from '../../rig/scratch.ts';
import { bootId, endProcess, look } from '../../rig/kernel.ts';

const scratch = useScratch();
const held: HeldLock[] = [];

afterEach(async () => {
  for (const lock of held.splice(0)) await lock.release();
});

const lockPath = (): string => scratch.path('pass.lock');

async function take(wait = noWait, command = 'bootcheck'): Promise<void> {
  held.push(await takePassLock(lockPath(), { command, wait }));
}

async function refusal(wait = noWait): Promise<WorkerctlError> {
  try {
    await take(wait);
  } catch (error) {
    if (error instanceof WorkerctlError) return error;
    throw error;
  }
  throw new Error('expected that the lock is held');
}

/** A workerctl that holds the lock until it is asked to release it, and then keeps running. */
async function otherPass(env: NodeJS.ProcessEnv = {}, command = 'restart'): Promise<Child> {
  const program = scratch.program(`
    import { createInterface } from 'node:readline';
    import { takePassLock } from './lock/pass-lock.ts';
    takePassLock(process.argv[2], { command: process.argv[3], wait: 0 as never }).then((lock) => {
      console.log('has it');
      createInterface({ input: process.stdin }).on('line', async () => {
        await lock.release();
        console.log('released');
      });
    });`);
  const child = scratch.run([...program, lockPath(), command], { env });
  await child.says('has it');
  return child;
}

/** A crontab's flock(1) on the same file. */
async function foreignHolder(): Promise<Child> {
  const words = ['/bin/sh', '-c', 'echo mine; exec sleep 1000'];
  const child = scratch.run(['flock', lockPath(), ...words]);
  await child.says('mine');
  return child;
}

test('a free lock must be taken, and again after its release', async () => {
  await take();
  for (const lock of held.splice(0)) await lock.release();
  await take();
});

test('a free lock must be taken although the file names a living process as its holder', async () => {
  const { pid } = scratch.run(['sleep', '1000']);
  const since = Date.now() - 3_600_000;
  const name = {
    pid,
    start_time: look(pid)?.startTime,
    boot_id: bootId(),
    since,
    command: 'restart',
  };
  scratch.write('pass.lock', JSON.stringify(name));
  await take();
});

test('foreign text in the file must do no harm', async () => {
  writeFileSync(lockPath(), 'x'.repeat(5_000));
  await take();
  expect((await refusal()).code).toBe('locked');
});

describe('a second pass', () => {
  test('must be refused with pid, command and age of the first', async () => {
    const other = await otherPass();
    const { code, message } = await refusal();
    expect(code).toBe('locked');
    expect(message).toMatch(
      new RegExp(
        `^another pass holds the lock: pid ${other.pid} \\(workerctl restart\\), for [\\d.]+s$`,
      ),
    );
  });

  test('must be refused with an age in minutes', async () => {
    const other = await otherPass();
    const text = readFileSync(lockPath(), 'utf8');
    const { since } = JSON.parse(text) as { since: number };
    writeFileSync(lockPath(), text.replace(String(since), String(since - 130_000)), { flag: 'r+' });
    expect((await refusal()).message).toContain(`pid ${other.pid} (workerctl restart), for 2m 1`);
  });

  test('must be refused in the same words if perl locks', async () => {
    const other = await otherPass({ WORKERCTL_LOCK: 'perl' });
    expect((await refusal()).message).toContain(`pid ${other.pid} (workerctl restart)`);
  });

  test('a name must not exceed its place in the file', async () => {
    await otherPass({}, 'x'.repeat(1_000));
    expect(statSync(lockPath()).size).toBe(256);
    expect((await refusal()).message).toContain(`(workerctl ${'x'.repeat(60)})`);
  });
});

describe('a holder without a name in the file', () => {
  const byKernel = ({ pid }: Child): string => `pid ${pid} (flock) holds the lock ${lockPath()}`;

  test('must be named by the kernel', async () => {
    const holder = await foreignHolder();
    expect((await refusal()).message).toBe(byKernel(holder));
  });

  test('must be another process if the one that took the lock is dead', async () => {
    const script = 'exec 9>"$1"; flock 9; echo mine; exec sleep 1000';
    await scratch.shell(script, lockPath()).says('mine');
    expect((await refusal()).message).toBe(`another process holds the lock ${lockPath()}`);
  });

  test('must not get the name of a dead process', async () => {
    const other = await otherPass();
    await endProcess(other.pid);
    const holder = await foreignHolder();
    expect((await refusal()).message).toBe(byKernel(holder));
  });

  test('must not get the name of a living process that has released the lock', async () => {
    const other = await otherPass();
    other.send('release');
    await other.says('released');
    const holder = await foreignHolder();
    expect((await refusal()).message).toBe(byKernel(holder));
  });

  test('must not get the name of a process with another start time or boot', async () => {
    const holder = await foreignHolder();
    const sign = (name: object): void => {
      writeFileSync(lockPath(), JSON.stringify({ since: Date.now(), command: 'stop', ...name }));
    };
    sign({ pid: process.pid, start_time: 1, boot_id: 'x' });
    expect((await refusal()).message).toBe(byKernel(holder));
    sign({ pid: process.pid });
    expect((await refusal()).message).toBe(byKernel(holder));
  });

  test.each(['', 'abc', 'null', '[]', '{"pid":"1"}'])(
    'must not get a name from %j',
    async (text) => {
      const holder = await foreignHolder();
      writeFileSync(lockPath(), text);
      expect((await refusal()).message).toBe(byKernel(holder));
    },
  );
});

describe('waiting', () => {
  test('must end as soon as the lock is free', async () => {
    const other = await otherPass();
    const taken = take(durationOf(10_000));
    let isTaken = false;
    void taken.then(() => (isTaken = true));
    other.send('release');
    await other.says('released');
    await taken;
    expect(isTaken).toBe(true);
  });

  test('must end when the holder is killed', async () => {
    const other = await otherPass();
    const taken = take(durationOf(10_000));
    await endProcess(other.pid);
    await taken;
  });

  test('must end after its limit, and say how long it was', async () => {
    const other = await otherPass();
    const startedAt = performance.now();
    const { message } = await refusal(durationOf(300));
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(300);
    expect(message).toContain(`pid ${other.pid} (workerctl restart), for`);
    expect(message).toMatch(/\(waited 0\.3s for it\)$/);
  });

  test('must not happen if the caller does not wait', async () => {
    await otherPass();
    const tries = await Promise.all([refusal(), refusal(), refusal()]);
    expect(tries.map(({ message }) => message.includes('waited'))).toEqual([false, false, false]);
  });

  test('must give the lock to one at a time', async () => {
    await take();
    let inside = 0;
    let most = 0;
    const users = Array.from({ length: 5 }, async () => {
      const lock = await takePassLock(lockPath(), { command: 'start', wait: durationOf(50_000) });
      inside += 1;
      most = Math.max(most, inside);
      await new Promise(setImmediate);
      inside -= 1;
      await lock.release();
    });
    for (const lock of held.splice(0)) await lock.release();
    await Promise.all(users);
    expect(most).toBe(1);
  });
});

describe('whether no other process had the lock since we gave it up', () => {
  const takeAndRelease = async (): Promise<boolean> => {
    const lock = await takePassLock(lockPath(), { command: 'restart', wait: noWait });
    await lock.release();
    return lock.wasOursLast;
  };

  test('must be known', async () => {
    expect(await takeAndRelease(), 'the first time').toBe(false);
    expect(await takeAndRelease()).toBe(true);
    expect(await takeAndRelease()).toBe(true);
    const other = await otherPass();
    other.send('release');
    await other.says('released');
    expect(await takeAndRelease(), 'after the pass of another process').toBe(false);
    expect(await takeAndRelease()).toBe(true);
  });

  test('must not be concluded from another file', async () => {
    await takeAndRelease();
    scratch.write('pass.lock', '');
    expect(await takeAndRelease()).toBe(false);
  });
});
