import { expect, test } from 'vitest';
import { booted } from '../rig/instance.ts';
import { fixture, isRoot } from '../rig/programs.ts';
import { createRig, type Rig } from '../rig/rig.ts';

const idle = { command: fixture('idle'), count: 2 };
const names = ['mail.1', 'mail.2'];

/** The code of a command that the host has no room for, and what others may end with. */
const shortage = 71;
const allowed = [0, 1, 3, 69, shortage];

const bootsIn = (rig: Rig): number[] => names.map((name) => rig.instance(name).boots().length);
const termsIn = (rig: Rig): number[] => names.map((name) => rig.instance(name).terms().length);

/** Runs a command with room for so many open files. */
async function run(rig: Rig, files: number, command: string): Promise<number | undefined> {
  const { exitCode, all } = await rig.shell(`ulimit -n ${files}; exec workerctl ${command}`);
  expect(allowed, `${command}, ${files}: ${all}`).toContain(exitCode);
  expect(all, `${command}, ${files}`).not.toMatch(/^ +at |a bug/m);
  if (exitCode === shortage)
    expect(all).toMatch(/too few file descriptors: .*\n {2}raise the limit/);
  return exitCode;
}

const limits = [20, 22, 24, 26, 28, 30, 34];

test('with few file descriptors each command must end with words, and lose or double no worker', async () => {
  const rig = createRig({ mail: idle });
  await rig.start();
  const looks = ['status', 'jobs', 'events', 'logs', 'check', 'rollout', 'doctor', 'trigger'];
  for (const files of limits)
    for (const command of [...looks, 'bootcheck', 'start']) await run(rig, files, command);
  expect(bootsIn(rig)).toEqual([1, 1]);
  expect(termsIn(rig)).toEqual([0, 0]);
  expect((await rig.act('bootcheck')).exitCode).toBe(0);
  expect(bootsIn(rig)).toEqual([1, 1]);
});

test.each(['stop', 'restart', 'hold mail.1', 'want 1 mail', 'start'])(
  '%s that has too few must leave nothing half done',
  async (command) => {
    const rig = createRig({ mail: idle });
    await rig.start();
    const before = (await rig.workerctl('status', '--json')).stdout.replace(/"uptime_.*/g, '');
    for (const files of [20, 22, 24, 26, 28, 30]) {
      const code = await run(rig, files, command);
      if (code !== shortage) continue;
      const after = (await rig.workerctl('status', '--json')).stdout.replace(/"uptime_.*/g, '');
      if (termsIn(rig).every((count) => count === 0)) expect(after.length).toBe(before.length);
    }
    expect(bootsIn(rig).every((count) => count <= 2)).toBe(true);
    expect(termsIn(rig).every((count) => count <= 1)).toBe(true);
    expect((await rig.act('start')).exitCode).toBe(0);
  },
);

test('a watch with few file descriptors must stay, and start nothing twice', async () => {
  const rig = createRig({ mail: idle });
  await rig.start();
  const pids = await Promise.all(names.map((name) => booted(rig.instance(name))));
  for (const files of [20, 24, 28]) {
    const { exitCode, all } = await rig.shell(
      `ulimit -n ${files}; exec timeout -s TERM 2 workerctl watch`,
    );
    // It ends with words if it cannot even begin, else when it is told to (124: timeout(1)).
    expect([0, 124, shortage], all).toContain(exitCode);
    expect(all).not.toMatch(/^ +at /m);
  }
  expect(names.map((name) => rig.instance(name).processes())).toEqual(pids.map((pid) => [pid]));
  expect(bootsIn(rig)).toEqual([1, 1]);
});

test.runIf(isRoot)('with no room for another process, a command must end with words', async () => {
  const rig = createRig({ mail: idle });
  await rig.shell('chown -R 65533:65533 . && chmod 755 .');
  const limited = (room: number): string =>
    `exec prlimit --nproc=${room} setpriv --reuid 65533 --regid 65533 --clear-groups workerctl stop`;
  for (const room of [12, 14]) {
    const { exitCode, all } = await rig.shell(limited(room));
    expect([0, shortage], all).toContain(exitCode);
    expect(all).not.toMatch(/^ +at |a bug/m);
  }
});
