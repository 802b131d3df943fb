import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { booted, createRig, eventsIn, fixture, until, type EventJson, type Rig } from './rig.ts';
import { finishJob, giveJob, statusOf, successor, tells, termed } from './rollout-rig.ts';
import { watching } from './watch-rig.ts';

/** What it does; that it tells of each death is the topic of deaths.test.ts. */
const bootcheck = async (rig: Rig): Promise<EventJson[]> => {
  const { all, exitCode } = await rig.workerctl('bootcheck', '--json');
  expect(exitCode).toBe(0);
  return eventsIn(all).filter(({ kind }) => kind !== 'died' && kind !== 'lost');
};

const allReady = (rig: Rig): Promise<true> =>
  until(async () => (await statusOf(rig)).ok, 'all to be ready');

const causesIn = (events: readonly EventJson[]): unknown[] =>
  events.map(({ kind, instance, cause }) => `${kind} ${instance}: ${String(cause)}`);

describe('a worker of which nobody knows whether it is busy', () => {
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
    const status = await rig.workerctl('status');
    expect(status.stdout).toMatch(/^INSTANCE +STATE +PID +UPTIME +MEMORY +DETAIL\n/);
    expect(status.stdout).toMatch(/mail\.1 +ready +\d+ +\S+ +\d\dMB/);

    const [asked, ...more] = await bootcheck(rig);
    expect(more).toEqual([]);
    expect(causesIn(asked ? [asked] : [])).toEqual([
      expect.stringMatching(/^asked mail\.1: recycled: memory \d\dMB \(limit 20MB\)$/),
    ]);
    const note = JSON.parse(readFileSync(rig.path('.workerctl/mail.1.stop'), 'utf8')) as object;
    expect(note).toMatchObject({ sent: true, is_recycle: true });
    await one.left(old[0] ?? 0);

    const [started, ...others] = await bootcheck(rig);
    expect(causesIn(started ? [started] : [])).toEqual([
      `started mail.1: pid ${old[0]} was recycled: exit status 0`,
    ]);
    expect(others).toEqual([]);
    await allReady(rig);
    expect(causesIn(await bootcheck(rig))).toEqual([
      expect.stringMatching(/^asked mail\.2: recycled: memory/),
    ]);
    await two.left(old[1] ?? 0);
    expect(causesIn(await bootcheck(rig))).toEqual([expect.stringMatching(/^started mail\.2/)]);
    await allReady(rig);
    expect(await bootcheck(rig)).toEqual([]);
    expect([one.terms(), two.terms()]).toEqual([[old[0]], [old[1]]]);
    const told = await rig.workerctl('events', '--kind', 'died', '--json');
    expect(told.stdout.match(/"verdict":"recycled"/g)).toHaveLength(2);
  });

  test('must be left alone by commands that were asked for something else', async () => {
    const rig = await tooLarge();
    expect((await rig.workerctl('start')).stdout).not.toContain('recycled');
    expect((await rig.workerctl('hold', 'mail.1')).stdout).not.toContain('recycled');
    expect(causesIn(await bootcheck(rig))).toEqual([
      expect.stringMatching(/^asked mail\.2: recycled/),
    ]);
  });

  test('must be recycled by watch without anybody asking', async () => {
    const rig = await tooLarge();
    const { says } = await watching(rig);
    await says(/mail\.1: started pid \d+: pid \d+ was recycled/);
    await says(/mail\.2: started pid \d+: pid \d+ was recycled/);
    expect((await rig.workerctl('bootcheck')).stdout).toBe('');
  });
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
  expect(causesIn(await bootcheck(rig))).toEqual([
    expect.stringMatching(/^asked mail\.1: recycled: age \S+ \(limit 0s\)$/),
  ]);
  expect((await rig.workerctl('start', 'mail.2')).exitCode).toBe(0);
  expect(await bootcheck(rig)).toEqual([]);
  one.finishJob();
  await one.left(old);
  expect(one.done()).toEqual([old]);
});

test('a worker of an old release must be replaced when it is idle, and never at its job', async () => {
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
  const { says, said } = await watching(rig);
  writeFileSync(rig.path('REVISION'), 'b2\n');
  expect((await rig.workerctl('trigger')).exitCode).toBe(0);
  expect(await bootcheck(rig)).toEqual([]);
  expect(one.terms()).toEqual([]);
  finishJob(rig, old);
  await until(async () => {
    await rig.workerctl('trigger');
    return said().includes('recycled: release a1, now b2');
  }, 'watch to see the new release');
  await termed(one, old);
  await successor(one, old);
  await says(/mail\.1: started pid \d+: pid \d+ was recycled/);
  await allReady(rig);
  // The watch has started it by the name that the release has now.
  expect((await statusOf(rig)).instances[0]).toMatchObject({ release: 'b2', outdated: false });
  expect(one.done()).toEqual([old]);
});
