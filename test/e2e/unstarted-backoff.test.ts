// Starts that fail before there is a process wait longer and longer, as processes that die do, and the journal says so once.
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readOr } from '../rig/files.ts';
import { canMount, smallDisk } from '../rig/full-disk.ts';
import { booted } from '../rig/instance.ts';
import { endProcess } from '../rig/kernel.ts';
import { fixture, longRecord } from '../rig/programs.ts';
import { createRig, type Rig, type WorkerKeys } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';
import { watching, type Watching } from '../rig/watch.ts';

const worker = (keys: WorkerKeys = {}): WorkerKeys => ({
  command: fixture('drains-after-job'),
  ready: { after: '0s' },
  backoff: { initial: '400ms' },
  ...keys,
});

const attempts = (watch: Watching): number[] =>
  watch.events('start_failed').map(({ at }) => Date.parse(at));

/** The pauses between the first attempts, in ms, which must be those of the config: doubled, and longer by up to a quarter. */
async function expectPauses(watch: Watching): Promise<void> {
  await until('three attempts', () => attempts(watch).length >= 3, 20_000);
  const [first = 0, second = 0, third = 0] = attempts(watch);
  expect(second - first).toBeGreaterThanOrEqual(390);
  expect(third - second).toBeGreaterThanOrEqual(790);
}

const failuresIn = (journal: string): number =>
  readOr(journal, '')
    .split('\n')
    .filter((line) => line.includes('"start_failed"')).length;

async function backoffOf(rig: Rig): Promise<{ state: string; starts_at: unknown; detail: string }> {
  const { stdout } = await rig.workerctl('status', '--json');
  const { instances } = JSON.parse(stdout) as {
    instances: { state: string; starts_at: unknown; detail: string }[];
  };
  const [one] = instances;
  if (one === undefined) throw new Error('nothing is shown');
  return one;
}

/** Lets the worker die with something missing that its start needs. */
async function dieWithout(rig: Rig, take: () => void): Promise<Watching> {
  const watch = await watching(rig);
  const one = rig.instance('mail.1');
  const pid = await booted(one);
  take();
  await endProcess(pid);
  return watch;
}

describe('starts that fail', () => {
  test.each([
    ['env file', { env_files: ['my.env'] }, 'my.env'],
    ['directory', { directory: 'app' }, 'app'],
    ['program', { command: './run.sh' }, 'run.sh'],
  ])('for want of its %s must back off, and be in the journal once', async (_, keys, name) => {
    const rig = createRig({ mail: worker(keys) });
    mkdirSync(rig.path('app'));
    writeFileSync(rig.path('my.env'), '');
    writeFileSync(rig.path('run.sh'), `#!/bin/sh\nexec ${fixture('drains-after-job')}\n`, {
      mode: 0o755,
    });
    const watch = await dieWithout(rig, () => {
      renameSync(rig.path(name), rig.path('away'));
    });
    await expectPauses(watch);
    expect(rig.journal('start_failed')).toHaveLength(1);
    expect(rig.journal('missing'), 'the first start, and the one after its death').toHaveLength(2);
    const [pause, ...more] = rig.journal('backoff');
    expect(more).toEqual([]);
    expect(pause).toMatchObject({ failures: 2 });
    const found = await until('a pause', async () => {
      const shown = await backoffOf(rig);
      return shown.state === 'backoff' && shown;
    });
    expect(found.starts_at).toEqual(expect.any(String));
    expect(found.detail).toMatch(/start failed at .*, \d times in a row: .*; next start in /);

    const before = attempts(watch).length;
    expect((await rig.act('start')).exitCode, 'by hand at once').toBe(1);
    expect(attempts(watch).length + rig.journal('start_failed').length).toBeGreaterThan(before + 1);
    renameSync(rig.path('away'), rig.path(name));
    const { exitCode, all } = await rig.act('start');
    expect(exitCode, all).toBe(0);
    expect(await backoffOf(rig)).toMatchObject({ state: 'ready' });
  });

  test('must be tried at once with another release', async () => {
    const rig = createRig({
      mail: worker({ directory: 'current', command: './run.sh', backoff: { initial: '5m' } }),
    });
    for (const name of ['r1', 'r2']) {
      mkdirSync(rig.path(name));
      writeFileSync(rig.path(`${name}/run.sh`), '#!/bin/sh\nexec sleep 1000\n', { mode: 0o755 });
    }
    symlinkSync('r1', rig.path('current'));
    expect((await rig.act('start')).exitCode).toBe(0);
    rmSync(rig.path('r1/run.sh'));
    process.kill(Number(readOr(join(rig.stateDir, 'mail.1.pid'), '')), 'SIGKILL');
    await until('its report', () => readOr(join(rig.stateDir, 'mail.1.exit'), '').includes('\n'));
    await until('a failed start', async () => {
      await rig.workerctl('bootcheck');
      return rig.journal('start_failed').length > 0 || rig.journal('backoff').length > 0;
    });
    expect((await rig.workerctl('bootcheck')).stdout).toBe('');
    rmSync(rig.path('current'));
    symlinkSync('r2', rig.path('current'));
    await until('a start', async () => {
      await rig.workerctl('bootcheck');
      return (await backoffOf(rig)).state === 'ready';
    });
  });
});

test.runIf(canMount)('a start that finds no space must back off while the watch runs', async () => {
  const rig = createRig({ mail: worker(longRecord) });
  const disk = await smallDisk(rig, '4M');
  const { exitCode, all } = await disk.act('start');
  expect(exitCode, all).toBe(0);
  const mounted = await disk.shell(
    'mount -t tmpfs -o size=64k,mode=755 none .workerctl/.new && cat /dev/zero >.workerctl/.new/full 2>/dev/null; test -s .workerctl/.new/full',
  );
  expect(mounted.exitCode, mounted.all).toBe(0);
  const watch = disk.shell('exec workerctl watch --json');
  const journal = `${disk.stateDir}/events.ndjson`;
  const pid = Number(readOr(`${disk.stateDir}/mail.1.pid`, ''));
  process.kill(pid, 'SIGKILL');
  const ledger = (): string => readOr(`${disk.stateDir}/ledger/deaths.json`, '');
  await until(
    'three attempts',
    () => ledger().includes('"count": 3') || ledger().includes('"count":3'),
    20_000,
  );
  expect(failuresIn(journal)).toBe(1);
  watch.kill('SIGTERM');
  const { stdout } = await watch;
  const lines = stdout.split('\n').filter((line) => line.includes('"start_failed"'));
  const [first = 0, second = 0, third = 0] = lines.map((line) =>
    Date.parse((JSON.parse(line) as { at: string }).at),
  );
  expect(second - first).toBeGreaterThanOrEqual(390);
  expect(third - second).toBeGreaterThanOrEqual(790);
});
