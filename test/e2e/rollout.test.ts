import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { successor, termed } from '../rig/instance.ts';
import { finishJob, giveJob, tells } from '../rig/jobs.ts';
import { environmentOf } from '../rig/kernel.ts';
import { bootcheck, createRig, removeState, statusOf, type Rig } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';

/** What other commands do to a restart that is under way; the rules themselves are tested in core. */
const workers = { mail: { ...tells, count: 3 } };

async function busyThree(): Promise<{
  rig: Rig;
  all: ReturnType<Rig['instance']>[];
  old: number[];
}> {
  const rig = createRig(workers, { release: { file: 'REVISION' } });
  writeFileSync(rig.path('REVISION'), 'r1\n');
  await rig.start();
  const all = ['mail.1', 'mail.2', 'mail.3'].map((name) => rig.instance(name));
  const old: number[] = [];
  for (const instance of all) old.push(await giveJob(rig, instance, 'a long job'));
  writeFileSync(rig.path('REVISION'), 'r2\n');
  return { rig, all, old };
}

/** The same with a restart of r2 that waits for its canary, mail.1. */
async function restarting(...options: string[]) {
  const { rig, all, old } = await busyThree();
  const waiting = rig.act('restart', ...options);
  await termed(rig.instance('mail.1'), old[0] ?? 0);
  return { rig, all, old, waiting };
}

const shown = async (rig: Rig): Promise<readonly Record<string, unknown>[]> =>
  (
    JSON.parse((await rig.workerctl('rollout', '--json')).stdout) as {
      rollouts: readonly Record<string, unknown>[];
    }
  ).rollouts;

const isOver = (rig: Rig): Promise<boolean> => shown(rig).then((all) => all.length === 0);

test('rollout must show each instance, since when and who asked; and say so if there is none', async () => {
  const { rig, old, waiting } = await restarting();
  const [rollout] = await shown(rig);
  expect(rollout).toMatchObject({ state: 'running', change: 'r1 -> r2', waiting: 2, under_way: 1 });
  expect(rollout?.['instances']).toMatchObject([
    { instance: 'mail.1', state: 'draining', pid: old[0], release: 'r1' },
    { instance: 'mail.2', state: 'waiting', pid: old[1] },
    { instance: 'mail.3', state: 'waiting', pid: old[2] },
  ]);
  const { stdout } = await rig.workerctl('rollout');
  expect(stdout).toMatch(/^restart of .* by .* \(r1 -> r2\): 1 under way, 2 waiting/);
  expect(stdout).toMatch(/^mail\.1 +draining +\d+ .* r1 +a long job/m);
  for (const pid of old) finishJob(rig, pid);
  expect((await waiting).exitCode).toBe(0);
  expect((await rig.workerctl('rollout')).stdout).toBe('no restart is in progress');
  const { exitCode, all: said } = await rig.workerctl('rollout', 'cancel');
  expect([exitCode, said]).toEqual([1, expect.stringContaining('there is none to cancel')]);
  expect((await rig.workerctl('rollout', 'stop')).exitCode).toBe(2);
  expect((await rig.workerctl('rollout', 'cancel', '--for', '5m')).exitCode).toBe(2);
});

test('pause must keep the rest from being asked, over any pass, until continue', async () => {
  const { rig, all, old, waiting } = await restarting();
  expect((await rig.act('rollout', 'pause', '--for', '1h')).story('rollout_paused')).toEqual([
    'rollout_paused mail',
  ]);
  finishJob(rig, old[0] ?? 0);
  await successor(rig.instance('mail.1'), old[0] ?? 0);
  await until('the canary to be ready', async () => (await shown(rig))[0]?.['replaced'] === 1);
  await bootcheck(rig);
  expect(all.map((instance) => instance.terms().length)).toEqual([1, 0, 0]);
  expect((await statusOf(rig)).rollouts).toMatchObject([{ state: 'paused', replaced: 1 }]);
  expect((await rig.workerctl('rollout', 'continue')).exitCode).toBe(0);
  for (const pid of old) finishJob(rig, pid);
  const { exitCode, all: said } = await waiting;
  expect(exitCode, said).toBe(0);
  expect((await rig.act('rollout', 'pause')).exitCode).toBe(1);
});

test('cancel must leave those that were not asked alone; the restart ends with 5 and says by whom', async () => {
  const { rig, all, old, waiting } = await restarting();
  const cancelled = await rig.act('rollout', 'cancel');
  expect(cancelled.of('rollout_cancelled')).toMatchObject([
    { pending_count: 2, under_way_count: 1 },
  ]);
  expect((await shown(rig))[0]).toMatchObject({ state: 'cancelled' });
  finishJob(rig, old[0] ?? 0);
  const { exitCode, all: said } = await waiting;
  expect(exitCode, said).toBe(5);
  await until('the end', () => isOver(rig));
  expect(all.map((instance) => instance.boots().length)).toEqual([2, 1, 1]);
  expect(all.slice(1).map((instance) => instance.terms())).toEqual([[], []]);
  await bootcheck(rig);
  expect(all.map((instance) => instance.boots().length)).toEqual([2, 1, 1]);
  expect(rig.journal('rollout_finished')).toMatchObject([{ how: 'cancelled' }]);
});

test('hold and unhold in the middle must not end a restart, whatever passes come in between', async () => {
  const { rig, all, old } = await busyThree();
  expect((await rig.workerctl('restart', '--no-wait')).exitCode).toBe(0);
  expect((await rig.workerctl('hold', 'mail.2', 'mail.3')).exitCode).toBe(0);
  finishJob(rig, old[0] ?? 0);
  await rig.instance('mail.1').left(old[0] ?? 0);
  await bootcheck(rig);
  await successor(rig.instance('mail.1'), old[0] ?? 0);
  expect((await rig.workerctl('unhold', 'mail.2', 'mail.3')).exitCode).toBe(0);
  await bootcheck(rig);
  for (const pid of old) finishJob(rig, pid);
  await until('all to be replaced', async () => {
    await rig.workerctl('bootcheck');
    return isOver(rig);
  });
  expect(all.map((instance) => instance.boots().length)).toEqual([2, 2, 2]);
  expect(all.map((instance) => instance.terms().length)).toEqual([1, 1, 1]);
});

test('a restart must wait for what is held no longer, and end with 0 if one stays held', async () => {
  const { rig, all, old, waiting } = await restarting();
  await rig.workerctl('hold', 'mail.2', 'mail.3');
  await rig.workerctl('unhold', 'mail.2');
  for (const pid of old) finishJob(rig, pid);
  const { exitCode, all: said, story } = await waiting;
  expect(exitCode, said).toBe(0);
  expect(story('skipped_held')).toEqual(['skipped_held mail.3']);
  expect(all.map((instance) => instance.boots().length)).toEqual([2, 2, 1]);
  expect(await shown(rig)).toMatchObject([{ replaced: 2, waiting: 1 }]);
});

test('a restart whose instances are all stopped must end with 5', async () => {
  const { rig, old, waiting } = await restarting();
  expect((await rig.workerctl('stop', '--no-wait')).exitCode).toBe(0);
  const { exitCode, all: said } = await waiting;
  expect(exitCode, said).toBe(5);
  for (const pid of old) finishJob(rig, pid);
  expect(await isOver(rig)).toBe(true);
});

test('a pass without the worker in its config must not drop the restart', async () => {
  const { rig, all, old } = await busyThree();
  expect((await rig.workerctl('restart', '--no-wait', '--no-canary')).exitCode).toBe(0);
  rig.configure({ images: tells });
  await bootcheck(rig);
  expect(await shown(rig)).toMatchObject([
    { unknown_workers: ['mail'], instances: [{ state: 'unknown' }, {}, {}] },
  ]);
  expect((await rig.workerctl('rollout')).stdout).toContain('the config has no worker mail');
  rig.configure(workers);
  for (const pid of old) finishJob(rig, pid);
  await until('all to be replaced', async () => {
    await rig.workerctl('bootcheck');
    return isOver(rig);
  });
  expect(all.map((instance) => instance.boots().length)).toEqual([2, 2, 2]);
});

test('a restart that waits must notice that its worker is gone from the config, and say so', async () => {
  const { rig, old, waiting } = await restarting();
  rig.configure({ images: tells });
  const { exitCode, all: said } = await waiting;
  expect(exitCode, said).toBe(1);
  expect(said).toContain('the config does not have this worker any more');
  expect(await shown(rig)).toMatchObject([{ unknown_workers: ['mail'] }]);
  for (const pid of old) finishJob(rig, pid);
});

test('a restart that waits must start what the changed config says, and prove that first', async () => {
  const { rig, all, old, waiting } = await restarting();
  rig.configure({ mail: { ...tells, count: 3, env: { EDITION: 'second' } } });
  finishJob(rig, old[0] ?? 0);
  const { EDITION } = environmentOf(await successor(rig.instance('mail.1'), old[0] ?? 0));
  expect(EDITION).toBe('second');
  for (const pid of old) finishJob(rig, pid);
  const { exitCode, all: said } = await waiting;
  expect(exitCode, said).toBe(0);
  for (const instance of all)
    expect(environmentOf(instance.process()?.pid ?? 0)).toMatchObject({ EDITION: 'second' });
});

test('a restart that waits must notice that state.json and its copy were removed', async () => {
  const { rig, old, waiting } = await restarting();
  removeState(rig);
  await bootcheck(rig);
  const { exitCode, all: said } = await waiting;
  expect(exitCode, said).toBe(1);
  for (const pid of old) finishJob(rig, pid);
});

test('more instances in the middle of a restart must run the new code, and prove it', async () => {
  const { rig, all, old, waiting } = await restarting();
  expect((await rig.workerctl('want', '4', 'mail')).exitCode).toBe(0);
  await until('the new one to be proof', () => all.slice(1).every((one) => one.terms().length > 0));
  for (const pid of old) finishJob(rig, pid);
  const { exitCode, all: said } = await waiting;
  expect(exitCode, said).toBe(0);
  await until('the end', () => isOver(rig));
  expect((await statusOf(rig)).instances.map(({ release }) => release)).toEqual([
    'r2',
    'r2',
    'r2',
    'r2',
  ]);
});

test('a second restart must ask another instance at once, while the first one drains', async () => {
  const rig = createRig({ mail: { ...tells, count: 3 } });
  await rig.start();
  const all = ['mail.1', 'mail.2', 'mail.3'].map((name) => rig.instance(name));
  const long = await giveJob(rig, rig.instance('mail.1'), 'a long job');
  const other = await giveJob(rig, rig.instance('mail.2'), 'another');
  const first = rig.act('restart', 'mail.1', 'mail.2', '--no-canary');
  await termed(rig.instance('mail.1'), long);
  const later = rig.act('restart');
  await until('mail.3 to be replaced', () => all[2]?.boots().length === 2);
  expect((await first).exitCode).toBe(5);
  for (const pid of [long, other]) finishJob(rig, pid);
  const { exitCode, all: said } = await later;
  expect(exitCode, said).toBe(0);
  expect(all.map((one) => one.terms().length)).toEqual([1, 1, 1]);
});

/** Two releases behind a link, of which the second one dies at once. */
async function releaseTwoFails(restart: Readonly<Record<string, unknown>>) {
  const rig = createRig();
  for (const [release, program] of [
    ['r1', 'exec sleep 1000'],
    ['r2', 'exit 1'],
  ] as const) {
    mkdirSync(rig.path(release));
    writeFileSync(rig.path(`${release}/work`), `#!/bin/sh\n${program}\n`, { mode: 0o755 });
  }
  symlinkSync('r1', rig.path('current'));
  // On a busy machine a release that fails at once may live for some tenths of a second.
  const ready = { after: '1s' };
  const directory = rig.path('current');
  rig.configure({ mail: { command: './work', count: 2, directory, ready, restart } });
  expect((await rig.workerctl('start')).exitCode).toBe(0);
  rmSync(rig.path('current'));
  symlinkSync('r2', rig.path('current'));
  return rig;
}

const releasesOf = async (rig: Rig): Promise<(string | null)[]> =>
  (await statusOf(rig)).instances.map(({ release }) => release);

test('after an abort and a rollback of the link, --outdated must start what is missing, and no more', async () => {
  const rig = await releaseTwoFails({});
  expect((await rig.workerctl('restart')).exitCode).toBe(1);
  const [, kept] = (await statusOf(rig)).instances;
  expect((await statusOf(rig)).rollouts).toMatchObject([{ state: 'aborted' }]);
  rmSync(rig.path('current'));
  symlinkSync('r1', rig.path('current'));
  expect((await statusOf(rig)).rollouts).toEqual([]);
  const { exitCode, all, events } = await rig.act('restart', '--outdated');
  expect(exitCode, all).toBe(0);
  expect(await releasesOf(rig)).toEqual(['r1', 'r1']);
  expect((await statusOf(rig)).instances[1]?.pid).toBe(kept?.pid);
  expect(events.filter(({ release }) => release === 'r2')).toEqual([]);
  await bootcheck(rig);
  expect(rig.journal('rollout_finished').map(({ how }) => how)).toEqual([
    'aborted',
    'rolled_back',
    'done',
  ]);
});

test('on_failure: rollback must start the worker where it ran before, until the next restart', async () => {
  const rig = await releaseTwoFails({ on_failure: 'rollback' });
  const { exitCode, all } = await rig.act('restart');
  expect(exitCode, all).toBe(1);
  expect(await releasesOf(rig)).toEqual(['r1', 'r1']);
  const status = await rig.workerctl('status');
  expect(status.stdout).toContain('mail: pinned to r1');
  expect((await statusOf(rig)).rollouts).toEqual([]);
  // Any start uses the pin, until a restart names the worker.
  await rig.workerctl('stop', '--now', 'mail.2');
  await rig.workerctl('start', 'mail.2');
  expect(await releasesOf(rig)).toEqual(['r1', 'r1']);
  writeFileSync(rig.path('r2/work'), '#!/bin/sh\nexec sleep 1000\n', { mode: 0o755 });
  expect((await rig.workerctl('restart')).exitCode).toBe(0);
  expect(await releasesOf(rig)).toEqual(['r2', 'r2']);
  expect((await rig.workerctl('status')).stdout).not.toContain('pinned');
});

test('a rollback that a finisher makes must start the worker where it ran before, with no other command', async () => {
  const rig = await releaseTwoFails({ on_failure: 'rollback', finisher: true });
  await rig.workerctl('restart', '--no-wait');
  await until('the restart to fail', () => rig.journal('start_failed').length > 0);
  await until('the old release', async () => {
    const { instances } = await statusOf(rig);
    return instances.every(({ state, release }) => state === 'ready' && release === 'r1');
  });
  expect(rig.journal('started').at(-1)?.['command']).toBe('restart');
});

test('a rollback to a directory that is gone must be an abort that says so', async () => {
  const rig = await releaseTwoFails({ on_failure: 'rollback' });
  rmSync(rig.path('r1'), { recursive: true });
  expect((await rig.workerctl('restart')).exitCode).toBe(1);
  const { rollouts } = await statusOf(rig);
  expect(rollouts[0]?.aborted).toMatch(/not rolled back: .*r1 is gone/);
});
