import { existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  bootId,
  endProcess,
  endProcessesOf,
  isAlive,
  look,
  removeFolder,
  until,
} from '../rig/kernel.ts';
import { Rig, type Ended } from './rig.ts';

// Files that lie, processes that are gone and processes that nobody knows: never an innocent process signalled, never a
// second process of an identifier, never an identifier that stays down.

let rig: Rig;

beforeEach(() => {
  rig = new Rig();
});

afterEach(async () => {
  await rig.dispose();
});

const starters = ['start', 'restart', 'bootcheck'] as const;
const commands = [...starters, 'stop'] as const;

/** The command must end well, with one process of the instance that is not `old`. */
async function expectFresh(ended: Ended, old: number): Promise<void> {
  expect(ended).toMatchObject({ code: 0, stderr: '' });
  const pid = await rig.arrived();
  expect(pid).not.toBe(old);
  expectNamed(pid);
}

/** The command must end well, and have left this process in its place. */
function expectKept(ended: Ended, pid: number): void {
  expect(ended).toMatchObject({ code: 0, stderr: '' });
  expect(rig.pids()).toEqual([pid]);
  expect([...rig.terms()]).toEqual([]);
  expectNamed(pid);
}

/** Pidfile and record must tell who runs. */
function expectNamed(pid: number): void {
  expect(rig.read('mail.1.pid')).toBe(`${pid}\n`);
  expect(rig.json('mail.1.json')).toMatchObject({
    pid,
    start_time: look(pid)?.startTime,
    boot_id: bootId(),
  });
}

/** What the shim of the instance's last process is. */
const shimPid = (): number => Number(rig.json('mail.1.json')['shim_pid']);

/** Starts a worker and lets it die with its shim, so that all its files stay. */
async function leftBehind(): Promise<number> {
  const [pid = 0] = await rig.up();
  await endProcess(shimPid());
  await endProcess(pid);
  return pid;
}

describe('a stale pidfile', () => {
  test.each(starters)('%s must start the instance', async (command) => {
    const dead = await leftBehind();
    expect(rig.read('mail.1.pid')).toBe(`${dead}\n`);
    await expectFresh(await rig.run(command), dead);
  });

  test('stop must remove it and succeed', async () => {
    await leftBehind();
    expect(await rig.run('stop')).toMatchObject({ code: 0 });
    expect(() => rig.read('mail.1.pid')).toThrow('ENOENT');
    expect(rig.pids()).toEqual([]);
  });
});

describe('a pid that the kernel has given to somebody else', () => {
  describe.each([
    ['another start time', (innocent: { startTime: number }) => innocent.startTime - 1, bootId],
    [
      'the right start time but of another boot',
      (innocent: { startTime: number }) => innocent.startTime,
      () => '00000000-1111-2222-3333-444444444444',
    ],
  ])('the record has %s', (_, startTime, boot) => {
    test.each(commands)('%s must not signal it', async (command) => {
      const innocent = await rig.bystander();
      await leftBehind();
      rig.forge('mail.1.pid', `${innocent.pid}\n`);
      rig.forgeRecord('mail.1.json', {
        pid: innocent.pid,
        start_time: startTime(innocent),
        boot_id: boot(),
      });
      const ended = await rig.run(command);
      if (command === 'stop') {
        expect(ended).toMatchObject({ code: 0 });
        expect(rig.pids()).toEqual([]);
        expect(() => rig.read('mail.1.pid')).toThrow('ENOENT');
      } else {
        await expectFresh(ended, innocent.pid);
      }
      expect(innocent.isUnharmed()).toBe(true);
    });
  });

  test.each(commands)('%s must not signal it when only the pidfile names it', async (command) => {
    const innocent = await rig.bystander();
    rig.forge('mail.1.pid', `${innocent.pid}\n`);
    const ended = await rig.run(command);
    if (command === 'stop') expect(ended).toMatchObject({ code: 0 });
    else await expectFresh(ended, innocent.pid);
    expect(innocent.isUnharmed()).toBe(true);
  });

  test('a pidfile must not keep naming it after a stop', async () => {
    const innocent = await rig.bystander();
    rig.forge('mail.1.pid', `${innocent.pid}\n`);
    await rig.run('stop');
    expect(() => rig.read('mail.1.pid')).toThrow('ENOENT');
  });

  test.each(commands)(
    '%s must signal the worker alone when the pidfile names somebody else',
    async (command) => {
      const innocent = await rig.bystander();
      const [pid = 0] = await rig.up();
      rig.forge('mail.1.pid', `${innocent.pid}\n`);
      const ended = await rig.run(command);
      expect(ended).toMatchObject({ code: 0 });
      if (command === 'restart') await expectFresh(ended, pid);
      else if (command === 'stop') expect(rig.pids()).toEqual([]);
      else expectKept(ended, pid);
      expect(innocent.isUnharmed()).toBe(true);
    },
  );

  test('a stop that was noted for its predecessor must not count for the new process', async () => {
    const [pid = 0] = await rig.up();
    rig.forge(
      'mail.1.stop',
      JSON.stringify({
        sent: true,
        pid,
        start_time: (look(pid)?.startTime ?? 0) - 1,
        boot_id: bootId(),
        signal: 'TERM',
        at: Date.now(),
        cause: 'somebody before',
      }),
    );
    await expectFresh(await rig.run('restart'), pid);
    expect([...rig.terms()]).toEqual([[pid, 1]]);
  });
});

const brokenTexts = [
  ['empty', ''],
  ['garbage', 'abc\n\u0000\u0001'],
  ['cut off', '{"pid":12'],
  ['of another kind', '{"a":[1]}'],
  ['huge', 'x'.repeat(2_000_000)],
] as const;

describe('a broken pidfile of a living worker', () => {
  describe.each(brokenTexts)('%s', (_, text) => {
    test.each(['start', 'bootcheck'] as const)('%s must write it anew', async (command) => {
      const [pid = 0] = await rig.up();
      rig.forge('mail.1.pid', text);
      expectKept(await rig.run(command), pid);
    });
  });

  test.each(['stop', 'restart'] as const)('%s must find the worker all the same', async (name) => {
    const [pid = 0] = await rig.up();
    rig.forge('mail.1.pid', '');
    const ended = await rig.run(name);
    expect([...rig.terms()]).toEqual([[pid, 1]]);
    if (name === 'restart') await expectFresh(ended, pid);
    else expect(rig.pids()).toEqual([]);
  });
});

describe('a pidfile that is gone', () => {
  test.each(['start', 'bootcheck'] as const)('%s must write it anew', async (command) => {
    const [pid = 0] = await rig.up();
    rmSync(rig.path('mail.1.pid'));
    expectKept(await rig.run(command), pid);
  });
});

describe('a record that is gone', () => {
  test.each(['start', 'bootcheck'] as const)('%s must adopt the worker', async (command) => {
    const [pid = 0] = await rig.up();
    rmSync(rig.path('mail.1.json'));
    expectKept(await rig.run(command), pid);
  });

  test('restart must replace the worker and ask it once', async () => {
    const [pid = 0] = await rig.up();
    rmSync(rig.path('mail.1.json'));
    await expectFresh(await rig.run('restart'), pid);
    expect([...rig.terms()]).toEqual([[pid, 1]]);
  });

  test('stop must find the worker and ask it once', async () => {
    const [pid = 0] = await rig.up();
    rmSync(rig.path('mail.1.json'));
    expect(await rig.run('stop')).toMatchObject({ code: 0 });
    expect(rig.pids()).toEqual([]);
    expect([...rig.terms()]).toEqual([[pid, 1]]);
  });

  test('the death of an adopted worker must be told by its shim', async () => {
    const [pid = 0] = await rig.up();
    rmSync(rig.path('mail.1.json'));
    await rig.run('bootcheck');
    await endProcess(pid);
    const ended = await rig.run('bootcheck');
    expect(ended.stdout).toContain(`pid ${pid} died: signal 9 (SIGKILL)`);
    await expectFresh(ended, pid);
  });
});

describe('a broken record', () => {
  describe.each(brokenTexts)('%s', (_, text) => {
    test.each(['start', 'bootcheck'] as const)(
      '%s must adopt the living worker, and say what is wrong',
      async (command) => {
        const [pid = 0] = await rig.up();
        rig.forge('mail.1.json', text);
        const ended = await rig.run(command);
        expectKept(ended, pid);
        expect(ended.stdout).toContain('mail.1.json: expected');
      },
    );

    test('bootcheck must start what is dead', async () => {
      const dead = await leftBehind();
      rig.forge('mail.1.json', text);
      await expectFresh(await rig.run('bootcheck'), dead);
    });
  });

  test('the record of another instance must not be believed', async () => {
    await rig.dispose();
    rig = new Rig(['1', '2']);
    const [first = 0, second = 0] = await rig.up('mail.1', 'mail.2');
    rig.forge('mail.1.json', rig.read('mail.2.json'));
    expect(await rig.run('restart', 'mail.1')).toMatchObject({ code: 0 });
    expect([...rig.terms()]).toEqual([[first, 1]]);
    expect(rig.pids('mail.2')).toEqual([second]);
    expect(await rig.arrived('mail.1')).not.toBe(first);
  });

  test('a folder in its place must not make a second process', async () => {
    const [pid = 0] = await rig.up();
    rmSync(rig.path('mail.1.json'));
    mkdirSync(rig.path('mail.1.json'));
    await rig.run('bootcheck');
    await rig.run('bootcheck');
    expect(rig.pids()).toEqual([pid]);
  });
});

describe('a shim that was killed', () => {
  test('bootcheck must not start a second process', async () => {
    const [pid = 0] = await rig.up();
    await endProcess(shimPid());
    const ended = await rig.run('bootcheck');
    expectKept(ended, pid);
    expect(ended.stdout).toBe('');
  });

  test('restart must wait for its worker and replace it', async () => {
    const [pid = 0] = await rig.up();
    await endProcess(shimPid());
    rig.busy();
    const { ended } = rig.launch(['restart']);
    await until('the TERM', () => rig.terms().has(pid));
    expect(await rig.run('bootcheck')).toMatchObject({ code: 0, stdout: '' });
    expect(rig.pids()).toEqual([pid]);
    rig.idle();
    await expectFresh(await ended, pid);
    expect([...rig.terms()]).toEqual([[pid, 1]]);
  });

  test('the death of its worker must be told as unknown', async () => {
    const [pid = 0] = await rig.up();
    await endProcess(shimPid());
    await endProcess(pid);
    const ended = await rig.run('bootcheck');
    expect(ended.stdout).toContain(`pid ${pid} died: status unknown: its shim was killed`);
    await expectFresh(ended, pid);
  });
});

describe('a shim that was stopped', () => {
  test('the place of its dead worker must stay empty until it goes on', async () => {
    const [pid = 0] = await rig.up();
    const shim = shimPid();
    process.kill(shim, 'SIGSTOP');
    await until('a stopped shim', () => look(shim)?.state === 'T');
    await endProcess(pid);
    expect(await rig.run('bootcheck')).toMatchObject({ code: 1 });
    expect(rig.pids()).toEqual([]);
    process.kill(shim, 'SIGCONT');
    await until('the end of the shim', () => !isAlive(shim));
    await expectFresh(await rig.run('bootcheck'), pid);
  });
});

describe('a worker that died', () => {
  test('bootcheck must tell of its signal and replace it', async () => {
    const [pid = 0] = await rig.up();
    await endProcess(pid);
    const ended = await rig.run('bootcheck');
    expect(ended.stdout).toContain(`pid ${pid} died: signal 9 (SIGKILL)`);
    await expectFresh(ended, pid);
  });

  test.each(starters)('%s must replace it after its shim was killed too', async (command) => {
    const dead = await leftBehind();
    const ended = await rig.run(command);
    await expectFresh(ended, dead);
    expect(await rig.run('bootcheck')).toMatchObject({ code: 0, stdout: '' });
  });

  test('a worker that was stopped by SIGSTOP must count as living', async () => {
    const [pid = 0] = await rig.up();
    process.kill(pid, 'SIGSTOP');
    await until('a stopped worker', () => look(pid)?.state === 'T');
    expect(await rig.run('bootcheck')).toMatchObject({ code: 0, stdout: '' });
    expect(rig.pids()).toEqual([pid]);
  });
});

describe('a state directory that was deleted', () => {
  const deleted = (): Promise<void> => removeFolder(rig.stateDir);

  test.each(['start', 'bootcheck'] as const)('%s must adopt the living worker', async (command) => {
    const [pid = 0] = await rig.up();
    await deleted();
    const ended = await rig.run(command);
    expect(ended.stdout).toContain(`adopted pid ${pid}`);
    expectKept(ended, pid);
  });

  test('restart must replace the living worker', async () => {
    const [pid = 0] = await rig.up();
    await deleted();
    await expectFresh(await rig.run('restart'), pid);
    expect([...rig.terms()]).toEqual([[pid, 1]]);
  });

  test('stop must find the living worker and ask it once', async () => {
    const [pid = 0] = await rig.up();
    await deleted();
    expect(await rig.run('stop')).toMatchObject({ code: 0 });
    expect(rig.pids()).toEqual([]);
    expect([...rig.terms()]).toEqual([[pid, 1]]);
    expect(await rig.run('bootcheck')).toMatchObject({ code: 0, stdout: '' });
    expect(rig.pids()).toEqual([]);
  });

  test('a worker whose shim was killed too must be adopted', async () => {
    const [pid = 0] = await rig.up();
    await endProcess(shimPid());
    await deleted();
    expectKept(await rig.run('bootcheck'), pid);
  });

  test('the signal that an adopted worker died of must be told', async () => {
    const [pid = 0] = await rig.up();
    await deleted();
    await rig.run('bootcheck');
    await endProcess(pid);
    const ended = await rig.run('bootcheck');
    expect(ended.stdout).toContain(`pid ${pid} died: signal 9 (SIGKILL)`);
    await expectFresh(ended, pid);
  });

  test.each(['bootcheck', 'start', 'restart'] as const)(
    '%s while a worker drains must not start a second process',
    async (command) => {
      const [pid = 0] = await rig.up();
      rig.busy();
      await rig.run('restart', '--no-wait');
      await until('the TERM', () => rig.terms().has(pid));
      await deleted();
      const { ended } = rig.launch([command]);
      await until('a pass', () => {
        try {
          return rig.read('mail.1.pid') !== '';
        } catch {
          return false;
        }
      });
      expect(rig.pids()).toEqual([pid]);
      rig.idle();
      expect(await ended).toMatchObject({ code: 0 });
      await until('the end of the old one', () => !isAlive(pid));
      await expectFresh(await rig.run('bootcheck'), pid);
    },
  );

  test('a restart that waits must not start a second process', async () => {
    const [pid = 0] = await rig.up();
    rig.busy();
    const { ended } = rig.launch(['restart']);
    await until('the TERM', () => rig.terms().has(pid));
    await deleted();
    // The waiting command looks about four times a second; a second process appears then or never.
    const begun = performance.now();
    await until('some looks', () => rig.pids().length > 1 || performance.now() - begun > 1_500);
    expect(rig.pids()).toEqual([pid]);
    rig.idle();
    await until('the end of the old one', () => !isAlive(pid));
    await ended;
    await rig.run('bootcheck');
    await rig.arrived();
  });
});

describe('what is known of a drain', () => {
  /** A busy worker that was asked to finish and is at it. */
  async function draining(): Promise<number> {
    const [pid = 0] = await rig.up();
    rig.busy();
    await rig.run('restart', '--no-wait');
    await until('the TERM', () => rig.terms().has(pid));
    return pid;
  }

  const bounded = (command: string): string[] =>
    command === 'bootcheck' ? [command] : [command, '--no-wait'];

  describe.each([
    [
      'its note is broken',
      () => {
        rig.forge('mail.1.stop', 'abc');
      },
    ],
    [
      'its note is empty',
      () => {
        rig.forge('mail.1.stop', '');
      },
    ],
    [
      'its record is gone',
      () => {
        rmSync(rig.path('mail.1.json'));
      },
    ],
    [
      'its record is broken',
      () => {
        rig.forge('mail.1.json', 'abc');
      },
    ],
  ])('%s', (_, damage) => {
    test.each(commands)('%s must not ask a second time', async (command) => {
      const pid = await draining();
      damage();
      await rig.run(...bounded(command));
      await rig.run(...bounded(command));
      expect(rig.pids()).toEqual([pid]);
      rig.idle();
      await until('its end', () => !isAlive(pid));
      expect([...rig.terms()]).toEqual([[pid, 1]]);
      await rig.run('bootcheck');
      if (command === 'stop') expect(rig.pids()).toEqual([]);
      else await rig.arrived();
    });
  });

  test('a start after its record is gone must still be refused', async () => {
    const pid = await draining();
    rmSync(rig.path('mail.1.json'));
    const ended = await rig.run('start', '--wait', '5s');
    expect(ended).toMatchObject({ code: 1 });
    expect(ended.stdout).toContain(`mail.1 is still draining: pid ${pid}`);
  });
});

describe('a command that is killed at any moment', () => {
  /** Milliseconds after it has taken the pass lock: its work takes some thirty, of a restart that proves its code first more. */
  const moments = Array.from({ length: 24 }, (_, index) => index * 1.5);
  const laterMoments = Array.from({ length: 12 }, (_, index) => index * 15);
  const names = ['mail.1', 'mail.2', 'mail.3'];

  beforeEach(async () => {
    await rig.dispose();
    rig = new Rig(['1', '2', '3']);
  });

  const lockTakenAt = (): number | undefined =>
    statSync(rig.path('pass.lock'), { throwIfNoEntry: false })?.mtimeMs;

  async function killedAt(ms: number, words: string[]): Promise<void> {
    const before = lockTakenAt();
    const { child, ended } = rig.launch(words);
    let taken: number | undefined;
    while (taken === undefined || performance.now() < taken + ms) {
      if (lockTakenAt() !== before || child.exitCode !== null) taken ??= performance.now();
      await new Promise(setImmediate);
    }
    child.kill('SIGKILL');
    await ended;
  }

  /** A helper of the killed command may still have the lock for a moment. */
  async function bootcheck(): Promise<Ended> {
    for (;;) {
      const ended = await rig.run('bootcheck');
      if (ended.code !== 75) return ended;
    }
  }

  test('a bootcheck after a killed start must leave one process of each identifier', async () => {
    for (const ms of moments) {
      await killedAt(ms, ['start']);
      const ended = await bootcheck();
      expect(ended, `killed after ${ms} ms`).toMatchObject({ code: 0, stderr: '' });
      for (const name of names) await rig.arrived(name);
      expect(await rig.run('bootcheck')).toMatchObject({ code: 0, stdout: '' });
      for (const name of names) await rig.arrived(name);
      await endProcessesOf(rig.folder);
      await removeFolder(rig.stateDir);
    }
    expect([...rig.terms()]).toEqual([]);
  });

  // All are asked at once, and started by the next; or one is asked, started and seen ready, and then the others.
  test.each([
    { words: ['restart', '--no-canary'], most: 2, at: moments },
    { words: ['restart'], most: 4, at: laterMoments },
  ])(
    '$most bootchecks after a killed $words must finish it, and ask no process twice',
    async ({ words, most, at }) => {
      await rig.up(...names);
      for (const ms of at) {
        const before: number[] = [];
        for (const name of names) before.push(await rig.arrived(name));
        for (const pid of before) await rig.isUp(pid);
        await killedAt(ms, words);
        for (let pass = 0; pass < most; pass += 1) {
          const ended = await bootcheck();
          expect(ended, `killed after ${ms} ms`).toMatchObject({ code: 0, stderr: '' });
          await until('the end of those that were asked', () =>
            before.every((pid) => !rig.terms().has(pid) || !isAlive(pid)),
          );
        }
        const after: number[] = [];
        for (const name of names) after.push(await rig.arrived(name));
        const isDone = rig.terms().size > 0 && after.every((pid) => !before.includes(pid));
        const isUntouched = after.every((pid) => before.includes(pid));
        expect(isDone || isUntouched, `killed after ${ms} ms: all or none replaced`).toBe(true);
      }
      expect(rig.terms().size).toBeGreaterThan(names.length);
      expect([...rig.terms().values()].filter((count) => count > 1)).toEqual([]);
    },
  );

  test('a command that is killed with its worker half started must not make two', async () => {
    const { child, ended } = rig.launch(['start']);
    await until('a shim', () => names.some((name) => existsSync(rig.path(`${name}.shim`))), 15_000);
    child.kill('SIGKILL');
    await ended;
    expect(await bootcheck()).toMatchObject({ code: 0, stderr: '' });
    for (const name of names) await rig.arrived(name);
  });
});

test('a lock that somebody else holds must not make a second process', async () => {
  const [pid = 0] = await rig.up();
  writeFileSync(rig.path('mail.1.lock'), 'abc');
  expectKept(await rig.run('bootcheck'), pid);
  rmSync(rig.path('mail.1.lock'));
  expectKept(await rig.run('bootcheck'), pid);
});
