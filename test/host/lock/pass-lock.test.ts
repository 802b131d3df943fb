import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { WorkerctlError } from '../../../src/core/basics/error.ts';
import { durationOf } from '../../../src/core/basics/time.ts';
import type { HeldLock } from '../../../src/host/lock/lock-backend.ts';
import { noWait, takePassLock } from '../../../src/host/lock/pass-lock.ts';
import { bootId, endProcess, look } from '../../rig/kernel.ts';
import { useScratch, type Child } from '../../rig/scratch.ts';

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

/** A workerctl that holds the lock until it is told to release it, and lives on then. */
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

test('a free lock must be had, and again after it was released', async () => {
  await take();
  for (const lock of held.splice(0)) await lock.release();
  await take();
});

test('a free lock must be had, though a living process stands in the file as its holder', async () => {
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

test('a file of somebody else must do no harm', async () => {
  writeFileSync(lockPath(), 'x'.repeat(5_000));
  await take();
  expect((await refusal()).code).toBe('locked');
});

describe('somebody who comes second', () => {
  test('must be told the pid, the command and the age of the first', async () => {
    const other = await otherPass();
    const { code, message } = await refusal();
    expect(code).toBe('locked');
    expect(message).toMatch(
      new RegExp(
        `^another pass holds the lock: pid ${other.pid} \\(workerctl restart\\), for [\\d.]+s$`,
      ),
    );
  });

  test('must be told an age in minutes', async () => {
    const other = await otherPass();
    const text = readFileSync(lockPath(), 'utf8');
    const { since } = JSON.parse(text) as { since: number };
    writeFileSync(lockPath(), text.replace(String(since), String(since - 130_000)), { flag: 'r+' });
    expect((await refusal()).message).toContain(`pid ${other.pid} (workerctl restart), for 2m 1`);
  });

  test('must be told of a perl holder just so', async () => {
    const other = await otherPass({ WORKERCTL_LOCK: 'perl' });
    expect((await refusal()).message).toContain(`pid ${other.pid} (workerctl restart)`);
  });

  test('a name must not grow out of its place in the file', async () => {
    await otherPass({}, 'x'.repeat(1_000));
    expect(statSync(lockPath()).size).toBe(256);
    expect((await refusal()).message).toContain(`(workerctl ${'x'.repeat(60)})`);
  });
});

describe('a holder that left no name', () => {
  const noName = (): string =>
    `another pass holds the lock: a process that left no name in ${lockPath()}`;

  test('flock(1) must be described', async () => {
    await foreignHolder();
    expect((await refusal()).message).toBe(noName());
  });

  test('flock(1) must not be given the name of one that is dead', async () => {
    const other = await otherPass();
    await endProcess(other.pid);
    await foreignHolder();
    expect((await refusal()).message).toBe(noName());
  });

  test('flock(1) must not be given the name of one that has released the lock and lives on', async () => {
    const other = await otherPass();
    other.tell('release');
    await other.says('released');
    await foreignHolder();
    expect((await refusal()).message).toBe(noName());
  });

  test('flock(1) must not be given the name of a pid of another start or boot', async () => {
    await foreignHolder();
    const sign = (name: object): void => {
      writeFileSync(lockPath(), JSON.stringify({ since: Date.now(), command: 'stop', ...name }));
    };
    sign({ pid: process.pid, start_time: 1, boot_id: 'x' });
    expect((await refusal()).message).toBe(noName());
    sign({ pid: process.pid });
    expect((await refusal()).message).toBe(noName());
  });

  test.each(['', 'abc', 'null', '[]', '{"pid":"1"}'])('%j must do no harm', async (text) => {
    await foreignHolder();
    writeFileSync(lockPath(), text);
    expect((await refusal()).message).toBe(noName());
  });
});

describe('waiting', () => {
  test('must end as soon as the lock is free', async () => {
    const other = await otherPass();
    const taken = take(durationOf(10_000));
    let isTaken = false;
    void taken.then(() => (isTaken = true));
    other.tell('release');
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

  test('must end with its time, and say how long it was', async () => {
    const other = await otherPass();
    const begun = performance.now();
    const { message } = await refusal(durationOf(300));
    expect(performance.now() - begun).toBeGreaterThanOrEqual(300);
    expect(message).toContain(`pid ${other.pid} (workerctl restart), for`);
    expect(message).toMatch(/\(waited 0\.3s for it\)$/);
  });

  test('must not be done by somebody who does not wait', async () => {
    await otherPass();
    const tries = await Promise.all([refusal(), refusal(), refusal()]);
    expect(tries.map(({ message }) => message.includes('waited'))).toEqual([false, false, false]);
  });

  test('one of many who wait must get it at a time', async () => {
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

describe('whether nobody else had the lock since we gave it up', () => {
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
    other.tell('release');
    await other.says('released');
    expect(await takeAndRelease(), 'after the pass of another process').toBe(false);
    expect(await takeAndRelease()).toBe(true);
  });

  test('must not be believed of another file', async () => {
    await takeAndRelease();
    scratch.write('pass.lock', '');
    expect(await takeAndRelease()).toBe(false);
  });
});
