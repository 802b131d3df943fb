// A folder, or a link that leads to itself, in the place of a file or folder of the state directory: every command ends and says
// what to move away; nothing that runs is started twice, and no bootcheck repeats what another one has reported.
import { spawn } from 'node:child_process';
import { mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { booted } from '../rig/instance.ts';
import { endProcess, isAlive } from '../rig/kernel.ts';
import { problemOf } from '../rig/output.ts';
import { fixture } from '../rig/programs.ts';
import { createRig, expectQuiet, statusOf, type Rig, type WorkerKeys } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';
import { watching } from '../rig/watch.ts';

const idle: WorkerKeys = {
  command: fixture('idle'),
  ready: { after: '0s' },
  backoff: { min_run: '0s', initial: '5m' },
};

const recordOf = (rig: Rig): string => `${rig.stateDir}/mail.1.json`;

const putFolder = (path: string): void => {
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path);
};

describe('a record that is a folder, while its process lives', () => {
  async function lost(): Promise<{ rig: Rig; pid: number }> {
    const rig = createRig({ mail: { ...idle, count: 2 } });
    await rig.start();
    const pid = await booted(rig.instance('mail.1'));
    putFolder(recordOf(rig));
    return { rig, pid };
  }

  test.each([['start'], ['restart'], ['restart', '--overlap'], ['rollout', 'cancel'], ['quiet']])(
    '%s %s must end, and say what to move away',
    async (...words) => {
      const { rig, pid } = await lost();
      const isActing = words[0] !== 'rollout' && words[0] !== 'quiet';
      const { exitCode, all, of } = await rig.act(...words);
      if (isActing) {
        expect(exitCode, all).toBe(1);
        const [failed] = of('adopt_failed');
        expect(failed, all).toMatchObject({ instance: 'mail.1', pid });
        expect(problemOf(failed)).toBe(
          `${recordOf(rig)}: expected a file, found a directory: move it away`,
        );
      }
      expect(rig.instance('mail.1').processes()).toEqual([pid]);
    },
  );

  test('bootcheck must report it once, status must show it, and once it is moved away all must be well', async () => {
    const { rig, pid } = await lost();
    const first = await rig.act('bootcheck');
    expect(first.exitCode, first.all).toBe(1);
    expect(first.of('adopt_failed')).toHaveLength(1);
    await expectQuiet(rig, 'the second bootcheck');
    expect((await rig.workerctl('status')).all).toContain('could not be taken over');
    renameSync(recordOf(rig), rig.path('moved'));
    const last = await rig.act('bootcheck');
    expect(last.exitCode, last.all).toBe(0);
    expect(last.of('adopted')).toMatchObject([{ instance: 'mail.1', pid }]);
    await expectQuiet(rig, 'the last bootcheck');
    expect((await rig.workerctl('status')).all).not.toContain('could not be taken over');
  });

  test('stop must end its process', async () => {
    const { rig, pid } = await lost();
    const { all } = await rig.act('stop', '--wait', '20s', 'mail.1');
    await until(`the end of pid ${pid}: ${all}`, () => !isAlive(pid));
  });

  test('watch must report it once, and take the process over once it is moved away', async () => {
    const { rig, pid } = await lost();
    await watching(rig);
    await until('the report', () => rig.journal('adopt_failed').length > 0);
    renameSync(recordOf(rig), rig.path('moved'));
    await rig.workerctl('trigger');
    await until('its adoption', () => rig.journal('adopted').length > 0);
    expect(rig.journal('adopt_failed')).toHaveLength(1);
    expect(rig.instance('mail.1').processes()).toEqual([pid]);
  });

  test('adopt must fail, and want nothing', async () => {
    const rig = createRig({ mail: { ...idle, count: 1 } });
    mkdirSync(recordOf(rig), { recursive: true });
    const { pid = 0 } = spawn(fixture('idle'), [], {
      env: { PATH: process.env['PATH'], RIG: rig.folder, WORKERCTL_INSTANCE: 'mail.1' },
      cwd: rig.folder,
      stdio: 'ignore',
    });
    await until('it to boot', () => rig.instance('mail.1').boots().includes(pid));
    const { exitCode, all, of } = await rig.act('adopt', 'mail.1', String(pid));
    expect(exitCode, all).toBe(1);
    expect(of('adopt_failed'), all).toMatchObject([{ instance: 'mail.1', pid }]);
    expect(all).toContain('move it away');
    await endProcess(pid);
  });
});

test.each(['mail.1.json', 'mail.1.pid'])(
  'a dead instance whose %s is a folder must be reported once, and start as soon as it is moved away',
  async (name) => {
    const rig = createRig({ mail: idle });
    await rig.start();
    await endProcess(await booted(rig.instance('mail.1')));
    putFolder(`${rig.stateDir}/${name}`);
    const first = await rig.act('bootcheck');
    expect(first.exitCode, first.all).toBe(1);
    expect(problemOf(first.of('start_failed')[0])).toContain(name);
    await expectQuiet(rig, 'a bootcheck while it waits for its next attempt');
    renameSync(`${rig.stateDir}/${name}`, rig.path('moved'));
    const { exitCode, all } = await rig.act('start');
    expect(exitCode, all).toBe(0);
    expect(rig.instance('mail.1').processes()).toHaveLength(1);
  },
);

test('a pidfile elsewhere that is a folder must not let a worker start without it', async () => {
  const rig = createRig({ mail: { ...idle, pidfile: 'run/%n.pid' } });
  mkdirSync(rig.path('run/mail.1.pid'), { recursive: true });
  const { exitCode, all, of } = await rig.act('start');
  expect(exitCode, all).toBe(1);
  expect(problemOf(of('start_failed')[0])).toContain('run/mail.1.pid: expected a file');
  expect(rig.instance('mail.1').processes()).toEqual([]);
});

test.each(['.new', 'ledger', 'heartbeats', 'hooks', 'pass.lock', 'events.ndjson', 'events.lock'])(
  'a %s that is a link to itself must be named, and crash nothing',
  async (name) => {
    const rig = createRig({ mail: idle });
    await rig.start();
    const pid = await booted(rig.instance('mail.1'));
    const path = `${rig.stateDir}/${name}`;
    rmSync(path, { recursive: true, force: true });
    symlinkSync(path, path);
    for (const words of [['bootcheck'], ['start'], ['status'], ['doctor'], ['logs', '-n', '1']]) {
      const { exitCode, all } = await rig.workerctl(...words);
      expect([0, 1, 73], all).toContain(exitCode);
      expect(all).not.toContain('this is a bug in workerctl');
      if (exitCode === 73) expect(all).toContain(path);
    }
    expect(rig.instance('mail.1').processes()).toEqual([pid]);
  },
);

test('a start into a .new that is a link to itself must say so', async () => {
  const rig = createRig({ mail: idle });
  await rig.start();
  await endProcess(await booted(rig.instance('mail.1')));
  rmSync(`${rig.stateDir}/.new`, { recursive: true });
  symlinkSync('.new', `${rig.stateDir}/.new`);
  const { exitCode, all } = await rig.workerctl('start');
  expect(exitCode, all).toBe(1);
  expect(all).toContain('.new: expected a directory, found something else: move it away');
});

test('a damaged record of a held instance must be reported by one bootcheck', async () => {
  const rig = createRig({ mail: idle });
  await rig.start();
  await rig.workerctl('hold', 'mail.1');
  await endProcess(await booted(rig.instance('mail.1')));
  putFolder(recordOf(rig));
  const { all, of } = await rig.act('bootcheck');
  expect(of('warning').map(problemOf), all).toEqual([
    expect.stringContaining('found a directory') as unknown,
  ]);
  await expectQuiet(rig, 'the second bootcheck');
  expect((await statusOf(rig)).instances[0]).toMatchObject({ instance: 'mail.1' });
  expect((await rig.workerctl('bootcheck', '--dry-run')).all).toContain('found a directory');
});
