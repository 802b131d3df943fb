// A disk with no byte left: what takes workers down, holds them or cancels a restart works, and each death is reported once.
import { existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { canMount, smallDisk, type SmallDisk } from '../rig/full-disk.ts';
import { readOr } from '../rig/files.ts';
import { booted, instanceHandle, termed, type InstanceHandle } from '../rig/instance.ts';
import { finishJob, giveJob, tells } from '../rig/jobs.ts';
import { isAlive } from '../rig/kernel.ts';
import { deathOf, eventsIn, ofKinds } from '../rig/output.ts';
import { fixture } from '../rig/programs.ts';
import { createRig, type Rig, type WorkerKeys } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';

const reserveOf = ({ stateDir }: SmallDisk): string => `${stateDir}/.new/reserve`;

interface Scene {
  readonly rig: Rig;
  readonly disk: SmallDisk;
  readonly all: readonly InstanceHandle[];
}

/** Two running instances, whose disk is full. */
async function onFullDisk(keys: WorkerKeys = {}, size = '4M'): Promise<Scene> {
  const rig = createRig({ mail: { ...tells, count: 2, log: { file: 'log/%i' }, ...keys } });
  const disk = await smallDisk(rig, size);
  const { exitCode, all: said } = await disk.act('start');
  expect(exitCode, said).toBe(0);
  const all = ['mail.1', 'mail.2'].map((name) => instanceHandle(rig.folder, disk.stateDir, name));
  for (const one of all) await booted(one);
  await until('all to be ready', async () => (await disk.shell('workerctl status')).exitCode === 0);
  await disk.fill();
  return { rig, disk, all };
}

/** The states of the instances, in order. */
async function states({ disk }: Scene): Promise<string[]> {
  const { stdout } = await disk.shell('workerctl status --json');
  const { instances } = JSON.parse(stdout) as { instances: { state: string }[] };
  return instances.map(({ state }) => state);
}

const deathsIn = ({ disk }: Scene): unknown[] =>
  readOr(`${disk.stateDir}/events.ndjson`, '')
    .split('\n')
    .filter((line) => line.includes('"died"'))
    .map((line): unknown => JSON.parse(line));

/** Kills it, and waits until its shim has reported that. */
async function kill({ disk }: Scene, one: InstanceHandle): Promise<number> {
  const pid = one.boots().at(-1) ?? 0;
  process.kill(pid, 'SIGKILL');
  const report = `${disk.stateDir}/${one.name}.exit`;
  await until('its report', () => !isAlive(pid) && readOr(report, '').includes('\n'));
  return pid;
}

if (!canMount) console.warn('SKIPPED: full disks, because this host lets us mount nothing');

describe.runIf(canMount)('on a full disk', () => {
  test('stop must ask each process once, and it must stay stopped', async () => {
    const scene = await onFullDisk();
    const { disk, all } = scene;
    const { exitCode, all: said } = await disk.act('stop');
    expect(exitCode, said).toBe(0);
    expect(all.map((one) => one.terms())).toEqual(all.map((one) => one.boots()));
    expect(await states(scene)).toEqual(['stopped', 'stopped']);
    await disk.free();
    expect((await disk.act('bootcheck')).exitCode).toBe(0);
    expect(all.map((one) => one.boots().length)).toEqual([1, 1]);
  });

  test('stop --now must kill, and the death must count as requested', async () => {
    const scene = await onFullDisk();
    await giveJob(scene.rig, scene.all[0] as InstanceHandle, 'job 1');
    const { exitCode, all: said, of } = await scene.disk.act('stop --now');
    expect(exitCode, said).toBe(0);
    expect(of('killed').length).toBeGreaterThan(0);
    expect(await states(scene)).toEqual(['stopped', 'stopped']);
  });

  test.each([
    ['hold', ['ready', 'ready'], 'held'],
    ['want 1 mail', ['ready'], 'mail'],
    ['quiet --for 1h', ['ready', 'ready'], 'quiet'],
  ])('%s must work', async (words, _, member) => {
    const scene = await onFullDisk({ stop: { quiet: 'USR1' } });
    const { exitCode, all: said } = await scene.disk.act(words);
    expect(exitCode, said).toBe(0);
    expect(readFileSync(`${scene.disk.stateDir}/state.json`, 'utf8')).toContain(`"${member}"`);
  });

  test('an operation must be refused before anything is done, and be begun with the same id once there is room', async () => {
    const { disk, all } = await onFullDisk();
    const refused = await disk.act('restart --op=a');
    expect(refused.exitCode, refused.all).toBe(73);
    expect(refused.error()['message']).toMatch(/nothing was done/);
    expect(all.map((one) => one.terms())).toEqual([[], []]);
    await disk.free();
    const again = await disk.act('restart --op=a');
    expect(again.exitCode, again.all).toBe(0);
    expect(all.map((one) => one.terms().length)).toEqual([1, 1]);
  });

  test('the result of an operation must be kept if the disk becomes full while it runs', async () => {
    const { rig, disk, all } = await onFullDisk();
    await disk.free();
    const [first] = all as [InstanceHandle];
    const pid = await giveJob(rig, first, 'job');
    expect((await disk.act('stop --op=a --detach')).exitCode).toBe(0);
    await termed(first, pid);
    await disk.fill();
    finishJob(rig, pid);
    const attached = await disk.act('op attach a');
    expect(attached.exitCode, attached.all).toBe(0);
    expect(attached.result()).toMatchObject({ exit_code: 0 });
    expect(all.map((one) => one.terms().length)).toEqual([1, 1]);
  });

  test('rollout cancel must end a restart that is under way', async () => {
    const scene = await onFullDisk();
    const { rig, disk, all } = scene;
    await disk.free();
    for (const one of all) await giveJob(rig, one, 'job');
    expect((await disk.act('restart --no-wait --batch 1')).exitCode).toBe(0);
    await disk.fill();
    const { exitCode, all: said } = await disk.shell('workerctl rollout cancel');
    expect(exitCode, said).toBe(0);
    expect(readFileSync(`${disk.stateDir}/state.json`, 'utf8')).toContain('"cancelled"');
    for (const one of all) finishJob(rig, one.boots()[0] ?? 0);
  });

  test.each([
    ['kill -KILL', { signal: 'SIGKILL' }],
    ['kill -SEGV', { signal: 'SIGSEGV' }],
    ['exit 137', { status: 137 }],
  ])('a death by %s must be that, and be reported once', async (how, death) => {
    const command = fixture('dies-as-told');
    const scene = await onFullDisk({ command, ready: { after: '0s' }, backoff: { min_run: '0s' } });
    const { rig, disk, all } = scene;
    const [one] = all as [InstanceHandle, InstanceHandle];
    const [pid = 0] = one.boots();
    writeFileSync(rig.path('mail.1.how.new'), `${how}\n`);
    renameSync(rig.path('mail.1.how.new'), rig.path('mail.1.how'));
    const report = `${disk.stateDir}/mail.1.exit`;
    await until('its report', () => !isAlive(pid) && readOr(report, '').includes('\n'));
    const said: ReturnType<typeof eventsIn>[number][] = [];
    for (let round = 0; round < 3; round += 1)
      said.push(...eventsIn((await disk.shell('workerctl bootcheck --json')).stdout));
    await disk.free();
    said.push(...(await disk.act('bootcheck')).events);
    expect(ofKinds(said, ['died']).map(deathOf)).toEqual([death]);
    expect(deathsIn(scene)).toHaveLength(1);
    await until('its replacement', () => one.boots().length === 2);
  });

  test('a death that cannot be noted must be reported once, by the pass that can', async () => {
    const scene = await onFullDisk();
    const { disk, all } = scene;
    rmSync(reserveOf(disk));
    await disk.fill();
    await kill(scene, all[0] as InstanceHandle);
    for (let round = 0; round < 3; round += 1) {
      const { exitCode, stdout, stderr } = await disk.shell('workerctl bootcheck');
      expect({ exitCode, stdout }).toEqual({ exitCode: 73, stdout: '' });
      expect(stderr).toContain('ENOSPC');
    }
    for (const words of ['stop', 'hold']) expect((await disk.act(words)).exitCode, words).toBe(73);
    expect(all.flatMap((one) => one.terms())).toEqual([]);
    await disk.free();
    const { of, exitCode, all: said } = await disk.act('bootcheck');
    expect(exitCode, said).toBe(0);
    expect(of('died').map(deathOf)).toEqual([{ signal: 'SIGKILL' }]);
    expect(deathsIn(scene)).toHaveLength(1);
    expect((await disk.act('bootcheck')).events).toEqual([]);
  });

  test('the reserve must be taken back after a command, and again once there is space', async () => {
    const scene = await onFullDisk();
    const { disk } = scene;
    const full = statSync(reserveOf(disk)).size;
    for (const words of ['hold', 'unhold', 'hold', 'unhold', 'stop'])
      expect((await disk.act(words)).exitCode, words).toBe(0);
    expect(statSync(reserveOf(disk)).size).toBeGreaterThan(full / 2);
    expect(statSync(reserveOf(disk)).size).toBeLessThan(full);
    await disk.free();
    expect((await disk.act('start')).exitCode).toBe(0);
    expect(statSync(reserveOf(disk)).size).toBe(full);
  });

  test('doctor must say that there is no reserve', async () => {
    const { disk } = await onFullDisk();
    expect((await disk.shell('workerctl doctor')).stdout).not.toContain('reserve');
    rmSync(reserveOf(disk));
    expect((await disk.shell('workerctl doctor')).stdout).toMatch(/^warning +.*reserve/m);
  });

  test('a disk on which a reserve would take too much must get none', async () => {
    const { disk } = await onFullDisk({}, '400k');
    expect(existsSync(reserveOf(disk))).toBe(false);
  });
});
