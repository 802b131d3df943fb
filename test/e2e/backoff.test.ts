import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  booted,
  createRig,
  eventsIn,
  fixture,
  until,
  type EventJson,
  type InstanceHandle,
  type Rig,
} from './rig.ts';
import { heard, statusOf } from './rollout-rig.ts';
import { watching } from './watch-rig.ts';

// Workers that die young. No test waits for the pauses of those that it starts by bootcheck: they are too long for that.

const idle = { command: fixture('idle') };

/** Kills the process of an instance as nobody has asked for, and waits until that was written down. */
async function kill(instance: InstanceHandle): Promise<number> {
  const pid = await booted(instance);
  process.kill(pid, 'SIGKILL');
  await instance.left(pid);
  return pid;
}

/** What it does; that it tells of each death is the topic of deaths.test.ts. */
const bootcheck = async (rig: Rig): Promise<EventJson[]> => {
  const { all, exitCode } = await rig.workerctl('bootcheck', '--json');
  expect(exitCode).toBe(0);
  return eventsIn(all).filter(({ kind }) => kind !== 'died' && kind !== 'lost');
};

const kindsIn = (events: readonly EventJson[]): string[] => events.map(({ kind }) => kind);

describe('a ready worker that dies young', () => {
  const slow = { ...idle, backoff: { initial: '1h', max: '2h' } };

  /** It has died twice, the second time under no eyes yet. */
  async function diedTwice(rig: Rig): Promise<InstanceHandle> {
    const instance = rig.instance('mail.1');
    await rig.start();
    await kill(instance);
    expect(kindsIn(await bootcheck(rig))).toEqual(['started']);
    await until(async () => (await statusOf(rig)).ready === 1, 'mail.1 to be ready');
    await kill(instance);
    return instance;
  }

  test('must be replaced at once, and the second time held back, told once and shown', async () => {
    const rig = createRig({ mail: slow });
    const instance = await diedTwice(rig);
    const [told, ...more] = await bootcheck(rig);
    expect(more).toEqual([]);
    expect(told).toMatchObject({
      kind: 'backoff',
      instance: 'mail.1',
      count: 2,
      delay_s: 3600,
      why: expect.stringMatching(/^pid \d+ died: signal 9 \(SIGKILL\), 2 times in a row/) as string,
    });
    expect(await bootcheck(rig)).toEqual([]);
    expect(instance.process()).toBeUndefined();

    const { stdout, exitCode } = await rig.workerctl('status');
    expect(exitCode).toBe(3);
    expect(stdout).toMatch(
      /mail\.1 +backoff .*signal 9 \(SIGKILL\), 2 times in a row within 10m of its start; not started for 59m \d+s, until \d\d:/,
    );
    const metrics = await rig.workerctl('status', '--format=prometheus');
    expect(metrics.stdout).toMatch(/workerctl_instance_failures\{.*identifier="1"\} 2/);
    expect(metrics.stdout).toMatch(/workerctl_instance_state\{.*state="backoff"\} 1/);
  });

  test('must be mailed by cron in words', async () => {
    const rig = createRig({ mail: slow });
    await diedTwice(rig);
    const { stdout } = await rig.workerctl('bootcheck');
    expect(stdout).toMatch(
      /^\d\d:\d\d:\d\d mail\.1: not started until \d\d:\d\d:\d\d \(1h after its death\): .*; workerctl start mail\.1 starts it at once$/m,
    );
  });

  test('must be started at once by start, which forgets what was', async () => {
    const rig = createRig({ mail: slow });
    const instance = await diedTwice(rig);
    await bootcheck(rig);
    await rig.start();
    await kill(instance);
    expect(kindsIn(await bootcheck(rig))).toEqual(['started']);
  });

  test('must not be held back where only deaths before it was ready count', async () => {
    const rig = createRig({
      mail: { ...slow, backoff: { initial: '1h', max: '1h', reset: '0s' } },
    });
    await diedTwice(rig);
    expect(kindsIn(await bootcheck(rig))).toEqual(['started']);
  });

  test('must not be held back when it was asked to leave', async () => {
    const rig = createRig({ mail: slow });
    const instance = rig.instance('mail.1');
    await rig.start();
    for (let round = 0; round < 3; round += 1) {
      const pid = await booted(instance);
      expect((await rig.workerctl('restart')).exitCode).toBe(0);
      expect(instance.pid()).not.toBe(pid);
    }
    expect((await statusOf(rig)).ok).toBe(true);
  });
});

test('watch must wait longer after each death, up to the limit, and go on for ever', async () => {
  const rig = createRig({
    mail: { ...idle, backoff: { initial: '1s', max: '2s' } },
  });
  const instance = rig.instance('mail.1');
  await rig.start();
  const said = heard(rig.workerctl('watch', '--json'));
  await until(() => existsSync(rig.path('.workerctl/control.sock')), 'watch to begin');
  const deaths = 5;
  for (let death = 0; death < deaths; death += 1) await killAndWait(instance);
  const events = eventsIn(said());
  // A pause that was over before anybody looked, as on a busy host, is none.
  for (const { kind, count, delay_s, until: due, instance: name } of events) {
    if (kind !== 'backoff') continue;
    expect([name, delay_s]).toEqual(['mail.1', Math.min(2, 2 ** (Number(count) - 2))]);
    const next = events.filter((event) => event.kind === 'started' && event.at >= String(due));
    expect(next.length).toBe(deaths + 1 - Number(count));
  }
  expect(events.filter(({ kind }) => kind === 'started')).toHaveLength(deaths);
  const [seen] = (await statusOf(rig)).instances;
  expect(seen).toMatchObject({ failures: deaths });
});

async function killAndWait(instance: InstanceHandle): Promise<void> {
  const pid = await booted(instance);
  process.kill(pid, 'SIGKILL');
  await until(
    () => instance.pid() !== pid && instance.boots().includes(instance.pid() ?? 0),
    'the next',
  );
}

test('whom the watchdog kills must be replaced at once, again and again', async () => {
  const rig = createRig({
    mail: {
      command: fixture('beats'),
      heartbeat: { timeout: '1s' },
      backoff: { initial: '1h', max: '1h' },
    },
  });
  const instance = rig.instance('mail.1');
  await rig.start();
  const { says } = await watching(rig);
  for (let round = 0; round < 3; round += 1) {
    const pid = await booted(instance);
    writeFileSync(rig.path(`${pid}.silent`), '');
    await says(new RegExp(`Watchdog killing worker ${pid} `));
    await until(() => instance.pid() !== pid && instance.pid() !== undefined, 'its replacement');
  }
  const { failures } = JSON.parse(readFileSync(rig.path('.workerctl/ledger/deaths.json'), 'utf8')) as {
    failures: object;
  };
  expect(failures).toEqual({});
});
