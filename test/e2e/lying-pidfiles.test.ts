// Pidfiles that lie. An innocent process must never be signalled, an instance must never have two processes, and none must
// stay down.
import { rmSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { startBystander } from '../rig/bystander.ts';
import { bootId, look } from '../rig/kernel.ts';
import { useMail } from '../rig/mail.ts';

const {
  act,
  stateFile,
  contentOf,
  recordOf,
  forge,
  pids,
  terms,
  up,
  leftBehind,
  expectFresh,
  expectKept,
  rig,
} = useMail();
const starters = ['start', 'restart', 'bootcheck'] as const;
const commands = ['start', 'restart', 'bootcheck', 'stop'] as const;

describe('a stale pidfile', () => {
  test.each(starters)('%s must start the instance', async (command) => {
    const dead = await leftBehind();
    expect(contentOf('mail.1.pid')).toBe(`${dead}\n`);
    await expectFresh(await act(command), dead);
  });

  test('stop must remove it and succeed', async () => {
    await leftBehind();
    expect(await act('stop')).toMatchObject({ exitCode: 0 });
    expect(() => contentOf('mail.1.pid')).toThrow('ENOENT');
    expect(pids()).toEqual([]);
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
      const innocent = await startBystander(rig().folder);
      await leftBehind();
      forge('mail.1.pid', `${innocent.pid}\n`);
      forge(
        'mail.1.json',
        `${JSON.stringify({
          ...recordOf(),
          ...{
            pid: innocent.pid,
            start_time: startTime(innocent),
            boot_id: boot(),
          },
        })}\n`,
      );
      const ended = await act(command);
      if (command === 'stop') {
        expect(ended).toMatchObject({ exitCode: 0 });
        expect(pids()).toEqual([]);
        expect(() => contentOf('mail.1.pid')).toThrow('ENOENT');
      } else {
        await expectFresh(ended, innocent.pid);
      }
      expect(innocent.isUnharmed()).toBe(true);
    });
  });

  test.each(commands)('%s must not signal it when only the pidfile names it', async (command) => {
    const innocent = await startBystander(rig().folder);
    forge('mail.1.pid', `${innocent.pid}\n`);
    const ended = await act(command);
    if (command === 'stop') expect(ended).toMatchObject({ exitCode: 0 });
    else await expectFresh(ended, innocent.pid);
    expect(innocent.isUnharmed()).toBe(true);
  });

  test('a pidfile must not keep naming it after a stop', async () => {
    const innocent = await startBystander(rig().folder);
    forge('mail.1.pid', `${innocent.pid}\n`);
    await act('stop');
    expect(() => contentOf('mail.1.pid')).toThrow('ENOENT');
  });

  test.each(commands)(
    '%s must signal the worker alone when the pidfile names somebody else',
    async (command) => {
      const innocent = await startBystander(rig().folder);
      const [pid = 0] = await up();
      forge('mail.1.pid', `${innocent.pid}\n`);
      const ended = await act(command);
      expect(ended).toMatchObject({ exitCode: 0 });
      if (command === 'restart') await expectFresh(ended, pid);
      else if (command === 'stop') expect(pids()).toEqual([]);
      else expectKept(ended, pid);
      expect(innocent.isUnharmed()).toBe(true);
    },
  );

  test('a stop that was noted for its predecessor must not count for the new process', async () => {
    const [pid = 0] = await up();
    forge(
      'mail.1.stop',
      JSON.stringify({
        sent: true,
        pid,
        start_time: (look(pid)?.startTime ?? 0) - 1,
        boot_id: bootId(),
        signal: 'SIGTERM',
        at: new Date().toISOString(),
        cause: 'somebody before',
      }),
    );
    await expectFresh(await act('restart'), pid);
    expect(terms()).toEqual([pid]);
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
      const [pid = 0] = await up();
      forge('mail.1.pid', text);
      expectKept(await act(command), pid);
    });
  });

  test.each(['stop', 'restart'] as const)('%s must find the worker all the same', async (name) => {
    const [pid = 0] = await up();
    forge('mail.1.pid', '');
    const ended = await act(name);
    expect(terms()).toEqual([pid]);
    if (name === 'restart') await expectFresh(ended, pid);
    else expect(pids()).toEqual([]);
  });
});

describe('a pidfile that is gone', () => {
  test.each(['start', 'bootcheck'] as const)('%s must write it anew', async (command) => {
    const [pid = 0] = await up();
    rmSync(stateFile('mail.1.pid'));
    expectKept(await act(command), pid);
  });
});
