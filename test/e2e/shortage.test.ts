import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

/** Runs a command that may have this many files open. @returns its output, if it says that these are too few */
async function run(rig: Rig, files: number, command: string): Promise<string | undefined> {
  const { exitCode, all } = await rig.shell(`ulimit -n ${files}; exec workerctl ${command}`);
  expect(allowed, `${command}, ${files}: ${all}`).toContain(exitCode);
  expect(all, `${command}, ${files}`).not.toMatch(/^ +at |a bug/m);
  if (exitCode !== shortage) return undefined;
  expect(all).toMatch(/too few file descriptors: .*\n {2}raise the limit/);
  return all;
}

/** How many open files Node.js itself needs, in order to run a script that does nothing: 19 to 22. */
const least = fewestFiles();
const limits = [1, 2, 3, 5, 7, 9, 11, 15].map((more) => least + more);

function fewestFiles(): number {
  const folder = mkdtempSync(join(tmpdir(), 'workerctl-nothing-'));
  const script = join(folder, 'nothing.cjs');
  try {
    writeFileSync(script, '');
    for (let files = 10; files < 60; files += 1) {
      const command = `ulimit -c 0; ulimit -n ${files}; exec "$0" "$1"`;
      if (spawnSync('/bin/sh', ['-c', command, process.execPath, script]).status === 0)
        return files;
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  throw new Error('Node.js runs nothing');
}

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
    for (const files of limits) {
      const said = await run(rig, files, command);
      // What it has asked is asked, and stays so: only the waiting for it has failed.
      if (said === undefined || said.includes('asked pid')) continue;
      const after = (await rig.workerctl('status', '--json')).stdout.replace(/"uptime_.*/g, '');
      expect(after.length).toBe(before.length);
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
  for (const files of [least + 1, least + 5, least + 9]) {
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
