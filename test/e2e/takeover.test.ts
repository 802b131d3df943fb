import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { booted, successor, termed } from '../rig/instance.ts';
import { finishJob, giveJob, tells } from '../rig/jobs.ts';
import { eventsIn } from '../rig/output.ts';
import { createRig, statusOf, type Rig } from '../rig/rig.ts';

const deploy = (rig: Rig, release: string): void => {
  writeFileSync(rig.path('REVISION'), `${release}\n`);
};

/** Three instances of release r1, all of them busy, and another worker. */
async function busyThree(): Promise<{
  rig: Rig;
  all: ReturnType<Rig['instance']>[];
  old: number[];
}> {
  const rig = createRig(
    { mail: { ...tells, count: 3 }, images: tells },
    { release: { file: 'REVISION' } },
  );
  deploy(rig, 'r1');
  await rig.start();
  const all = ['mail.1', 'mail.2', 'mail.3'].map((name) => rig.instance(name));
  const old: number[] = [];
  for (const instance of all) old.push(await giveJob(rig, instance, 'a long job'));
  return { rig, all, old };
}

const releases = async (rig: Rig): Promise<(string | null)[]> =>
  (await statusOf(rig)).instances.map(({ release }) => release);

test('a later deploy must supersede an earlier one, which says so and fails; each process must be asked once, and all get the newest release', async () => {
  const { rig, all, old } = await busyThree();
  deploy(rig, 'r2');
  const earlier = rig.act('restart', 'mail');
  await termed(rig.instance('mail.1'), old[0] ?? 0);
  deploy(rig, 'r3');
  const later = rig.workerctl('restart', 'mail', '--json');
  const { exitCode, story } = await earlier;
  expect(exitCode).toBe(5);
  expect(story('rollout_superseded')).toEqual(all.map(({ name }) => `rollout_superseded ${name}`));

  for (const pid of old) finishJob(rig, pid);
  const { exitCode: code, all: said } = await later;
  expect(code, said).toBe(0);
  expect(all.map((instance) => instance.terms())).toEqual(old.map((pid) => [pid]));
  expect(all.map((instance) => instance.done())).toEqual(old.map((pid) => [pid]));
  expect(all.map((instance) => instance.boots().length)).toEqual([2, 2, 2]);
  expect(await releases(rig)).toEqual(['r3', 'r3', 'r3', 'r1']);
  expect((await statusOf(rig)).rollouts).toEqual([]);
});

test('a later deploy must also replace what the earlier one has replaced already', async () => {
  const { rig, all, old } = await busyThree();
  deploy(rig, 'r2');
  const earlier = rig.workerctl('restart', '--no-canary', 'mail');
  const [mail] = all;
  if (mail === undefined) throw new Error('expected an instance');
  finishJob(rig, old[0] ?? 0);
  const second = await successor(mail, old[0] ?? 0);
  deploy(rig, 'r3');
  const later = rig.workerctl('restart', 'mail', '--json');
  const { exitCode, stdout } = await earlier;
  expect(exitCode, stdout).toBe(5);
  for (const pid of old.slice(1)) finishJob(rig, pid);
  const { exitCode: code, all: said } = await later;
  expect(code, said).toBe(0);
  expect(mail.terms()).toEqual([old[0], second]);
  expect(all.slice(1).map((instance) => instance.terms())).toEqual(
    old.slice(1).map((pid) => [pid]),
  );
  expect(await releases(rig)).toEqual(['r3', 'r3', 'r3', 'r1']);
});

test('a later deploy that does not wait must leave the newest release to bootcheck', async () => {
  const { rig, all, old } = await busyThree();
  deploy(rig, 'r2');
  expect((await rig.workerctl('restart', 'mail', '--no-wait', '--no-canary')).exitCode).toBe(0);
  deploy(rig, 'r3');
  expect((await rig.workerctl('restart', 'mail', '--no-wait', '--no-canary')).exitCode).toBe(0);
  for (const [index, instance] of all.entries()) {
    const pid = old[index] ?? 0;
    finishJob(rig, pid);
    await instance.left(pid);
  }
  expect((await rig.workerctl('bootcheck')).exitCode).toBe(0);
  for (const [index, instance] of all.entries()) await successor(instance, old[index] ?? 0);
  expect(all.map((instance) => instance.terms())).toEqual(old.map((pid) => [pid]));
  expect(await releases(rig)).toEqual(['r3', 'r3', 'r3', 'r1']);
});

test('a deploy of another worker in between must disturb nothing', async () => {
  const { rig, all, old } = await busyThree();
  const before = await booted(rig.instance('images.1'));
  const mails = rig.workerctl('restart', 'mail', '--json');
  await termed(rig.instance('mail.1'), old[0] ?? 0);
  const images = await rig.workerctl('restart', 'images');
  expect(images.exitCode, images.all).toBe(0);
  expect(rig.instance('images.1').terms()).toEqual([before]);
  for (const pid of old) finishJob(rig, pid);
  const { exitCode, all: said } = await mails;
  expect(exitCode, said).toBe(0);
  expect(eventsIn(said).filter(({ kind }) => kind === 'rollout_superseded')).toEqual([]);
  expect(all.map((instance) => instance.terms())).toEqual(old.map((pid) => [pid]));
  expect(rig.instance('images.1').boots()).toHaveLength(2);
});
