// What keeps instances down while a host or a watch ends, and no longer.
import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { booted, successor, termed, type InstanceHandle } from '../rig/instance.ts';
import { fixture } from '../rig/programs.ts';
import { rebooted } from '../rig/reboot.ts';
import { bootcheck, createRig, expectQuiet, statesOf, type Rig } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';
import { watching, type Watching } from '../rig/watch.ts';

const drains = { command: fixture('drains-after-job') };
const two = { mail: { ...drains, count: 2 } };
const succeed = async (rig: Rig, ...args: string[]): Promise<string> => {
  const { exitCode, all } = await rig.workerctl(...args);
  expect(exitCode, all).toBe(0);
  return all;
};

/** Each has been started twice by now, and no more often. */
const bootedTwice = async (rig: Rig, ...names: string[]): Promise<void> => {
  for (const name of names) {
    const one = rig.instance(name);
    await until(`${name} to boot again`, () => one.boots().length > 1);
    expect(one.boots()).toHaveLength(2);
  }
};

/** As often as cron: the lock may be held by the watch that is ending. */
const bootcheckQuietly = (rig: Rig): Promise<boolean> =>
  until('bootcheck to find nothing to do', async () => {
    const { exitCode, all } = await rig.workerctl('bootcheck');
    if (exitCode !== 75) expect({ exitCode, all }).toEqual({ exitCode: 0, all: '' });
    return exitCode === 0;
  });

test('stop --until-boot must keep instances down until the host has booted again', async () => {
  const rig = createRig(two);
  await rig.start();
  await succeed(rig, 'stop', '--until-boot');
  await expectQuiet(rig);
  expect((await rig.workerctl('status')).stdout).toMatch(/stopped .*until the next boot/);
  await rebooted(rig);
  expect(await statesOf(rig)).toEqual(['mail.1 missing', 'mail.2 missing']);
  await bootcheck(rig);
  await bootedTwice(rig, 'mail.1', 'mail.2');
});

const untilBoot = ['stop', '--until-boot'];
const forGood = ['stop', 'mail.2'];

test.each([
  ['before', forGood, untilBoot],
  ['after', untilBoot, forGood],
])('a stop without --until-boot must outlive the boot if it came %s it', async (_, one, other) => {
  const rig = createRig(two);
  await rig.start();
  await succeed(rig, ...one);
  await succeed(rig, ...other);
  await rebooted(rig);
  await bootcheck(rig);
  await bootedTwice(rig, 'mail.1');
  expect(await statesOf(rig, 'mail.2')).toEqual(['mail.2 stopped']);
});

test('stop --until-boot must stop what is on hold, and the hold must outlive the boot', async () => {
  const rig = createRig(two);
  await rig.start();
  await succeed(rig, 'hold', 'mail.2');
  await succeed(rig, 'stop', '--until-boot');
  expect(rig.instance('mail.2').processes()).toEqual([]);
  await rebooted(rig);
  await bootcheck(rig);
  await bootedTwice(rig, 'mail.1');
  expect(rig.instance('mail.2').boots()).toHaveLength(1);
  expect((await rig.workerctl('status')).stdout).toMatch(/mail\.2 .*held by/);
});

test('start must end a stop --until-boot', async () => {
  const rig = createRig({ mail: drains });
  await rig.start();
  await succeed(rig, 'stop', '--until-boot');
  await succeed(rig, 'start');
  await bootedTwice(rig, 'mail.1');
});

/** A `watch --stop-on-exit` that has been asked to end: mail.1 is busy, mail.2 has exited. */
async function draining(
  rig: Rig,
): Promise<{ watch: Watching; first: InstanceHandle; pid: number }> {
  const watch = await watching(rig, '--stop-on-exit');
  const [first, second] = [rig.instance('mail.1'), rig.instance('mail.2')];
  const [pid, other] = [await booted(first), await booted(second)];
  await first.giveJob();
  watch.send('SIGTERM');
  await termed(first, pid);
  await second.left(other);
  return { watch, first, pid };
}

test('bootcheck during a --stop-on-exit drain must start nothing, and after it what is down', async () => {
  const rig = createRig(two);
  const { watch, first } = await draining(rig);
  await bootcheckQuietly(rig);
  expect(rig.instance('mail.2').boots()).toHaveLength(1);
  first.finishJob();
  expect((await watch.running).exitCode).toBe(0);
  expect(existsSync(`${rig.stateDir}/watch.ending`)).toBe(false);
  await bootcheck(rig);
  await bootedTwice(rig, 'mail.2');
});

test('start during a --stop-on-exit drain must say so, and start the instance when the drain is over', async () => {
  const rig = createRig(two);
  const { watch, first } = await draining(rig);
  const starting = rig.act('start', 'mail.2');
  const { all: said } = await rig.workerctl('start', 'mail.2', '--no-wait');
  expect(said).toMatch(/nothing is started: workerctl watch, pid \d+, is stopping all instances/);
  expect(rig.instance('mail.2').boots()).toHaveLength(1);
  first.finishJob();
  expect((await watch.running).exitCode).toBe(0);
  const { exitCode, all } = await starting;
  expect(exitCode, all).toBe(0);
  await bootedTwice(rig, 'mail.2');
  expect(rig.instance('mail.2').terms()).toHaveLength(1);
});

test('a --stop-on-exit drain that was killed must keep nothing down', async () => {
  const rig = createRig(two);
  const { watch, first, pid } = await draining(rig);
  watch.send('SIGKILL');
  await watch.running;
  await bootcheck(rig);
  await bootedTwice(rig, 'mail.2');
  first.finishJob();
  await first.left(pid);
  await bootcheck(rig);
  await successor(first, pid);
});

test('an ending watch that cannot say so must drain all the same', async () => {
  const rig = createRig({ mail: drains });
  const watch = await watching(rig, '--stop-on-exit');
  const pid = await booted(rig.instance('mail.1'));
  await rig.shell('mkdir -p .workerctl/watch.ending/x');
  watch.send('SIGTERM');
  expect((await watch.running).exitCode).toBe(0);
  expect(rig.instance('mail.1').terms()).toEqual([pid]);
  expect(watch.events('warning')).toHaveLength(1);
});
