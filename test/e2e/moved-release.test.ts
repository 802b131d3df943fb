import { readlinkSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { expect, test } from 'vitest';
import { momentOf } from '../../src/core/basics/time.ts';
import { readDesired } from '../../src/host/state/desired-file.ts';
import { writeDesired } from '../../src/host/state/desired-write.ts';
import { booted, killed, successor, termed } from '../rig/instance.ts';
import { finishJob, giveJob, letGo, put, tells } from '../rig/jobs.ts';
import { environmentOf } from '../rig/kernel.ts';
import { eventsIn, resultIn, story } from '../rig/output.ts';
import { deploy, moveTo, releasesOf } from '../rig/releases.ts';
import { createRig, statusOf, type Rig, type WorkerKeys } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';

const mail = (keys: WorkerKeys = {}): WorkerKeys => ({
  ...tells,
  command: 'bin/worker',
  directory: 'current',
  ...keys,
});

const all = (name: string): readonly string[] => [name, name, name];

/** A restart from r1 to r2 that waits for `mail.2`, which is busy, while `current` moves to r3. */
async function movedMeanwhile(rig: Rig): Promise<{ exitCode?: number | undefined; all: string }> {
  await rig.start();
  const second = await giveJob(rig, rig.instance('mail.2'), 'long');
  deploy(rig, 'r2');
  const restart = rig.workerctl('restart', '--json');
  await termed(rig.instance('mail.2'), second);
  expect(releasesOf(rig, 'mail.1')).toEqual(all('r2'));
  deploy(rig, 'r3');
  finishJob(rig, second);
  const ended = await restart;
  return ended;
}

for (const [source, release] of [
  ['the directory', undefined],
  ['a file', { file: 'current/REVISION' }],
  ['a command', { command: ['cat', 'current/REVISION'] }],
] as const)
  test(`what a long restart starts after another deploy must be recorded as it is, by ${source}`, async () => {
    const rig = createRig({}, release === undefined ? {} : { release });
    deploy(rig, 'r1');
    rig.configure({ mail: mail({ count: 2, restart: { batch: 1 } }) });
    const { exitCode, all: output } = await movedMeanwhile(rig);
    expect(exitCode, output).toBe(0);
    expect(releasesOf(rig, 'mail.1')).toEqual(all('r2'));
    expect(releasesOf(rig, 'mail.2')).toEqual(all('r3'));
    expect(resultIn(output)).toMatchObject({ change: 'r1 -> r2, r3' });

    // A rollback: the withdrawn code, and only that, is replaced.
    const first = await booted(rig.instance('mail.1'));
    moveTo(rig, 'r2');
    const back = await rig.workerctl('restart', '--outdated', '--json');
    expect(back.exitCode, back.all).toBe(0);
    expect(story(eventsIn(back.all), 'draining')).toEqual(['draining mail.2']);
    expect(releasesOf(rig, 'mail.2')).toEqual(all('r2'));
    expect(rig.instance('mail.1').processes()).toEqual([first]);
  });

test('a release that a restart meets on its way must be proven by a canary of its own', async () => {
  const rig = createRig();
  deploy(rig, 'r1');
  rig.configure({ mail: mail({ count: 4, restart: { batch: 2 } }) });
  await rig.start();
  const [second, third, fourth] = ['mail.2', 'mail.3', 'mail.4'].map(rig.instance);
  if (!second || !third || !fourth) throw new Error('there are three');
  const busy = await giveJob(rig, second, 'first');
  await giveJob(rig, third, 'second');
  await giveJob(rig, fourth, 'third');
  deploy(rig, 'r2');
  const restart = rig.workerctl('restart', '--json');
  await third.asked(); // r2 is proven
  deploy(rig, 'r3');
  put(rig, 'slow');
  finishJob(rig, busy);
  const slow = await successor(second, busy);
  // There is room for another, but r3 is not proven.
  expect((await rig.act('stop', 'mail.3', '--no-wait')).exitCode).toBe(0);
  expect((await rig.act('bootcheck')).exitCode).toBe(0);
  expect(fourth.terms()).toEqual([]);
  letGo(rig, slow);
  finishJob(rig, await termed(fourth, fourth.pid() ?? 0).then(() => fourth.pid() ?? 0));
  letGo(rig, await successor(fourth, fourth.boots()[0] ?? 0));
  const { exitCode, all: output } = await restart;
  expect(exitCode, output).toBe(0);
  const continued = eventsIn(output).filter(({ kind }) => kind === 'rollout_continues');
  expect(continued).toMatchObject([{ release: 'r2' }, { instance: 'mail.2', release: 'r3' }]);
});

test('50 starts while the link is moved all the time must each be recorded as they are', async () => {
  const rig = createRig();
  for (const name of ['r1', 'r2']) deploy(rig, name, '#!/bin/sh', 'idle');
  rig.configure({
    mail: { command: 'bin/worker', directory: 'current', count: 50, ready: { after: '0s' } },
  });
  const swapping = rig.shell(
    'while :; do for r in r1 r2; do ln -s releases/$r current.next && mv -T current.next current; done; done',
  );
  for (let round = 0; round < 3; round += 1) {
    const { exitCode, all: output } = await rig.act('start');
    expect(exitCode, output).toBe(0);
    for (let number = 1; number <= 50; number += 1) {
      const name = `mail.${number}`;
      const pid = await until(`${name} to be its program`, () => {
        const found = rig.instance(name).pid();
        return (
          found !== undefined && environmentOf(found)['WORKERCTL_INSTANCE'] !== undefined && found
        );
      });
      const release = basename(readlinkSync(`/proc/${pid}/cwd`));
      expect(releasesOf(rig, name), name).toEqual(all(release));
    }
    expect((await rig.act('stop', '--now')).exitCode).toBe(0);
  }
  swapping.kill('SIGKILL');
  await swapping;
});

test('instances with directories of their own must each have their own release', async () => {
  const rig = createRig();
  for (const name of ['a', 'b']) deploy(rig, name);
  symlinkSync('releases/a', rig.path('app-1'));
  symlinkSync('releases/b', rig.path('app-2'));
  rig.configure({ mail: mail({ count: 2, directory: 'app-%i' }) });
  await rig.start();
  expect(releasesOf(rig, 'mail.1')).toEqual(all('a'));
  expect(releasesOf(rig, 'mail.2')).toEqual(all('b'));
  const { instances } = await statusOf(rig);
  expect(instances.map(({ outdated }) => outdated)).toEqual([false, false]);
  const { all: output, exitCode } = await rig.workerctl('restart', '--outdated', '--json');
  expect(exitCode, output).toBe(0);
  expect(story(eventsIn(output), 'draining')).toEqual([]);
});

test('a pass must start nothing in a release that was removed, and say so', async () => {
  const rig = createRig();
  deploy(rig, 'r1');
  rig.configure({ mail: mail() });
  await rig.start();
  const old = await booted(rig.instance('mail.1'));
  rmSync(rig.path('releases/r1'), { recursive: true });
  const { exitCode, stdout } = await rig.workerctl('restart');
  expect(exitCode, stdout).toBe(1);
  expect(stdout).toMatch(/mail\.1.*directory .*current: ENOENT/);
  expect(rig.instance('mail.1').terms()).toEqual([]);
  deploy(rig, 'r1');
  expect((await rig.workerctl('restart')).exitCode).toBe(0);
  expect(releasesOf(rig, 'mail.1')).toEqual(all('r1'));
  expect(await successor(rig.instance('mail.1'), old)).not.toBe(old);
});

/** Pins mail to a release, as an automatic rollback does. */
function pin(rig: Rig, name: string): void {
  const directory = realpathSync(rig.path(`releases/${name}`));
  const request = { at: momentOf(Date.parse('2026-11-28T12:00:00Z')), by: 'ann' };
  const mail = { ...request, directory, release: name, commandDigest: '0123456789ab' };
  const desired = { ...readDesired(rig.stateDir), pins: { mail } };
  writeDesired(rig.stateDir, desired, { isDurable: false });
}

for (const [source, release] of [
  ['the directory', undefined],
  ['a file', { file: 'current/REVISION' }],
] as const)
  test(`every start of a worker that is pinned must use that directory, with a release by ${source}`, async () => {
    const rig = createRig({}, release === undefined ? {} : { release });
    deploy(rig, 'r1');
    rig.configure({ mail: mail({ count: 2 }) });
    await rig.start();
    expect((await rig.act('hold', 'mail.2')).exitCode).toBe(0); // so that there is a state.json
    deploy(rig, 'r2');
    pin(rig, 'r1');
    await killed(rig.instance('mail.1'));
    expect((await rig.act('bootcheck')).exitCode).toBe(0);
    await booted(rig.instance('mail.1'));
    expect(releasesOf(rig, 'mail.1')).toEqual(all('r1'));
    const { instances, releases } = await statusOf(rig);
    expect(instances.map(({ outdated }) => outdated)).toEqual([false, false]);
    expect(releases).toEqual({ mail: 'r1' });

    rmSync(rig.path('releases/r1'), { recursive: true });
    await killed(rig.instance('mail.1'));
    const failed = await rig.act('start', 'mail.1');
    expect(failed.exitCode).toBe(1);
    expect(failed.of('start_failed')).toMatchObject([
      {
        problem: expect.stringMatching(
          /^directory .*\/releases\/r1: ENOENT.*\(mail is pinned to it/,
        ) as unknown,
      },
    ]);
  });
