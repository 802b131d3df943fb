// Shims and workers that are killed or stopped. An instance must never have two processes, and none must stay down.
import { describe, expect, test } from 'vitest';
import { endProcess, isAlive, look } from '../rig/kernel.ts';
import { useMail } from '../rig/mail.ts';
import { deathOf } from '../rig/output.ts';
import { statusOf } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';
import { watching } from '../rig/watch.ts';

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
  recordOf,
  rig,
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
    expectDeath(ended, pid, { unknown: 'no report of how it exited' });
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

describe('a shim that is only slow', () => {
  const frozen = async (): Promise<{ pid: number; shim: number }> => {
    const [pid = 0] = await up();
    const shim = shimPid();
    process.kill(shim, 'SIGSTOP');
    await until('a stopped shim', () => look(shim)?.state === 'T');
    return { pid, shim };
  };
  const unfreeze = async (shim: number): Promise<void> => {
    process.kill(shim, 'SIGCONT');
    await until('the end of the shim', () => !isAlive(shim));
  };
  const noReport = { unknown: 'no report of how it exited' };

  test.each([
    ['was sent a TERM before', true],
    ['is asked by the stop', false],
  ])('a stop of a worker that %s must not say more than is known', async (_, isBefore) => {
    const { pid, shim } = await frozen();
    if (isBefore) process.kill(pid, 'SIGTERM');
    if (isBefore) await until('its end', () => !isAlive(pid));
    const { exitCode, events } = await act('stop');
    expect(exitCode).toBe(0);
    const ends = events.filter(({ kind }) => kind === 'exited' || kind === 'died');
    expect(ends.length).toBeGreaterThan(0);
    for (const end of ends) expect(deathOf(end)).toEqual(noReport);
    await unfreeze(shim);
    await act('bootcheck');
    await expectQuiet();
    expect(rig().journal('died').map(deathOf)).toEqual([noReport]);
    const corrections = rig().journal('death_explained');
    expect(corrections).toMatchObject([
      { pid, verdict: isBefore ? 'unexpected' : 'requested', run_id: recordOf()['run_id'] },
    ]);
    expect(corrections.map(deathOf)).toEqual([{ status: 0 }]);
  });

  test('watch must correct what it has said as soon as the report comes', async () => {
    const { pid, shim } = await frozen();
    const { reports } = await watching(rig());
    expect(await act('stop', '--no-wait')).toMatchObject({ exitCode: 0 });
    // A frozen shim wakes no watch: one that has looked just before the death would find it a minute later.
    await until('its end', () => !isAlive(pid));
    expect((await rig().workerctl('trigger')).exitCode).toBe(0);
    expect(deathOf(await reports('died', { pid }))).toEqual(noReport);
    await unfreeze(shim);
    expect(deathOf(await reports('death_explained', { pid }))).toEqual({ status: 0 });
  });

  test('a report that comes while it is waited for must need no correction', async () => {
    const { pid, shim } = await frozen();
    await endProcess(pid);
    process.kill(shim, 'SIGCONT');
    const ended = await act('bootcheck');
    expectDeath(ended, pid, { signal: 'SIGKILL' });
    await expectFresh(ended, pid);
    expect(rig().journal('death_explained')).toEqual([]);
  });

  test('a burst of deaths under watch must be reported with the status of each', async () => {
    rig().configure({ mail: { command: 'sleep 1000000', ready: { after: '0s' } } });
    const { quiet } = await watching(rig());
    const scaleTo = async (count: number): Promise<void> => {
      await act('want', String(count), 'mail');
      await until(`${count} of them`, async () => {
        const { instances } = await statusOf(rig());
        return instances.filter(({ pid }) => pid !== null).length === count;
      });
    };
    const burst = 150;
    await scaleTo(burst);
    await scaleTo(1);
    await quiet();
    expect(rig().journal('died').map(deathOf)).toEqual(
      Array(burst - 1).fill({ signal: 'SIGTERM' }),
    );
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
