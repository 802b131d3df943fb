import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { booted, successor, termed } from '../rig/instance.ts';
import { finishJob, giveJob, tells } from '../rig/jobs.ts';
import { story } from '../rig/output.ts';
import { fixture } from '../rig/programs.ts';
import { bootcheck, createRig, expectQuiet, statusOf, type Rig } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';
import { watching } from '../rig/watch.ts';

/** The event that an instance was asked to stop because it is due for recycling. */
const recycled = (instance: string, pid?: number): object => ({
  kind: 'draining',
  instance,
  ...(pid !== undefined && { pid }),
  cause: expect.stringMatching(/recycle/) as string,
});

const allReady = (rig: Rig): Promise<true> =>
  until('all to be ready', async () => (await statusOf(rig)).ok);

describe('a worker that does not say whether it is busy', () => {
  const large = {
    command: fixture('holds-memory'),
    count: 2,
    recycle: { memory: '20MB', min_age: '0s' },
  };

  async function tooLarge(): Promise<Rig> {
    const rig = createRig({ mail: large });
    writeFileSync(rig.path('large'), '');
    await rig.start();
    await allReady(rig);
    rmSync(rig.path('large'));
    return rig;
  }

  test('must be drained when its session is too large, one after the other, and once each', async () => {
    const rig = await tooLarge();
    const [one, two] = [rig.instance('mail.1'), rig.instance('mail.2')];
    const old = [await booted(one), await booted(two)];
    const [shown] = (await statusOf(rig)).instances;
    expect(shown?.memory_bytes).toBeGreaterThan(20e6);
    expect((await rig.workerctl('status')).stdout).toMatch(/^INSTANCE .* MEMORY /);

    expect(await bootcheck(rig)).toMatchObject([recycled('mail.1', old[0])]);
    const note = JSON.parse(readFileSync(rig.path('.workerctl/mail.1.stop'), 'utf8')) as object;
    expect(note).toMatchObject({ sent: true, is_recycle: true });
    await one.left(old[0] ?? 0);

    expect(story(await bootcheck(rig))).toEqual(['started mail.1']);
    await allReady(rig);
    expect(await bootcheck(rig)).toMatchObject([recycled('mail.2', old[1])]);
    await two.left(old[1] ?? 0);
    expect(story(await bootcheck(rig))).toEqual(['started mail.2']);
    await allReady(rig);
    expect(await bootcheck(rig)).toEqual([]);
    expect([one.terms(), two.terms()]).toEqual([[old[0]], [old[1]]]);
    expect(rig.journal('died').map(({ verdict }) => verdict)).toEqual(['recycled', 'recycled']);
  });

  test('must be left alone by commands that were asked for something else', async () => {
    const rig = await tooLarge();
    expect((await rig.act('start')).of('draining')).toEqual([]);
    expect((await rig.act('hold', 'mail.1')).of('draining')).toEqual([]);
    expect(await bootcheck(rig)).toMatchObject([recycled('mail.2')]);
  });

  test('must be recycled by watch on its own', async () => {
    const rig = await tooLarge();
    const old = ['mail.1', 'mail.2'].map((name) => rig.instance(name).pid());
    const { reports } = await watching(rig);
    for (const [index, instance] of ['mail.1', 'mail.2'].entries()) {
      await reports('draining', { instance, pid: old[index] });
      await reports('started', { instance });
    }
    await expectQuiet(rig);
  });
});

test('a limit below what a worker needs must be reported by the journal once and by doctor, and recycle it less and less often', async () => {
  const rig = createRig({
    mail: {
      command: fixture('holds-memory'),
      recycle: { memory: '20MB', min_age: '500ms' },
      backoff: { initial: '6s', max: '20s' },
    },
  });
  writeFileSync(rig.path('large'), '');
  await rig.start();
  const { reports, events } = await watching(rig);
  const told = await reports('recycling_futile', { instance: 'mail.1', count: 2 });
  expect(told['memory_bytes']).toBeGreaterThan(20e6);
  await reports('started', { instance: 'mail.1' });
  expect(events('recycling_futile')).toHaveLength(1);
  expect(rig.journal('recycling_futile')).toHaveLength(1);
  // The size of a process is known for five seconds. After the first, each runs for min_age and the pause.
  const [, second] = rig.journal('died').map(({ uptime_seconds }) => Number(uptime_seconds));
  expect(second).toBeGreaterThan(6.5);
  const { stdout } = await rig.workerctl('doctor');
  expect(stdout).toMatch(/workers\.mail\.recycle\.memory: 20MB, but mail\.1 had \d+MB only /);
  expect((await statusOf(rig)).up).toBe(1);
});

test('doctor must report such a limit before anything was recycled', async () => {
  const rig = createRig({
    mail: { command: fixture('holds-memory'), recycle: { memory: '20MB', min_age: '1h' } },
    fsck: { command: fixture('holds-memory'), recycle: { memory: '1GB', min_age: '1h' } },
  });
  writeFileSync(rig.path('large'), '');
  await rig.start();
  const { stdout } = await rig.workerctl('doctor');
  expect(stdout).toMatch(/workers\.mail\.recycle\.memory: 20MB, but mail\.1 had/);
  expect(stdout).not.toContain('workers.fsck.recycle.memory');
});

test('a worker that is too old must be recycled, and not while another one is down', async () => {
  const rig = createRig({
    mail: {
      command: fixture('drains-after-job'),
      count: 2,
      recycle: { age: '1ms', min_age: '0s' },
    },
  });
  await rig.start();
  expect((await rig.workerctl('stop', 'mail.2')).exitCode).toBe(0);
  const one = rig.instance('mail.1');
  const old = await booted(one);
  await one.giveJob();
  expect(await bootcheck(rig)).toMatchObject([recycled('mail.1', old)]);
  expect((await rig.workerctl('start', 'mail.2')).exitCode).toBe(0);
  expect(await bootcheck(rig)).toEqual([]);
  one.finishJob();
  await one.left(old);
  expect(one.done()).toEqual([old]);
});

test('a worker of an old release must be replaced when it is idle, and never during its job', async () => {
  const rig = createRig(
    { mail: { ...tells, recycle: { outdated: true, min_age: '0s' } } },
    { release: { file: 'REVISION' } },
  );
  writeFileSync(rig.path('REVISION'), 'a1\n');
  rig.configure({ mail: { ...tells, recycle: { outdated: true, min_age: '0s' } } });
  await rig.start();
  const one = rig.instance('mail.1');
  expect(await bootcheck(rig)).toEqual([]);
  const old = await giveJob(rig, one, 'job 7');
  const { reports, events } = await watching(rig);
  writeFileSync(rig.path('REVISION'), 'b2\n');
  expect((await rig.workerctl('trigger')).exitCode).toBe(0);
  expect(await bootcheck(rig)).toEqual([]);
  expect(one.terms()).toEqual([]);
  finishJob(rig, old);
  await until('watch to see the new release', async () => {
    await rig.workerctl('trigger');
    return events('draining').length > 0;
  });
  await termed(one, old);
  await successor(one, old);
  expect(events('draining')).toMatchObject([recycled('mail.1', old)]);
  await reports('started', { instance: 'mail.1' });
  await allReady(rig);
  // The watch has started it by the name that the release has now.
  expect((await statusOf(rig)).instances[0]).toMatchObject({ release: 'b2', outdated: false });
  expect(one.done()).toEqual([old]);
});
