import { rmSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { linesOf } from '../rig/files.ts';
import { rebooted } from '../rig/reboot.ts';
import { createRig, expectQuiet, holdsPassLock, statusOf, type Rig } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';
import { watching } from '../rig/watch.ts';

// Many instances at once: they are started a few at a time, the next one as soon as one is ready.

/** Notes when it starts, and when it is about to be ready. */
const slow = {
  command: [
    'sh',
    '-c',
    'echo + >>"$RIG/turns"; sleep 0.3; echo - >>"$RIG/turns"; touch "$RIG/%n.up"; exec sleep 1000',
  ],
  ready: { file: '%n.up' },
};

/** How many were starting at the same time at most, and how many were started. */
function turnsIn(rig: Rig): { readonly most: number; readonly started: number } {
  let starting = 0;
  let most = 0;
  const lines = linesOf(rig.path('turns'));
  for (const line of lines) {
    starting += line === '+' ? 1 : -1;
    most = Math.max(most, starting);
  }
  return { most, started: lines.filter((line) => line === '+').length };
}

const isReady = async (rig: Rig, count: number): Promise<boolean> =>
  (await statusOf(rig)).ready === count;

test('bootcheck must start many in turn, stay until all are started, and hold no lock meanwhile', async () => {
  const rig = createRig({ mail: { ...slow, count: 24, start: { parallel: 4 } } });
  const running = rig.workerctl('bootcheck', '--json');
  await until('the first turns', () => turnsIn(rig).started >= 4);
  await until('the lock to be free', () => !holdsPassLock(rig, running.pid));
  expect((await rig.workerctl('hold', 'mail.24')).exitCode).toBe(0);
  expect(running.exitCode).toBe(null);
  expect((await running).exitCode).toBe(0);
  await until('the last to be ready', () => isReady(rig, 23));
  expect(turnsIn(rig)).toEqual({ most: expect.any(Number) as number, started: 23 });
  expect(turnsIn(rig).most).toBeLessThanOrEqual(4);
  expect((await rig.workerctl('unhold', 'mail.24')).exitCode).toBe(0);
});

test('watch must start many in turn', async () => {
  const rig = createRig({ mail: { ...slow, count: 24, start: { parallel: 3 } } });
  const { events } = await watching(rig);
  await until('all to be ready', () => isReady(rig, 24));
  expect(turnsIn(rig).started).toBe(24);
  expect(turnsIn(rig).most).toBeLessThanOrEqual(3);
  expect(events('missing')[0]).toMatchObject({ running: 0, wanted: 24, starting: 3 });
});

/** Is ready only while `go` exists. */
const gated = {
  command: [
    'sh',
    '-c',
    'until [ -e "$RIG/go" ]; do sleep 0.1; done; touch "$RIG/%n.up"; exec sleep 1000',
  ],
  ready: { file: '%n.up', timeout: '100s' },
};

test.each([
  ['start --no-wait', 24],
  ['want 48 mail', 48],
])('watch must start at once what %s has asked for', async (command, count) => {
  const rig = createRig({ mail: { ...gated, count: 24, start: { parallel: 3 } } });
  writeFileSync(rig.path('go'), '');
  const watch = await watching(rig);
  await until('all to be ready', () => isReady(rig, 24));
  if (count === 24) await rig.act('stop');
  rmSync(rig.path('go'));
  const { exitCode, all } = await rig.act(...command.split(' '));
  expect(exitCode, all).toBe(0);
  expect(await statusOf(rig)).toMatchObject({ up: count, ready: count - 24 });
  await watch.quiet();
});

describe('after a boot', () => {
  test('bootcheck must start even a few in turn', async () => {
    const rig = createRig({ mail: { ...slow, count: 6, start: { parallel: 2 } } });
    await rig.workerctl('start');
    expect(turnsIn(rig).started).toBe(6);
    await rebooted(rig);
    expect((await rig.workerctl('bootcheck')).exitCode).toBe(0);
    await until('all to be ready', () => isReady(rig, 6));
    const turns = linesOf(rig.path('turns')).slice(12);
    expect(turns.filter((line) => line === '+')).toHaveLength(6);
    expect(turns.join('')).not.toContain('+++');
    await rig.workerctl('bootcheck');
    await expectQuiet(rig);
  });
});

test('up to twenty must be started at once', async () => {
  const rig = createRig({ mail: { ...slow, count: 20, start: { parallel: 2 } } });
  const { exitCode, stdout } = await rig.workerctl('bootcheck', '--dry-run', '--json');
  expect(exitCode).toBe(0);
  expect(stdout.match(/"start"/g)).toHaveLength(20);
});

test('a bootcheck that is interrupted must say so, and leave the rest to the next one', async () => {
  const rig = createRig({ mail: { ...slow, count: 24, start: { parallel: 4 } } });
  const running = rig.workerctl('bootcheck');
  await until('the first turns', () => turnsIn(rig).started >= 8);
  running.kill('SIGTERM');
  expect((await running).exitCode).toBe(143);
  expect(turnsIn(rig).started).toBeLessThan(24);
  expect((await rig.workerctl('bootcheck')).exitCode).toBe(0);
  await until('all to be ready', () => isReady(rig, 24));
  expect(turnsIn(rig).most).toBeLessThanOrEqual(4);
});
