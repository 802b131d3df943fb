// What the kernel says of real processes, against what a record claims of them.
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, utimesSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readProcess } from '../../../src/host/process/process-table.ts';
import { makeFifo } from '../../../src/host/process/make-fifo.ts';
import { removeFile } from '../../../src/host/files/json-file.ts';
import { hearWitnesses, type Claim } from '../../../src/host/worker/witness.ts';
import { endProcess, strings } from '../../rig/kernel.ts';
import { useScratch } from '../../rig/scratch.ts';
import { until } from '../../rig/wait.ts';

const scratch = useScratch();
const run = '0123456789abcdef';
const stateDir = (): string => scratch.folder();

interface Look {
  readonly env?: Readonly<Record<string, string>>;
  /** Its standard error. */
  readonly log?: string | number;
  readonly leadsSession?: boolean;
  /** Whether its marker names its own pid. */
  readonly isMain?: boolean;
}

/** A process that looks like this, and sleeps. */
async function sleeper({
  env = {},
  log,
  leadsSession = true,
  isMain = false,
}: Look): Promise<number> {
  const fd = typeof log === 'string' ? openSync(log, 'a') : log;
  const script = `${isMain ? 'WORKERCTL_PID=$$; export WORKERCTL_PID; ' : ''}exec sleep 1000000`;
  const child = spawn('/bin/sh', ['-c', script], {
    cwd: scratch.folder(),
    env: { ...env },
    detached: leadsSession,
    stdio: ['ignore', 'ignore', fd ?? 'ignore'],
  });
  if (typeof log === 'string' && fd !== undefined) closeSync(fd);
  const { pid = 0 } = child;
  await until('it to sleep', () => strings(pid, 'cmdline')[0] === 'sleep');
  return pid;
}

const marker = (instance: string, directory = stateDir(), runId = run): Record<string, string> => ({
  WORKERCTL_INSTANCE: instance,
  WORKERCTL_STATE_DIR: directory,
  WORKERCTL_HEARTBEAT_FILE: `${directory}/heartbeats/${instance}.${runId}`,
});

const claimOf = (pid: number, more: Partial<Claim> = {}): Claim => {
  const process = readProcess(pid);
  if (process === undefined) throw new Error(`pid ${pid} is gone`);
  const logs = [`${stateDir()}/mail.1.log`];
  return {
    ...{ instance: 'mail.1', stateDir: stateDir(), process, runId: run },
    ...{ ownLogs: () => logs, isAdopted: false, ...more },
  };
};

const heard = (pid: number, more?: Partial<Claim>): string => {
  const testimony = hearWitnesses(claimOf(pid, more));
  return testimony.kind === 'foreign' ? testimony.problem : testimony.kind;
};

test('a process with nothing but its record must have no witness', async () => {
  expect(heard(await sleeper({}))).toBe('unknown');
});

test('a dead process, or another one with its pid, must be gone', async () => {
  const pid = await sleeper({ env: marker('mail.1'), isMain: true });
  const { process, ...claim } = claimOf(pid);
  const earlier = { ...process, startTime: process.startTime - 1 };
  expect(hearWitnesses({ ...claim, process: earlier }).kind).toBe('gone');
  await endProcess(pid);
  expect(hearWitnesses({ ...claim, process }).kind).toBe('gone');
});

describe('its own marker', () => {
  const main = (...words: Parameters<typeof marker>): Promise<number> =>
    sleeper({ env: marker(...words), isMain: true });

  test('must be a witness', async () => {
    expect(heard(await main('mail.1'))).toBe('witnessed');
  });

  test('of another instance, directory or run must contradict', async () => {
    const other = `${stateDir()}/other`;
    mkdirSync(other);
    expect(heard(await main('mail.2'))).toBe('it belongs to mail.2');
    expect(heard(await main('mail.1', other))).toBe(`it belongs to mail.1 in ${other}`);
    expect(heard(await main('mail.1', stateDir(), 'fedcba9876543210'))).toMatch(/another run/);
    expect(heard(await main('mail.2'), { isAdopted: true })).toBe('it belongs to mail.2');
  });

  test('of a directory that was moved away must not', async () => {
    expect(heard(await main('mail.1', `${stateDir()}/gone`))).toBe('witnessed');
    const other = await main('mail.1', `${stateDir()}/gone`, 'fedcba9876543210');
    expect(heard(other)).toMatch(/another run/);
  });

  test('of a daemon, which names no pid, must be a witness', async () => {
    expect(heard(await sleeper({ env: marker('mail.1') }))).toBe('witnessed');
  });
});

describe('a marker that was inherited', () => {
  const child = (instance: string, more: Look = {}): Promise<number> =>
    sleeper({ env: { ...marker(instance), WORKERCTL_PID: '1' }, ...more });

  test('must be no witness', async () => {
    expect(heard(await child('mail.1'))).toBe('unknown');
  });

  test('from another instance must contradict the log, but not an adoption', async () => {
    const pid = await child('mail.2', { log: `${stateDir()}/mail.1.log` });
    expect(heard(pid)).toBe('it belongs to mail.2');
    expect(heard(pid, { isAdopted: true })).toBe('witnessed');
  });
});

describe('the log as standard error', () => {
  const log = (): string => `${stateDir()}/mail.1.log`;

  test('must be a witness for the leader of a session', async () => {
    expect(heard(await sleeper({ log: log() }))).toBe('witnessed');
  });

  test('must be none for the command of a shell', async () => {
    expect(heard(await sleeper({ log: log(), leadsSession: false }))).toBe('unknown');
  });

  test('must be none if it is the log of others too, or no file', async () => {
    expect(heard(await sleeper({ log: log() }), { ownLogs: () => [] })).toBe('unknown');
    expect(heard(await sleeper({}), { ownLogs: () => ['/dev/null'] })).toBe('unknown');
  });

  test('the pipe to its logger must be one, and that of another instance none', async () => {
    const [own, other] = ['mail.1', 'mail.2'].map((name) => {
      const path = `${stateDir()}/${name}.fifo`;
      expect(makeFifo(path, '0600')).toBeUndefined();
      const fd = openSync(path, 'r+');
      removeFile(path);
      return fd;
    });
    expect(heard(await sleeper({ log: own ?? 0 }))).toBe('witnessed');
    expect(heard(await sleeper({ log: other ?? 0 }))).toBe('unknown');
    for (const fd of [own, other]) closeSync(fd ?? 0);
  });
});

describe('the pidfile of a program that daemonizes', () => {
  const pidfile = (): string => `${stateDir()}/own.pid`;
  const daemon = (): NonNullable<Claim['daemon']> => ({
    pidfile: pidfile(),
    command: ['bin/paintd'],
  });

  test('must be a witness for the process that it names', async () => {
    const [pid, other] = [await sleeper({}), await sleeper({})];
    writeFileSync(pidfile(), `${pid}\n`);
    expect(heard(other, { daemon: daemon() })).toBe('unknown');
    expect(heard(pid, { daemon: daemon() })).toBe('witnessed');
  });

  test('must be none if it is older than the process, which looks like another program', async () => {
    const pid = await sleeper({});
    writeFileSync(pidfile(), `${pid}\n`);
    utimesSync(pidfile(), 1_000_000, 1_000_000);
    expect(heard(pid, { daemon: daemon() })).toBe('unknown');
    const alike = { pidfile: pidfile(), command: ['sleep', '1000000'] };
    expect(heard(pid, { daemon: alike })).toBe('witnessed');
  });
});

describe('a shim as its parent', () => {
  /** The child of a script that is called as the shim of this instance and run. */
  async function childOfShim(instance: string, runId = run): Promise<number> {
    const script = `${stateDir()}/shim.sh`;
    writeFileSync(script, 'setsid sleep 1000000 & echo $!; wait\n');
    const words = [script, 'supervise', instance, stateDir(), '/x.pid', runId];
    const shim = scratch.run(['/bin/sh', ...words]);
    await shim.says('\n');
    const pid = Number(shim.heard());
    await until('it to sleep', () => strings(pid, 'cmdline')[0] === 'sleep');
    return pid;
  }

  test('must be a witness', async () => {
    expect(heard(await childOfShim('mail.1'))).toBe('witnessed');
  });

  test('of another instance or run must contradict, whatever else speaks for it', async () => {
    const isAdopted = { isAdopted: true };
    expect(heard(await childOfShim('mail.2'), isAdopted)).toBe('it belongs to mail.2');
    expect(heard(await childOfShim('mail.1', 'fedcba9876543210'))).toMatch(/another run/);
  });
});
