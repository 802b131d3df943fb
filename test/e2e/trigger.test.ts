import {
  closeSync,
  constants,
  lstatSync,
  openSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readOr } from '../rig/files.ts';
import { stateOf } from '../rig/kernel.ts';
import { fixture } from '../rig/programs.ts';
import { createRig, type Rig } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';
import { watching } from '../rig/watch.ts';

const idle = { command: fixture('idle') };
const triggerOf = ({ stateDir }: Rig): string => join(stateDir, 'trigger');
const openWriter = (rig: Rig): number =>
  openSync(triggerOf(rig), constants.O_WRONLY | constants.O_NONBLOCK);

/** A watch that waits keeps a CPU free; one that spins takes all that it gets. */
const spinMs = 150;

test('trigger and any byte must make the watch look, and many at once must make it look once', async () => {
  const rig = createRig({ mail: idle });
  const watch = await watching(rig);
  const before = await watch.quiet();
  expect((await rig.workerctl('trigger')).exitCode).toBe(0);
  expect(await watch.quiet()).toBe(before + 1);

  const writer = openWriter(rig);
  writeSync(writer, 'x');
  expect(await watch.quiet()).toBe(before + 2);
  watch.send('SIGSTOP');
  await until('watch to be stopped', () => stateOf(watch.pid) === 'T');
  for (let count = 0; count < 5_000; count += 1) writeSync(writer, 'x');
  watch.send('SIGCONT');
  expect(await watch.quiet()).toBe(before + 3);
  closeSync(writer);
});

test('a flood must make at most 25 looks a second, and none when it is over', async () => {
  const rig = createRig({ mail: idle });
  const watch = await watching(rig);
  const before = await watch.quiet();
  const writer = openWriter(rig);
  const begun = performance.now();
  while (performance.now() - begun < 1_500) {
    for (let count = 0; count < 500; count += 1) writeOrFull(writer);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const looks = (await watch.looks()) - before;
  const seconds = (performance.now() - begun) / 1000;
  expect(looks).toBeGreaterThan(2);
  expect(looks).toBeLessThanOrEqual(seconds * 25 + 1);
  const after = await watch.quiet();
  expect(after - before - looks).toBeLessThanOrEqual(2);
  closeSync(writer);
});

test('a writer that stays, and a thousand that come and go, must neither wake the watch nor make it spin', async () => {
  const rig = createRig({ mail: idle });
  const watch = await watching(rig);
  const before = await watch.quiet();
  const writer = openWriter(rig);
  const cpu = watch.cpuMs();
  for (let count = 0; count < 1_000; count += 1) closeSync(openWriter(rig));
  expect(await watch.quiet()).toBe(before);
  closeSync(writer);
  expect(await watch.quiet()).toBe(before);
  expect(watch.cpuMs() - cpu).toBeLessThan(spinMs);
  expect((await rig.workerctl('trigger')).exitCode).toBe(0);
  expect(await watch.quiet()).toBe(before + 1);
});

test('without a reader trigger must end with 69, whether there is a FIFO or none', async () => {
  const rig = createRig({ mail: idle });
  for (const there of ['no FIFO', 'a FIFO']) {
    const { exitCode, stderr } = await rig.workerctl('trigger');
    expect({ there, exitCode }).toEqual({ there, exitCode: 69 });
    expect(stderr).toMatch(/^workerctl: /);
    await rig.shell('mkdir -p .workerctl && mkfifo .workerctl/trigger');
  }
});

/** What may be in the FIFO's place, and what a reader finds in it. */
const others: readonly [string, (path: string) => void, string][] = [
  [
    'a regular file',
    (path) => {
      writeFileSync(path, 'mine');
    },
    'mine',
  ],
  [
    'a symbolic link',
    (path) => {
      symlinkSync('/dev/null', path);
    },
    '',
  ],
];

test.each(others)('%s in its place must be refused with 73 and stay', async (_, put, found) => {
  const rig = createRig({ mail: idle });
  const path = triggerOf(rig);
  await rig.shell('mkdir -p .workerctl');
  put(path);
  const before = lstatSync(path).ino;
  for (const verb of ['watch', 'trigger']) {
    const { exitCode, stderr } = await rig.workerctl(verb);
    expect({ verb, exitCode }).toEqual({ verb, exitCode: 73 });
    expect(stderr).toContain(path);
  }
  expect(lstatSync(path).ino).toBe(before);
  expect(readOr(path, '')).toBe(found);
  expect(rig.instance('mail.1').processes()).toEqual([]);
  rmSync(path);
  await watching(rig);
});

function writeOrFull(fd: number): void {
  try {
    writeSync(fd, 'x');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
  }
}

test('trigger --reload must let the watch read the config, or fail with what the watch cannot use', async () => {
  const rig = createRig({ mail: idle });
  const reload = async (): Promise<{ code: number | undefined; said: string }> => {
    const { exitCode, all } = await rig.workerctl('trigger', '--reload');
    return { code: exitCode, said: all };
  };
  expect(await reload()).toMatchObject({ code: 69 });
  const watch = await watching(rig);
  const text = readOr(rig.path('workerctl.yaml'), '');
  const config = JSON.parse(text) as object;

  rig.writeConfig('{');
  expect(await reload()).toMatchObject({ code: 78 });
  rig.writeConfig(JSON.stringify({ ...config, state_dir: rig.path('elsewhere') }));
  const moved = await reload();
  expect(moved).toMatchObject({ code: 69 });
  expect(moved.said).toContain('cannot change its state_dir: restart it');
  rig.writeConfig(text);
  const before = rig.journal('config_reloaded').length;
  expect(await reload()).toMatchObject({ code: 0 });
  await until('the watch to reload', () => rig.journal('config_reloaded').length > before);
  watch.send('SIGTERM');
  await watch.running;
  expect(await reload()).toMatchObject({ code: 69 });
});
