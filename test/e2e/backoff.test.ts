import { existsSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { booted, killed, type InstanceHandle } from '../rig/instance.ts';
import { eventsIn, type EventJson } from '../rig/output.ts';
import { linesOf } from '../rig/files.ts';
import { fixture, heard } from '../rig/programs.ts';
import { bootcheck, createRig, statusOf, type Rig } from '../rig/rig.ts';
import { timePasses, until } from '../rig/wait.ts';
import { watching } from '../rig/watch.ts';

// Workers that die soon after their start. No test waits for the pauses of those that bootcheck starts: they are too long.

const idle = { command: fixture('idle') };

const kindsIn = (events: readonly EventJson[]): string[] => events.map(({ kind }) => kind);

describe('a ready worker that dies soon after its start', () => {
  const slow = { ...idle, backoff: { initial: '1h', max: '2h' } };

  /** It has died twice, and no command has seen the second death yet. */
  async function diedTwice(rig: Rig): Promise<InstanceHandle> {
    const instance = rig.instance('mail.1');
    await rig.start();
    await killed(instance);
    expect(kindsIn(await bootcheck(rig))).toEqual(['started']);
    await until('mail.1 to be ready', async () => (await statusOf(rig)).ready === 1);
    await killed(instance);
    return instance;
  }

  test('must be replaced at once, and the second time held back, which is reported once and shown', async () => {
    const rig = createRig({ mail: slow });
    const instance = await diedTwice(rig);
    const [told, ...more] = await bootcheck(rig);
    expect(more).toEqual([]);
    expect(told).toMatchObject({
      kind: 'backoff',
      instance: 'mail.1',
      failures: 2,
      problem: expect.stringContaining('SIGKILL') as string,
    });
    const delay = Number(told?.['delay_seconds']);
    expect(delay).toBeGreaterThanOrEqual(3600);
    expect(delay).toBeLessThan(4500);
    expect(await bootcheck(rig)).toEqual([]);
    expect(instance.process()).toBeUndefined();

    expect((await rig.workerctl('status')).exitCode).toBe(3);
    const [shown] = (await statusOf(rig)).instances;
    expect(shown).toMatchObject({ instance: 'mail.1', state: 'backoff', failures: 2 });
    const wait = Date.parse(String(shown?.starts_at)) - Date.now();
    expect(wait).toBeGreaterThan(3_500_000);
    expect(wait).toBeLessThan(4_500_000);
    const metrics = await rig.workerctl('status', '--format=prometheus');
    expect(metrics.stdout).toMatch(/workerctl_instance_failures\{.*identifier="1"\} 2/);
    expect(metrics.stdout).toMatch(/workerctl_instance_state\{.*state="backoff"\} 1/);
  });

  test('must be mailed by cron, with the command that starts it at once', async () => {
    const rig = createRig({ mail: slow });
    await diedTwice(rig);
    const { stdout } = await rig.workerctl('bootcheck');
    expect(stdout).toMatch(/^\d\d:\d\d:\d\d mail\.1: .*workerctl start mail\.1/m);
  });

  test('must be started at once by start, which forgets the deaths', async () => {
    const rig = createRig({ mail: slow });
    const instance = await diedTwice(rig);
    await bootcheck(rig);
    await rig.start();
    await killed(instance);
    expect(kindsIn(await bootcheck(rig))).toEqual(['started']);
  });

  test('must not be held back if only deaths before it was ready count', async () => {
    const rig = createRig({
      mail: { ...slow, backoff: { initial: '1h', max: '1h', reset: '0s', min_run: '0s' } },
    });
    await diedTwice(rig);
    expect(kindsIn(await bootcheck(rig))).toEqual(['started']);
  });

  test('must not be held back if it was asked to stop', async () => {
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
  await until('watch to begin', () => existsSync(rig.path('.workerctl/control.sock')));
  const deaths = 5;
  for (let death = 0; death < deaths; death += 1) await killAndWait(instance);
  const isStart = ({ kind }: { readonly kind: string }): boolean => kind === 'started';
  await until('each start to be reported', () => eventsIn(said()).filter(isStart).length >= deaths);
  const events = eventsIn(said());
  // A pause that was over before the watch looked, as on a busy host, is not reported.
  for (const { kind, failures, delay_seconds, starts_at: due, instance: name } of events) {
    if (kind !== 'backoff') continue;
    expect(name).toBe('mail.1');
    const least = Math.min(1.6, 2 ** (Number(failures) - 2));
    expect(delay_seconds).toBeGreaterThanOrEqual(least);
    expect(delay_seconds).toBeLessThanOrEqual(least * 1.25);
    const next = events.filter((event) => event.kind === 'started' && event.at >= String(due));
    expect(next.length).toBe(deaths + 1 - Number(failures));
  }
  expect(events.filter(({ kind }) => kind === 'started')).toHaveLength(deaths);
  const [seen] = (await statusOf(rig)).instances;
  expect(seen).toMatchObject({ failures: deaths });
});

describe('a worker that exits with 0 right after its start', () => {
  const brief = { command: ['sh', '-c', 'echo $$ >>"$RIG/starts"'], ready: { after: '0s' } };

  test('must be started a few times in eight seconds by watch, not hundreds of times', async () => {
    const rig = createRig({ mail: brief });
    await watching(rig);
    await timePasses(8_000);
    const starts = linesOf(rig.path('starts')).length;
    // At once, at once, and after pauses of 1, 2 and 4 s, each longer by up to a quarter.
    expect(starts).toBeGreaterThanOrEqual(3);
    expect(starts).toBeLessThanOrEqual(5);
    const [shown] = (await statusOf(rig)).instances;
    expect(shown?.failures).toBeGreaterThanOrEqual(3);
  });

  test('must not be held back if it ran for min_run', async () => {
    const rig = createRig({
      mail: {
        ...brief,
        command: ['sh', '-c', 'echo $$ >>"$RIG/starts"; exec sleep 0.3'],
        backoff: { initial: '1h', max: '1h', min_run: '200ms' },
      },
    });
    await watching(rig);
    await until('many starts', () => linesOf(rig.path('starts')).length >= 6);
    expect((await statusOf(rig)).instances[0]?.failures).toBe(0);
  });
});

async function killAndWait(instance: InstanceHandle): Promise<void> {
  const pid = await booted(instance);
  process.kill(pid, 'SIGKILL');
  await until(
    'the next',
    () => instance.pid() !== pid && instance.boots().includes(instance.pid() ?? 0),
  );
}

test('a worker that the watchdog kills must be replaced at once, again and again', async () => {
  const rig = createRig({
    mail: {
      command: fixture('beats'),
      heartbeat: { timeout: '1s' },
      backoff: { initial: '1h', max: '1h' },
    },
  });
  const instance = rig.instance('mail.1');
  await rig.start();
  const { reports } = await watching(rig);
  for (let round = 0; round < 3; round += 1) {
    const pid = await booted(instance);
    writeFileSync(rig.path(`${pid}.silent`), '');
    await reports('killed', { pid, watchdog: true });
    await until('its replacement', () => instance.pid() !== pid && instance.pid() !== undefined);
  }
  const [shown] = (await statusOf(rig)).instances;
  expect(shown?.failures).toBe(0);
});
