// A shim leaves the pidfile to a command that waits for the death. However that command goes on, no pidfile of a dead
// process stays, and the journal says nothing about it.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { linesOf, readOr } from '../rig/files.ts';
import { booted } from '../rig/instance.ts';
import { endProcess, isAlive, look } from '../rig/kernel.ts';
import { fixture } from '../rig/programs.ts';
import { createRig, expectQuiet, type Rig } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';
import { watching } from '../rig/watch.ts';

const idle = { command: fixture('idle') };
const pidfile = (rig: Rig, name = 'mail.1'): string => `${rig.stateDir}/${name}.pid`;
const isLeft = (rig: Rig): boolean => existsSync(pidfile(rig));

function expectNoWord(rig: Rig): void {
  expect(rig.journal('pidfile_removed')).toEqual([]);
  expect(rig.journal('pidfile_written')).toEqual([]);
}

test('a FIFO or a link in place of what a command says of itself must not hold it up, nor be followed', async () => {
  const rig = createRig({ mail: { ...idle, count: 2 } });
  await rig.start();
  mkdirSync(`${rig.stateDir}/attended`, { recursive: true });
  spawnSync('mkfifo', [`${rig.stateDir}/attended/mail.1`]);
  writeFileSync(rig.path('precious'), 'text');
  symlinkSync(rig.path('precious'), `${rig.stateDir}/attended/mail.2`);
  const { exitCode, all } = await rig.workerctl('stop');
  expect(exitCode, all).toBe(0);
  expect(readFileSync(rig.path('precious'), 'utf8')).toBe('text');
  for (const name of ['mail.1', 'mail.2']) expect(existsSync(pidfile(rig, name))).toBe(false);
});

describe('no pidfile of a dead process must stay', () => {
  test('after stop', async () => {
    const rig = createRig({ mail: { ...idle, count: 3 } });
    await rig.start();
    for (const name of ['mail.1', 'mail.2', 'mail.3']) await booted(rig.instance(name));
    expect((await rig.workerctl('stop')).exitCode).toBe(0);
    for (const name of ['mail.1', 'mail.2', 'mail.3'])
      expect(existsSync(pidfile(rig, name)), name).toBe(false);
    expectNoWord(rig);
  });

  test('after restart, which writes that of the replacement', async () => {
    const rig = createRig({ mail: { ...idle, ready: { after: '0s' } } });
    await rig.start();
    const old = await booted(rig.instance('mail.1'));
    expect((await rig.workerctl('restart')).exitCode).toBe(0);
    const pid = Number(readOr(pidfile(rig), ''));
    expect(pid).not.toBe(old);
    expect(isAlive(pid)).toBe(true);
    expectNoWord(rig);
  });

  test.each(['start', 'restart'])(
    'after a %s whose worker dies before it is ready',
    async (command) => {
      const rig = createRig({ mail: { command: './run', ready: { after: '5s' } } });
      writeFileSync(rig.path('run'), '#!/bin/sh\nsleep 0.2\nexit 3\n', { mode: 0o755 });
      const { exitCode, of } = await rig.act(command);
      expect(exitCode).toBe(1);
      expect([...of('start_failed'), ...of('died')]).not.toEqual([]);
      expect(isLeft(rig)).toBe(false);
      expectNoWord(rig);
    },
  );

  test('while a watch delays the next start', async () => {
    const rig = createRig({
      mail: { ...idle, ready: { after: '0s' }, backoff: { initial: '5m' } },
    });
    await rig.start();
    const watch = await watching(rig);
    await endProcess(await booted(rig.instance('mail.1')));
    await until('the end of the pidfile', () => rig.journal('died').length > 0 && !isLeft(rig));
    watch.send('SIGTERM');
    expect((await watch.running).exitCode).toBe(0);
    expect(linesOf(`${rig.stateDir}/attended/all`)).toEqual([]);
    expectNoWord(rig);
  });

  test('after a watch has stopped all', async () => {
    const rig = createRig({ mail: { ...idle, count: 2 } });
    await rig.start();
    const watch = await watching(rig, '--stop-on-exit');
    watch.send('SIGTERM');
    expect((await watch.running).exitCode).toBe(0);
    for (const name of ['mail.1', 'mail.2'])
      expect(existsSync(pidfile(rig, name)), name).toBe(false);
    expectNoWord(rig);
  });
});

describe('if the command that was to remove it was killed', () => {
  /** What such a command leaves: a dead worker with its pidfile. */
  async function left(rig: Rig): Promise<number> {
    const pid = await booted(rig.instance('mail.1'));
    const waiting = rig.shell('exec sleep 1000');
    const attender = waiting.pid ?? 0;
    mkdirSync(`${rig.stateDir}/attended`, { recursive: true });
    const line = `${attender} ${look(attender)?.startTime ?? 0}\n`;
    writeFileSync(`${rig.stateDir}/attended/mail.1`, line);
    await rig.workerctl('stop', '--no-wait');
    await until('the report', () => readOr(`${rig.stateDir}/mail.1.exit`, '') !== '');
    expect(readOr(pidfile(rig), '')).toBe(`${pid}\n`);
    await endProcess(attender);
    await waiting;
    return pid;
  }

  test('the next bootcheck must remove it', async () => {
    const rig = createRig({ mail: idle });
    await rig.start();
    await left(rig);
    expect((await rig.workerctl('bootcheck')).exitCode).toBe(0);
    expect(isLeft(rig)).toBe(false);
    expectNoWord(rig);
    await expectQuiet(rig);
  });

  test('the next start must replace it', async () => {
    const rig = createRig({ mail: idle });
    await rig.start();
    const old = await left(rig);
    expect((await rig.workerctl('start')).exitCode).toBe(0);
    const pid = await booted(rig.instance('mail.1'));
    expect(pid).not.toBe(old);
    expect(readOr(pidfile(rig), '')).toBe(`${pid}\n`);
  });
});
