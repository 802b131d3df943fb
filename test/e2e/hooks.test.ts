// The hooks of every occasion, on real processes: each runs once for what it is for, and is not lost with a killed command.
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readOr } from '../rig/files.ts';
import { booted } from '../rig/instance.ts';
import { endProcess } from '../rig/kernel.ts';
import { fixture } from '../rig/programs.ts';
import { createRig, type Rig, type WorkerKeys } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';
import { watching } from '../rig/watch.ts';

/** A hook that writes down its name and the event. */
const says = ['sh', '-c', 'echo "$WORKERCTL_HOOK $(cat)" >>hooked'];

const every = {
  ...Object.fromEntries(
    ['lost', 'died', 'started', 'backoff', 'aborted', 'finished', 'rollout'].map((name) => [
      name,
      says,
    ]),
  ),
  drain_long: { command: says, after: '300ms' },
};

interface Called {
  readonly hook: string;
  readonly event: Readonly<Record<string, unknown>>;
}

/** The hooks that have run, in order. */
const called = (rig: Rig): Called[] =>
  readOr(rig.path('hooked'), '')
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const space = line.indexOf(' ');
      const event = JSON.parse(line.slice(space)) as Called['event'];
      return { hook: line.slice(0, space), event };
    });

const drainsLong = { command: fixture('drains-until-told'), count: 2 };

const names = (rig: Rig): string[] => called(rig).map(({ hook }) => hook);

const createHooked = (keys: WorkerKeys = {}, hooks: object = every): Rig =>
  createRig({
    mail: { command: fixture('drains-after-job'), backoff: { initial: '1ms' }, ...keys, hooks },
  });

test('a start, a death and a restart must each call their hooks once', async () => {
  const rig = createHooked({ lost_grace: '0s' });
  await rig.start();
  expect(names(rig)).toEqual(['started']);
  const pid = await booted(rig.instance('mail.1'));
  expect(called(rig)[0]?.event).toMatchObject({ kind: 'started', instance: 'mail.1', pid });

  await endProcess(pid);
  await rig.workerctl('bootcheck');
  expect(names(rig).sort()).toEqual(['died', 'lost', 'started', 'started']);
  await booted(rig.instance('mail.1'));

  expect((await rig.workerctl('restart')).exitCode).toBe(0);
  // Asked to exit, it did: no death that needs a hook.
  const after = called(rig).slice(4);
  expect(after.map(({ hook }) => hook).sort()).toEqual(['finished', 'rollout', 'started']);
  expect(after.find(({ hook }) => hook === 'finished')?.event).toMatchObject({
    kind: 'rollout_finished',
    how: 'done',
  });
  await rig.workerctl('bootcheck');
  expect(called(rig)).toHaveLength(7);
});

test.each<[string, (rig: Rig) => void]>([
  [
    'its program is gone',
    (rig) => {
      renameSync(rig.path('run.sh'), rig.path('gone.sh'));
    },
  ],
  [
    'its directory is gone',
    (rig) => {
      renameSync(rig.path('app'), rig.path('old'));
    },
  ],
  [
    'its env file is gone',
    (rig) => {
      rmSync(rig.path('my.env'));
    },
  ],
  [
    'it exits at once',
    (rig) => {
      writeFileSync(rig.path('app/broken'), '');
    },
  ],
])('a restart that is aborted must call its hooks once: %s', async (_, breakIt) => {
  const rig = createRig();
  mkdirSync(rig.path('app'));
  writeFileSync(rig.path('my.env'), 'A=1\n');
  const script = '#!/bin/sh\n[ -e broken ] && exit 7\nexec sleep 1000\n';
  writeFileSync(rig.path('run.sh'), script, { mode: 0o755 });
  const hooks = { aborted: says, finished: says, rollout: says };
  const keys = { command: rig.path('run.sh'), directory: 'app', env_files: ['my.env'], hooks };
  rig.configure({ mail: { ...keys, ready: { after: '10s' }, backoff: { initial: '20s' } } });
  expect((await rig.workerctl('start')).exitCode).toBe(0);
  breakIt(rig);
  expect((await rig.workerctl('restart')).exitCode).toBe(1);
  const ends = rig.journal('rollout_finished');
  expect(ends).toMatchObject([{ instance: 'mail', how: 'aborted' }]);
  // Some of them cannot run: they need the same directory and file.
  const run = rig.journal('hook_run').map(({ hook }) => hook);
  expect(run.toSorted()).toEqual(['aborted', 'rollout']);
  await rig.workerctl('bootcheck');
  expect(rig.journal('rollout_finished')).toHaveLength(1);
});

test('a start that fails after the old process has exited must abort the restart and call its hooks', async () => {
  const rig = createRig();
  await rig.shell(`cp ${fixture('drains-until-told')} run.sh`);
  const keys = { command: './run.sh', backoff: { initial: '20s' } };
  rig.configure({ mail: { ...keys, hooks: { aborted: says, started: says } } });
  await rig.start();
  await booted(rig.instance('mail.1'));
  const restart = rig.workerctl('restart');
  await rig.instance('mail.1').asked();
  renameSync(rig.path('run.sh'), rig.path('gone.sh'));
  writeFileSync(rig.path('end'), '');
  expect((await restart).exitCode).toBe(1);
  expect(names(rig)).toEqual(['started', 'aborted']);
  expect(rig.journal('rollout_finished')).toMatchObject([{ instance: 'mail', how: 'aborted' }]);
});

test('a long drain must be reported once for each process, by bootcheck and by watch', async () => {
  const rig = createHooked(drainsLong);
  await rig.start();
  for (const name of ['mail.1', 'mail.2']) await booted(rig.instance(name));
  await rig.workerctl('stop', 'mail.1', '--no-wait');
  await until('the long drain', async () => {
    await rig.workerctl('bootcheck');
    return names(rig).includes('drain_long');
  });
  const [first] = rig.journal('drain_long');
  expect(first).toMatchObject({ instance: 'mail.1', level: 'warning' });
  expect(Number(first?.['drained_seconds'])).toBeGreaterThanOrEqual(0.3);

  const watch = await watching(rig);
  await rig.workerctl('stop', 'mail.2', '--no-wait');
  await until('the other', () => rig.journal('drain_long').length > 1);
  await watch.quiet();
  expect(rig.journal('drain_long').map(({ instance }) => instance)).toEqual(['mail.1', 'mail.2']);
  writeFileSync(rig.path('end'), '');
});

test('an old process beside its replacement must be reported as draining for long once', async () => {
  const rig = createHooked({
    ...drainsLong,
    count: 1,
    restart: { overlap: true },
  });
  await rig.start();
  const pid = await booted(rig.instance('mail.1'));
  await rig.workerctl('restart', '--no-wait');
  await until('the long drain', async () => {
    await rig.workerctl('bootcheck');
    return rig.journal('drain_long').length > 0;
  });
  await rig.workerctl('bootcheck');
  expect(rig.journal('drain_long')).toMatchObject([{ instance: 'mail.1', pid, retiring: true }]);
  writeFileSync(rig.path('end'), '');
});

test('a command that is killed around a start must cost no hook: after any of its effects', async () => {
  for (let effects = 1; ; effects += 1) {
    const rig = createHooked({}, { started: says });
    const env = { WORKERCTL_TEST_DIE_AFTER: String(effects) };
    const { signal } = await rig.workerctlWith(env, 'start');
    const { exitCode, all } = await rig.workerctl('bootcheck');
    expect(exitCode, all).toBe(0);
    const boots = await until('its process', () => {
      const found = rig.instance('mail.1').boots();
      return found.length > 0 ? found : undefined;
    });
    await until('no hook to wait', async () => {
      await rig.workerctl('bootcheck');
      return !existsSync(rig.path('.workerctl/hooks'));
    });
    const pids = called(rig).map(({ event }) => event['pid']);
    expect(new Set(pids), `killed after ${effects}`).toEqual(new Set(boots));
    if (signal !== 'SIGKILL') break;
  }
});

test('a hook that runs must not be run once more because a failed message cannot be noted', async () => {
  const hook = ['sh', '-c', 'echo + >>hooked; sleep 2; echo - >>hooked'];
  const rig = createRig(
    { mail: { command: ['sleep', '1000'], hooks: { died: hook } } },
    { notify: { command: ['/bin/false'], on: ['died'] } },
  );
  expect((await rig.workerctl('start')).exitCode).toBe(0);
  mkdirSync(`${rig.stateDir}/hooks/notify/failing/in-the-way`, { recursive: true });
  await endProcess(rig.instance('mail.1').pid() ?? 0);
  for (let round = 0; round < 3; round += 1) await rig.workerctl('bootcheck');
  await until('the hook to end', () => readOr(rig.path('hooked'), '').includes('-'));
  expect(readOr(rig.path('hooked'), '')).toBe('+\n-\n');
  expect(
    rig
      .journal('warning')
      .map(({ text }) => text)
      .join(),
  ).toContain('messages cannot be delivered');
});
