// Records that are lost or damaged, and a state directory that is gone. An innocent process must never be signalled, an
// instance must never have two processes, and none must stay down.
import {
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { describe, expect, test } from 'vitest';
import { removeFolder } from '../rig/folder.ts';
import { bootId, endProcess, isAlive } from '../rig/kernel.ts';
import { useMail } from '../rig/mail.ts';
import { statusOf } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';

const {
  act,
  launch,
  one,
  stateFile,
  contentOf,
  recordOf,
  forge,
  pids,
  terms,
  up,
  arrived,
  shimPid,
  leftBehind,
  expectFresh,
  expectKept,
  expectDeath,
  expectQuiet,
  recount,
  rig,
} = useMail();

const brokenTexts = [
  ['empty', ''],
  ['garbage', 'abc\n\u0000\u0001'],
  ['cut off', '{"pid":12'],
  ['of another kind', '{"a":[1]}'],
  ['huge', 'x'.repeat(2_000_000)],
] as const;

describe('a record that is gone', () => {
  test.each(['start', 'bootcheck'] as const)('%s must adopt the worker', async (command) => {
    const [pid = 0] = await up();
    rmSync(stateFile('mail.1.json'));
    expectKept(await act(command), pid);
  });

  test('restart must replace the worker and ask it once', async () => {
    const [pid = 0] = await up();
    rmSync(stateFile('mail.1.json'));
    await expectFresh(await act('restart'), pid);
    expect(terms()).toEqual([pid]);
  });

  test('stop must find the worker and ask it once', async () => {
    const [pid = 0] = await up();
    rmSync(stateFile('mail.1.json'));
    expect(await act('stop')).toMatchObject({ exitCode: 0 });
    expect(pids()).toEqual([]);
    expect(terms()).toEqual([pid]);
  });

  test('the death of an adopted worker must be told by its shim', async () => {
    const [pid = 0] = await up();
    rmSync(stateFile('mail.1.json'));
    await act('bootcheck');
    await endProcess(pid);
    const ended = await act('bootcheck');
    expectDeath(ended, pid, { signal: 'SIGKILL' });
    await expectFresh(ended, pid);
  });
});

describe('a broken record', () => {
  describe.each(brokenTexts)('%s', (_, text) => {
    test.each(['start', 'bootcheck'] as const)(
      '%s must adopt the living worker, and say what is wrong',
      async (command) => {
        const [pid = 0] = await up();
        forge('mail.1.json', text);
        const ended = await act(command);
        expectKept(ended, pid);
        expect(ended.of('warning')).toMatchObject([{ instance: 'mail.1' }]);
        expect(ended.all).toContain('mail.1.json');
      },
    );

    test('bootcheck must start what is dead', async () => {
      const dead = await leftBehind();
      forge('mail.1.json', text);
      await expectFresh(await act('bootcheck'), dead);
    });
  });

  test('the record of another instance must not be believed', async () => {
    recount(2);
    const [first = 0, second = 0] = await up('mail.1', 'mail.2');
    forge('mail.1.json', contentOf('mail.2.json'));
    expect(await act('restart', 'mail.1')).toMatchObject({ exitCode: 0 });
    expect(terms()).toEqual([first]);
    expect(pids('mail.2')).toEqual([second]);
    expect(await arrived('mail.1')).not.toBe(first);
  });

  test('a folder in its place must not make a second process', async () => {
    const [pid = 0] = await up();
    rmSync(stateFile('mail.1.json'));
    mkdirSync(stateFile('mail.1.json'));
    await act('bootcheck');
    await act('bootcheck');
    expect(pids()).toEqual([pid]);
  });
});

describe('a readable record that leads to no living process', () => {
  const otherBoot = '00000000-1111-2222-3333-444444444444';
  const lies: readonly (readonly [string, () => object])[] = [
    ['names another start time', () => ({ start_time: Number(recordOf()['start_time']) - 1 })],
    ['names another boot', () => ({ boot_id: otherBoot })],
    ['names a pid that is free', () => ({ pid: 2 ** 22 + 1 })],
    ['is that of an earlier run', () => ({ run_id: '0123456789abcdef', start_time: 1 })],
  ];
  describe.each(lies)('it %s', (_, lie) => {
    const misled = async (): Promise<number> => {
      const [pid = 0] = await up();
      forge('mail.1.json', `${JSON.stringify({ ...recordOf(), ...lie() })}\n`);
      return pid;
    };

    test('stop must find the living worker, ask it once and wait for it', async () => {
      const pid = await misled();
      await one().giveJob();
      const ended = act('stop');
      await until('the TERM', () => terms().includes(pid));
      expect(pids()).toEqual([pid]);
      one().finishJob();
      const { exitCode, of } = await ended;
      expect(exitCode).toBe(0);
      expect(of('already_stopped')).toEqual([]);
      expect(pids()).toEqual([]);
      expect(terms()).toEqual([pid]);
    });

    test('stop without waiting must ask it, too', async () => {
      const pid = await misled();
      expect(await act('stop', '--no-wait')).toMatchObject({ exitCode: 0 });
      await until('its end', () => !isAlive(pid));
      expect(terms()).toEqual([pid]);
    });

    test.each(['start', 'bootcheck'] as const)('%s must keep it', async (command) => {
      const pid = await misled();
      const ended = await act(command);
      expectKept(ended, pid);
      expect(ended.of('died')).toEqual([]);
    });

    test('restart must replace it', async () => {
      const pid = await misled();
      await expectFresh(await act('restart'), pid);
      expect(terms()).toEqual([pid]);
    });

    test('status must show it', async () => {
      const pid = await misled();
      expect((await statusOf(rig())).instances).toMatchObject([{ state: 'ready', pid }]);
    });
  });

  test('a stop that waits must not take the worker for dead', async () => {
    const [pid = 0] = await up();
    await one().giveJob();
    const ended = launch('stop');
    await until('the TERM', () => terms().includes(pid));
    forge('mail.1.json', `${JSON.stringify({ ...recordOf(), boot_id: otherBoot })}\n`);
    await until('its adoption', () => recordOf()['boot_id'] === bootId());
    expect(pids()).toEqual([pid]);
    one().finishJob();
    expect(await ended).toMatchObject({ exitCode: 0 });
    expect(pids()).toEqual([]);
    expect(terms()).toEqual([pid]);
  });

  test('an instance that was stopped before must be found by bootcheck and asked', async () => {
    const [pid = 0] = await up();
    await one().giveJob();
    await act('stop', '--no-wait');
    rmSync(stateFile('mail.1.stop'));
    forge('mail.1.json', `${JSON.stringify({ ...recordOf(), boot_id: otherBoot })}\n`);
    expect(await act('bootcheck')).toMatchObject({ exitCode: 0 });
    expect(recordOf()['boot_id']).toBe(bootId());
    one().finishJob();
    await until('its end', () => !isAlive(pid));
    expect(pids()).toEqual([]);
  });
});

describe('a state directory that was deleted', () => {
  const deleted = (): Promise<void> => removeFolder(rig().stateDir);

  test.each(['start', 'bootcheck'] as const)('%s must adopt the living worker', async (command) => {
    const [pid = 0] = await up();
    await deleted();
    const ended = await act(command);
    expect(ended.of('adopted')).toMatchObject([{ pid }]);
    expectKept(ended, pid);
  });

  test('restart must replace the living worker', async () => {
    const [pid = 0] = await up();
    await deleted();
    await expectFresh(await act('restart'), pid);
    expect(terms()).toEqual([pid]);
  });

  test('stop must find the living worker and ask it once', async () => {
    const [pid = 0] = await up();
    await deleted();
    expect(await act('stop')).toMatchObject({ exitCode: 0 });
    expect(pids()).toEqual([]);
    expect(terms()).toEqual([pid]);
    await expectQuiet();
    expect(pids()).toEqual([]);
  });

  test('a worker whose shim was killed too must be adopted', async () => {
    const [pid = 0] = await up();
    await endProcess(shimPid());
    await deleted();
    expectKept(await act('bootcheck'), pid);
  });

  test('the signal that an adopted worker died of must be told', async () => {
    const [pid = 0] = await up();
    await deleted();
    await act('bootcheck');
    await endProcess(pid);
    const ended = await act('bootcheck');
    expectDeath(ended, pid, { signal: 'SIGKILL' });
    await expectFresh(ended, pid);
  });

  test.each(['bootcheck', 'start', 'restart'] as const)(
    '%s while a worker drains must not start a second process',
    async (command) => {
      const [pid = 0] = await up();
      await one().giveJob();
      await act('restart', '--no-wait');
      await until('the TERM', () => terms().includes(pid));
      await deleted();
      const ended = launch(command);
      await until('a pass', () => {
        try {
          return contentOf('mail.1.pid') !== '';
        } catch {
          return false;
        }
      });
      expect(pids()).toEqual([pid]);
      // Only a restart waits for the end of the job.
      if (command !== 'restart') await ended;
      one().finishJob();
      expect(await ended).toMatchObject({ exitCode: 0 });
      await until('the end of the old one', () => !isAlive(pid));
      await expectFresh(await act('bootcheck'), pid);
    },
  );

  test('a restart that waits must not start a second process', async () => {
    const [pid = 0] = await up();
    await one().giveJob();
    const ended = launch('restart');
    await until('the TERM', () => terms().includes(pid));
    await deleted();
    // The waiting command looks about four times a second; a second process appears then or never.
    const begun = performance.now();
    await until('some looks', () => pids().length > 1 || performance.now() - begun > 1_500);
    expect(pids()).toEqual([pid]);
    one().finishJob();
    await until('the end of the old one', () => !isAlive(pid));
    await ended;
    await act('bootcheck');
    await arrived();
  });
});

test('a lock that somebody else holds must not make a second process', async () => {
  const [pid = 0] = await up();
  writeFileSync(stateFile('mail.1.lock'), 'abc');
  expectKept(await act('bootcheck'), pid);
  rmSync(stateFile('mail.1.lock'));
  expectKept(await act('bootcheck'), pid);
});

test.each([
  ['hard link', linkSync],
  ['symbolic link', symlinkSync],
])('a %s in the place of record and pidfile must be replaced, not written to', async (_, put) => {
  const other = `${rig().folder}/other`;
  mkdirSync(rig().stateDir, { recursive: true });
  writeFileSync(other, 'of another\n', { mode: 0o444 });
  for (const name of ['mail.1.json', 'mail.1.pid']) put(other, stateFile(name));
  const [pid = 0] = await up();
  expect(readFileSync(other, 'utf8')).toBe('of another\n');
  expect(recordOf()).toMatchObject({ pid });
  expect(contentOf('mail.1.pid')).toBe(`${pid}\n`);
});

describe('a damaged record of an instance that stays down', () => {
  test.each(brokenTexts)(
    '%s: bootcheck must remove it once, and then be quiet',
    async (_, text) => {
      await up();
      await act('stop');
      forge('mail.1.json', text);
      const first = await act('bootcheck');
      expect(first.exitCode).toBe(0);
      expect(first.all).toContain('its record is removed');
      expect(existsSync(stateFile('mail.1.json'))).toBe(false);
      await expectQuiet();
      expect(pids()).toEqual([]);
    },
  );

  test('must stay if its process lives: that is found by its marker', async () => {
    const [pid = 0] = await up();
    writeFileSync(stateFile('mail.1.json'), '{');
    expect(await act('stop', '--no-wait')).toMatchObject({ exitCode: 0 });
    expect(terms()).toEqual([pid]);
    expect(recordOf()).toMatchObject({ pid });
  });

  test('a directory in its place must be left alone', async () => {
    await up();
    await act('stop');
    rmSync(stateFile('mail.1.json'));
    mkdirSync(stateFile('mail.1.json/precious'), { recursive: true });
    expect((await act('bootcheck')).all).toContain('move it away');
    expect(existsSync(stateFile('mail.1.json/precious'))).toBe(true);
  });
});
