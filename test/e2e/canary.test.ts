import { rmSync } from 'node:fs';
import { expect, test } from 'vitest';
import { booted, successor, termed, type InstanceHandle } from '../rig/instance.ts';
import { finishJob, giveJob, letGo, put, tells } from '../rig/jobs.ts';
import { isStillThere } from '../rig/kernel.ts';
import { eventsIn, mostDown, story } from '../rig/output.ts';
import { createRig, expectQuiet, statesOf, statusOf, type Rig } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';

/** This many running instances of mail. */
async function running(
  count: number,
  keys: Readonly<Record<string, unknown>> = {},
): Promise<{ rig: Rig; all: InstanceHandle[]; old: number[] }> {
  const rig = createRig({ mail: { ...tells, count, ...keys } });
  await rig.start();
  const all = Array.from({ length: count }, (_, index) => rig.instance(`mail.${index + 1}`));
  return { rig, all, old: await Promise.all(all.map(booted)) };
}

const [first, second, third] = [0, 1, 2] as const;
const at = <T>(list: readonly T[], index: number): T => {
  const item = list[index];
  if (item === undefined) throw new Error(`expected an item ${index}`);
  return item;
};

test('restart must ask an idle instance first, and the others when its replacement is ready', async () => {
  const { rig, all, old } = await running(4);
  await giveJob(rig, at(all, first), 'job 1');
  await giveJob(rig, at(all, second), 'job 2');
  put(rig, 'slow');
  const restarting = rig.workerctl('restart', '--json');
  const canary = await successor(at(all, third), at(old, third));
  expect(await statesOf(rig)).toEqual(
    ['ready', 'ready', 'starting', 'ready'].map((state, index) => `mail.${index + 1} ${state}`),
  );
  expect(all.flatMap((instance) => instance.terms())).toEqual([at(old, third)]);

  rmSync(rig.path('slow'));
  letGo(rig, canary);
  for (const pid of [at(old, first), at(old, second)]) finishJob(rig, pid);
  const { exitCode, all: said } = await restarting;
  expect(exitCode, said).toBe(0);
  const events = eventsIn(said);
  expect(story(events, 'draining', 'rollout_continues').slice(0, 2)).toEqual([
    'draining mail.3',
    'rollout_continues mail.3',
  ]);
  // None of the others waits for another one of them.
  expect(story(events, 'rollout_continues', 'draining', 'started').slice(2, 6)).toEqual([
    'rollout_continues mail.3',
    'draining mail.1',
    'draining mail.2',
    'draining mail.4',
  ]);
  expect(all.map((instance) => instance.terms())).toEqual(old.map((pid) => [pid]));
  expect(all.map((instance) => instance.boots().length)).toEqual([2, 2, 2, 2]);
});

test('restart must report each process that has exited, also if several exit at once', async () => {
  const { rig, all, old } = await running(4);
  const { exitCode, all: said } = await rig.workerctl('restart', '--json');
  expect(exitCode, said).toBe(0);
  const left = eventsIn(said).filter(({ kind }) => kind === 'exited');
  expect(left.map(({ pid }) => pid).sort()).toEqual([...old].sort());
  for (const { death, drained_seconds: drained } of left) {
    expect(death).toEqual({ kind: 'exited', exit_status: 0 });
    expect(drained).toBeGreaterThanOrEqual(0);
  }
  expect(all.map((instance) => instance.processes().length)).toEqual([1, 1, 1, 1]);
});

test('a canary that drains for longer than patience must be joined by another one, and the first that is ready proves the release', async () => {
  const { rig, all, old } = await running(3, { restart: { patience: '300ms' } });
  for (const instance of all) await giveJob(rig, instance, 'a long job');
  const restarting = rig.workerctl('restart', '--json');
  await termed(at(all, first), at(old, first));
  await termed(at(all, second), at(old, second));
  finishJob(rig, at(old, second));
  for (const index of [first, third]) {
    await termed(at(all, index), at(old, index));
    finishJob(rig, at(old, index));
  }
  const { exitCode, all: said } = await restarting;
  expect(exitCode, said).toBe(0);
  const events = story(eventsIn(said), 'draining', 'exited');
  expect(events.slice(0, 2)).toEqual(['draining mail.1', 'draining mail.2']);
  expect(all.map((instance) => instance.terms())).toEqual(old.map((pid) => [pid]));
});

test('a canary that drains within patience must stay the only one', async () => {
  const { rig, all, old } = await running(2);
  for (const instance of all) await giveJob(rig, instance, 'a long job');
  const restarting = rig.workerctl('restart', '--wait', '400ms');
  await termed(at(all, first), at(old, first));
  expect((await restarting).exitCode).toBe(124);
  expect(at(all, second).terms()).toEqual([]);
});

for (const how of ['dies', 'is not ready in time'] as const) {
  test(`a canary that ${how} must abort the restart: the others keep their processes, also from bootcheck`, async () => {
    const { rig, all, old } = await running(3, {
      backoff: { initial: '1h', max: '1h' },
      ready: { log: '^ready to work$', timeout: how === 'dies' ? '40s' : '400ms' },
    });
    put(rig, how === 'dies' ? 'broken' : 'slow');
    const others = [at(all, second), at(all, third)];
    const before = others.map((instance) => instance.process());
    const { exitCode, of } = await rig.act('restart');
    expect(exitCode).toBe(1);
    expect(of('rollout_aborted')).toMatchObject([{ instance: 'mail.1', pending_count: 2 }]);
    const log = how === 'dies' ? ['cannot load the new code'] : [];
    expect(of('start_failed')).toMatchObject([{ instance: 'mail.1', log }]);
    const { rollouts } = await statusOf(rig);
    expect(rollouts).toMatchObject([{ failed: 1, waiting: 2 }]);
    expect(rollouts[0]?.aborted).toEqual(expect.stringContaining('mail.1'));
    const { stdout: table } = await rig.workerctl('status');
    expect(table).toMatch(/^restart .*aborted.*mail\.1/m);

    for (const round of [1, 2]) await expectQuiet(rig, `round ${round}`);
    expect(before.every((each) => each !== undefined && isStillThere(each))).toBe(true);
    expect(others.flatMap((instance) => instance.terms())).toEqual([]);

    rmSync(rig.path(how === 'dies' ? 'broken' : 'slow'));
    const { exitCode: after, all: said } = await rig.workerctl('restart');
    expect(after, said).toBe(0);
    expect(others.map((instance) => instance.terms())).toEqual([[old[1]], [old[2]]]);
    const terms = at(all, first).terms();
    expect(new Set(terms).size).toBe(terms.length);
    expect((await statusOf(rig)).rollouts).toEqual([]);
  });
}

test('bootcheck must start the instance that failed in an aborted restart again until it is ready, and nothing else', async () => {
  const { rig, all, old } = await running(2, { backoff: { initial: '100ms', max: '1h' } });
  put(rig, 'broken');
  expect((await rig.workerctl('restart')).exitCode).toBe(1);
  const canary = at(all, first);
  await until('a second try', async () => {
    await rig.workerctl('bootcheck');
    return canary.boots().length >= 3;
  });
  rmSync(rig.path('broken'));
  await until('mail.1 to be back', async () => {
    await rig.workerctl('bootcheck');
    return (await statesOf(rig))[0] === 'mail.1 ready';
  });
  expect(at(all, second).boots()).toEqual([old[1]]);
  const status = await statusOf(rig);
  expect(status.instances.map(({ outdated }) => outdated)).toEqual([false, true]);
  expect(status.rollouts).toHaveLength(1);
});

test('restart --batch 1 must replace one after the other', async () => {
  const { rig, all } = await running(3);
  const { exitCode, all: said } = await rig.workerctl(
    'restart',
    '--json',
    '--no-canary',
    '--batch',
    '1',
  );
  expect(exitCode, said).toBe(0);
  expect(story(eventsIn(said), 'draining', 'ready')).toEqual(
    all.flatMap(({ name }) => [`draining ${name}`, `ready ${name}`]),
  );
});

test('restart --batch 50% must have at most half of them down at once', async () => {
  const { rig } = await running(4);
  const { exitCode, all: said } = await rig.workerctl(
    'restart',
    '--json',
    '--no-canary',
    '--batch',
    '50%',
  );
  expect(exitCode, said).toBe(0);
  expect(mostDown(eventsIn(said))).toBe(2);
});

test('restart --no-canary must ask all at once', async () => {
  const { rig, all } = await running(3);
  const { exitCode, all: said } = await rig.workerctl('restart', '--json', '--no-canary');
  expect(exitCode, said).toBe(0);
  expect(story(eventsIn(said), 'draining', 'started').slice(0, 3)).toEqual(
    all.map(({ name }) => `draining ${name}`),
  );
});

test('each worker must have a canary of its own', async () => {
  const rig = createRig({ mail: { ...tells, count: 2 }, images: { ...tells, count: 2 } });
  await rig.start();
  put(rig, 'slow');
  const restarting = rig.workerctl('restart', '--json');
  for (const name of ['mail.1', 'images.1'])
    letGo(rig, await successor(rig.instance(name), rig.instance(name).boots()[0] ?? 0));
  for (const name of ['mail.2', 'images.2'])
    letGo(rig, await successor(rig.instance(name), rig.instance(name).boots()[0] ?? 0));
  const { exitCode, all: said } = await restarting;
  expect(exitCode, said).toBe(0);
  expect(story(eventsIn(said), 'draining').slice(0, 2)).toEqual([
    'draining mail.1',
    'draining images.1',
  ]);
  expect(story(eventsIn(said), 'rollout_continues').toSorted()).toEqual([
    'rollout_continues images.1',
    'rollout_continues mail.1',
  ]);
});
