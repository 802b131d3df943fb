import { chmodSync, mkdirSync, rmSync, rmdirSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { booted } from '../rig/instance.ts';
import { endProcess, look } from '../rig/kernel.ts';
import { problemOf } from '../rig/output.ts';
import { fixture, longRecord } from '../rig/programs.ts';
import { createRig, expectQuiet, type Rig } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';
import { execa } from 'execa';

const runs = '#!/bin/sh\nexec sleep 1000\n';

const drains = { command: fixture('drains-after-job') };

interface Shown {
  readonly state: string;
  readonly start_problem: string | null;
  readonly detail: string;
}

/** What `status` says of mail.1. */
async function shown(rig: Rig): Promise<Shown> {
  const { stdout } = await rig.workerctl('status', '--json');
  const [one] = (JSON.parse(stdout) as { instances: Shown[] }).instances;
  if (one === undefined) throw new Error('nothing is shown');
  return one;
}

describe('why an instance was not started', () => {
  test.each([
    ['env file', { env_files: ['my.env'] }, /my\.env.*ENOENT/, 'my.env', 'A=1\n'],
    ['folder', { directory: 'app' }, /app.*ENOENT/, 'app', undefined],
    ['program', { command: './run.sh' }, /run\.sh does not exist/, 'run.sh', runs],
    ['interpreter', { command: './no-sh' }, /no program no-such-sh/, undefined, undefined],
  ] as const)(
    'must be shown by status until it has started: a missing %s',
    async (_, keys, problem, path, text) => {
      const rig = createRig({ mail: { ...drains, ...keys, backoff: { initial: '1ms' } } });
      writeFileSync(rig.path('no-sh'), '#!/usr/bin/env no-such-sh\n', { mode: 0o755 });
      const { exitCode, of } = await rig.act('start');
      expect(exitCode).toBe(1);
      const said = problemOf(of('start_failed')[0]);
      expect(said).toMatch(problem);
      expect(of('start_failed')[0]).not.toHaveProperty('log_file');
      const found = await shown(rig);
      expect(found).toMatchObject({ state: 'missing', start_problem: said });
      expect(found.detail).toMatch(/^start failed at \S+: .*; bootcheck starts it$/);
      expect(rig.instance('mail.1').processes()).toEqual([]);

      if (text !== undefined) writeFileSync(rig.path(path), text, { mode: 0o755 });
      else if (path !== undefined) mkdirSync(rig.path(path));
      else writeFileSync(rig.path('no-sh'), runs);
      expect((await rig.workerctl('bootcheck')).exitCode).toBe(0);
      expect(await shown(rig)).toMatchObject({ start_problem: null });
      await expectQuiet(rig);
    },
  );

  test('must stand beside how its last process has ended, and end with a stop', async () => {
    const rig = createRig({
      mail: { ...drains, env_files: ['my.env'], backoff: { initial: '1ms' } },
    });
    writeFileSync(rig.path('my.env'), '');
    await rig.start();
    rmSync(rig.path('my.env'));
    const pid = await booted(rig.instance('mail.1'));
    await endProcess(pid);
    await rig.workerctl('bootcheck');
    await until('an attempt', async () => {
      await rig.workerctl('bootcheck');
      return (await shown(rig)).start_problem !== null;
    });
    expect((await shown(rig)).detail).toMatch(
      new RegExp(`^pid ${pid} died .*: signal 9 .*; start failed at .*my\\.env`),
    );
    await rig.workerctl('stop');
    expect(await shown(rig)).toMatchObject({ state: 'stopped', start_problem: null });
    writeFileSync(rig.path('my.env'), '');
  });
});

describe('a shim that cannot write its record', () => {
  test('must be quoted: its last line, not a guess', async () => {
    const rig = createRig({ mail: { ...drains, ...longRecord, backoff: { initial: '1ms' } } });
    mkdirSync(`${rig.stateDir}/.new/mail.1.json`, { recursive: true });
    const { exitCode, of } = await rig.act('start');
    expect(exitCode).toBe(1);
    const said = problemOf(of('start_failed')[0]);
    expect(said).toMatch(/^its record cannot be written: .*mail\.1\.json.*[Dd]irectory/);
    expect(said).not.toContain('shim.sh');
    expect(await shown(rig)).toMatchObject({ start_problem: said });
    rmdirSync(`${rig.stateDir}/.new/mail.1.json`);
    expect((await rig.workerctl('bootcheck')).exitCode).toBe(0);
    expect(await shown(rig)).toMatchObject({ start_problem: null });
    await expectQuiet(rig);
  });

  test.skipIf(process.geteuid?.() === 0)('must say that it may not write', async () => {
    const rig = createRig({ mail: { ...drains, ...longRecord } });
    mkdirSync(`${rig.stateDir}/.new`, { recursive: true });
    chmodSync(`${rig.stateDir}/.new`, 0o500);
    const { of } = await rig.act('start');
    expect(problemOf(of('start_failed')[0])).toMatch(
      /^its record cannot be written: .*mail\.1\.json.*Permission denied/,
    );
    chmodSync(`${rig.stateDir}/.new`, 0o755);
  });
});

const canMount = (await execa('unshare', ['-Urm', 'true'], { reject: false })).exitCode === 0;

test.runIf(canMount)('a start on a full disk must name the error of the disk', async () => {
  const rig = createRig({ mail: { ...drains, ...longRecord } });
  mkdirSync(`${rig.stateDir}/.new`, { recursive: true });
  const full =
    'mount -t tmpfs -o size=4k none .workerctl/.new && head -c 9999 /dev/zero >.workerctl/.new/x';
  const { stdout } = await rig.shell(
    `exec unshare -Urm sh -c '${full} 2>/dev/null; workerctl start --json'`,
  );
  expect(stdout).toMatch(/"problem":"its record cannot be written: [^"]*(ENOSPC|No space left)/);
  expect(stdout).not.toContain('disk full?');
  expect((await shown(rig)).start_problem).toMatch(/ENOSPC|No space left/);
});

test.runIf(canMount).each([
  ['log', { log: { file: 'read-only/mail.log' } }],
  ['pidfile', { pidfile: 'read-only/mail.pid' }],
])('a %s on a read-only file system must be named with what to do', async (_, keys) => {
  const rig = createRig({ mail: { ...drains, ...keys } });
  mkdirSync(rig.path('read-only'));
  const { stdout, exitCode } = await rig.shell(
    `exec unshare -Urm sh -c 'mount -t tmpfs -o ro none read-only && exec workerctl start --json'`,
  );
  expect(exitCode).toBe(1);
  expect(stdout).toMatch(
    /read-only\/mail\.[^"]*[Rr]ead-only file system; make its file system writable again: dmesg says why it is not"/,
  );
});

test('the lock of a frozen shim must be told from that of an unknown process', async () => {
  const rig = createRig({ mail: drains });
  await rig.start();
  const pid = await booted(rig.instance('mail.1'));
  const shim = look(pid)?.parent ?? 0;
  process.kill(shim, 'SIGSTOP');
  await until('a stopped shim', () => look(shim)?.state === 'T');
  await endProcess(pid);
  const { stdout, exitCode } = await rig.workerctl('start');
  expect(exitCode).toBe(1);
  const words = `its shim, pid ${shim}, is stopped (SIGSTOP) and holds its lock; kill -CONT ${shim} continues it`;
  expect(stdout).toContain(words);
  expect(stdout).not.toMatch(/unknown process|wrote nothing/);
  expect(await shown(rig)).toMatchObject({ start_problem: words });
  process.kill(shim, 'SIGCONT');
  await until('the end of the shim', () => look(shim) === undefined);
});

test('another holder of the lock must be named', async () => {
  const rig = createRig({ mail: drains });
  mkdirSync(rig.stateDir, { recursive: true });
  const { stdout } = await rig.shell(
    `flock -o .workerctl/mail.1.lock sleep 20 & lock=$!; until [ -e .workerctl/mail.1.lock ]; do sleep 0.01; done; sleep 0.1; workerctl start; pkill -P $lock; wait`,
  );
  expect(stdout).toMatch(/mail\.1: start failed: pid \d+ \(flock\) holds its lock/);
});
