// Shims and workers that are killed or stopped. An instance must never have two processes, and none must stay down.
import { describe, expect, test } from 'vitest';
import { endProcess, isAlive, look } from '../rig/kernel.ts';
import { useMail } from '../rig/mail.ts';
import { until } from '../rig/wait.ts';

const {
  act,
  launch,
  one,
  pids,
  terms,
  up,
  shimPid,
  leftBehind,
  expectFresh,
  expectKept,
  expectDeath,
  expectQuiet,
} = useMail();
const starters = ['start', 'restart', 'bootcheck'] as const;

describe('a shim that was killed', () => {
  test('bootcheck must not start a second process', async () => {
    const [pid = 0] = await up();
    await endProcess(shimPid());
    const ended = await act('bootcheck');
    expectKept(ended, pid);
    expect(ended.events).toEqual([]);
  });

  test('restart must wait for its worker and replace it', async () => {
    const [pid = 0] = await up();
    await endProcess(shimPid());
    await one().giveJob();
    const ended = launch('restart');
    await until('the TERM', () => terms().includes(pid));
    await expectQuiet();
    expect(pids()).toEqual([pid]);
    one().finishJob();
    await expectFresh(await ended, pid);
    expect(terms()).toEqual([pid]);
  });

  test('the death of its worker must be told as unknown', async () => {
    const [pid = 0] = await up();
    await endProcess(shimPid());
    await endProcess(pid);
    const ended = await act('bootcheck');
    expectDeath(ended, pid, { unknown: 'its shim was killed' });
    await expectFresh(ended, pid);
  });
});

describe('a shim that was stopped', () => {
  test('the place of its dead worker must stay empty until it goes on', async () => {
    const [pid = 0] = await up();
    const shim = shimPid();
    process.kill(shim, 'SIGSTOP');
    await until('a stopped shim', () => look(shim)?.state === 'T');
    await endProcess(pid);
    expect(await act('bootcheck')).toMatchObject({ exitCode: 1 });
    expect(pids()).toEqual([]);
    process.kill(shim, 'SIGCONT');
    await until('the end of the shim', () => !isAlive(shim));
    await expectFresh(await act('bootcheck'), pid);
  });
});

describe('a worker that died', () => {
  test('bootcheck must tell of its signal and replace it', async () => {
    const [pid = 0] = await up();
    await endProcess(pid);
    const ended = await act('bootcheck');
    expectDeath(ended, pid, { signal: 'SIGKILL' });
    await expectFresh(ended, pid);
  });

  test.each(starters)('%s must replace it after its shim was killed too', async (command) => {
    const dead = await leftBehind();
    const ended = await act(command);
    await expectFresh(ended, dead);
    await expectQuiet();
  });

  test('a worker that was stopped by SIGSTOP must count as living', async () => {
    const [pid = 0] = await up();
    process.kill(pid, 'SIGSTOP');
    await until('a stopped worker', () => look(pid)?.state === 'T');
    await expectQuiet();
    expect(pids()).toEqual([pid]);
  });
});
