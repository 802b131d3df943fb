// Records that name a process which is not the instance's. It must get no signal, whatever is asked for; and the processes of
// instances must get theirs, whatever has happened to their shims and titles.
import { spawn } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { startBystander, type Bystander } from '../rig/bystander.ts';
import { booted, termed } from '../rig/instance.ts';
import {
  allPids,
  bootId,
  endProcess,
  environmentOf,
  isAlive,
  look,
  processAt,
} from '../rig/kernel.ts';
import { problemOf } from '../rig/output.ts';
import { fixture } from '../rig/programs.ts';
import { createRig, expectQuiet, type Rig, type WorkerKeys } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';
import { watching } from '../rig/watch.ts';

const drains = (more: WorkerKeys = {}): WorkerKeys => ({
  command: fixture('drains-after-job'),
  ready: { after: '0s' },
  ...more,
});

/** Writes this process into the record of an instance; all else in it stays. */
function misname(rig: Rig, name: string, pid: number): void {
  const file = `${rig.stateDir}/${name}.json`;
  const record = JSON.parse(readFileSync(file, 'utf8')) as object;
  const { startTime } = look(pid) ?? { startTime: 0 };
  writeFileSync(file, `${JSON.stringify({ ...record, pid, start_time: startTime })}\n`);
}

/** All are up, and the record of the last one names a process that is not ours. */
async function misnamed(
  count = 1,
  more: WorkerKeys = {},
): Promise<{ rig: Rig; pid: number; name: string; innocent: Bystander }> {
  const rig = createRig({ mail: drains({ count, ...more }) });
  await rig.start();
  const name = `mail.${count}`;
  const pid = await booted(rig.instance(name));
  const innocent = await startBystander(rig.folder);
  misname(rig, name, innocent.pid);
  return { rig, pid, name, innocent };
}

/** Writes a stop of the process of mail.1. */
function writeStop(rig: Rig, { sent, asked, ...more }: Readonly<Record<string, unknown>>): void {
  const at = new Date().toISOString();
  const words = { signal: 'SIGTERM', at, cause: 'x', boot_id: bootId(), ...more };
  writeFileSync(`${rig.stateDir}/mail.1.stop`, `${JSON.stringify({ sent, asked, ...words })}\n`);
}

const sessionOf = (leader: number): number[] =>
  allPids().filter((pid) => processAt(pid)?.session === leader);

const adoptHint = (name: string, pid: number): string => `workerctl adopt ${name} ${pid}`;

describe('a record with the pid and start time of another process', () => {
  test.each([
    ['stop'],
    ['stop', '--no-wait'],
    ['stop', '--now'],
    ['stop', '--now', '--no-wait'],
    ['stop', '--kill-after', '100ms'],
    ['restart'],
    ['restart', '--now'],
    ['restart', '--overlap'],
    ['quiet'],
  ])('%s %s %s must refuse to signal it, and say how to adopt it', async (...words) => {
    const { rig, pid, innocent } = await misnamed(1, { stop: { quiet: 'USR2' } });
    const { exitCode, all, of } = await rig.act(...words);
    expect(exitCode, all).toBe(1);
    expect(problemOf(of('signal_failed')[0])).toContain(adoptHint('mail.1', innocent.pid));
    expect(innocent.isUnharmed()).toBe(true);
    expect(look(innocent.pid)?.state).not.toBe('T');
    expect(rig.instance('mail.1').processes()).toEqual([pid]);
    expect(rig.instance('mail.1').terms()).toEqual([]);
  });

  test('a dry run must say so', async () => {
    const { rig, innocent } = await misnamed();
    for (const command of ['stop', 'restart']) {
      const { exitCode, all } = await rig.workerctl(command, '--dry-run');
      expect(exitCode, all).toBe(1);
      expect(all).toContain(adoptHint('mail.1', innocent.pid));
      expect(all).not.toContain('(SIGTERM');
    }
  });

  test('a restart must be aborted before it asks any other instance', async () => {
    const { rig, innocent } = await misnamed(3);
    const { exitCode, all, of } = await rig.act('restart');
    expect(exitCode, all).toBe(1);
    expect(of('rollout_aborted')).toHaveLength(1);
    expect(innocent.isUnharmed()).toBe(true);
    expect([1, 2, 3].flatMap((id) => rig.instance(`mail.${id}`).terms())).toEqual([]);
  });

  test('want must refuse to signal it, and bootcheck must report it once', async () => {
    const { rig, pid, innocent } = await misnamed(2);
    const wanted = await rig.act('want', '1', 'mail');
    expect(wanted.exitCode, wanted.all).toBe(1);
    await expectQuiet(rig, 'it was reported already');
    await expectQuiet(rig);
    expect(innocent.isUnharmed()).toBe(true);
    expect(rig.instance('mail.2').processes()).toEqual([pid]);
  });

  test('bootcheck must report it once; status and doctor must show it', async () => {
    const { rig, innocent } = await misnamed();
    const first = await rig.act('bootcheck');
    expect(first.exitCode, first.all).toBe(1);
    expect(first.of('signal_failed')).toHaveLength(1);
    expect(readFileSync(`${rig.stateDir}/mail.1.pid`, 'utf8')).not.toBe(`${innocent.pid}\n`);
    await expectQuiet(rig, 'the second bootcheck');
    expect((await rig.workerctl('status')).all).toContain(adoptHint('mail.1', innocent.pid));
    const doctor = await rig.workerctl('doctor');
    expect(doctor.all).toContain(`pid ${innocent.pid} gets no signal`);
    expect(doctor.all).toContain(adoptHint('mail.1', innocent.pid));
    expect(innocent.isUnharmed()).toBe(true);
  });

  test('watch must report it once, and must not kill it when it gives no sign of life', async () => {
    const rig = createRig({
      mail: { command: fixture('beats'), heartbeat: { timeout: '1s', dump: 'QUIT', grace: '0s' } },
    });
    await rig.start();
    const [pid = 0] = rig.instance('mail.1').boots();
    const innocent = await startBystander(rig.folder);
    process.kill(pid, 'SIGSTOP');
    misname(rig, 'mail.1', innocent.pid);
    const watch = await watching(rig);
    await watch.reports('signal_failed', { instance: 'mail.1', pid: innocent.pid });
    rig.configure({ mail: { command: fixture('beats'), count: 0 } });
    const before = await watch.looks();
    await until('three more looks', async () => {
      await rig.workerctl('trigger');
      return (await watch.looks()) >= before + 3;
    });
    expect(watch.events('signal_failed')).toHaveLength(1);
    expect(innocent.isUnharmed()).toBe(true);
    watch.send('SIGTERM');
    await watch.running;
    process.kill(pid, 'SIGCONT');
  });

  test('watch --stop-on-exit must end without it', async () => {
    const { rig, innocent } = await misnamed(2);
    const watch = await watching(rig, '--stop-on-exit');
    watch.send('SIGTERM');
    await watch.running;
    expect(innocent.isUnharmed()).toBe(true);
    expect(rig.instance('mail.1').terms()).toHaveLength(1);
  });

  test('a limit that is over must not kill it, though it is noted as asked', async () => {
    const { rig, innocent } = await misnamed();
    writeStop(rig, {
      sent: true,
      pid: innocent.pid,
      start_time: innocent.startTime,
      deadline_since_boot_seconds: 1,
      ends_session: true,
    });
    for (const words of [['bootcheck'], ['stop', '--now'], ['bootcheck']])
      await rig.workerctl(...words);
    expect(innocent.isUnharmed()).toBe(true);
  });

  test('once it is adopted, it must be stopped like any other', async () => {
    const { rig, innocent, pid } = await misnamed();
    await endProcess(pid);
    const adopted = await rig.act('adopt', 'mail.1', String(innocent.pid));
    expect(adopted.exitCode, adopted.all).toBe(0);
    expect(adopted.of('adopted')).toMatchObject([{ instance: 'mail.1', pid: innocent.pid }]);
    const { exitCode, all } = await rig.act('stop', '--kill-after', '100ms');
    expect(exitCode, all).toBe(0);
    expect(isAlive(innocent.pid)).toBe(false);
  });

  test('the process of the instance must be adopted in its place', async () => {
    const { rig, innocent, pid } = await misnamed();
    const adopted = await rig.act('adopt', 'mail.1', String(pid));
    expect(adopted.exitCode, adopted.all).toBe(0);
    const { exitCode, all } = await rig.act('stop');
    expect(exitCode, all).toBe(0);
    expect(rig.instance('mail.1').terms()).toEqual([pid]);
    expect(innocent.isUnharmed()).toBe(true);
  });
});

test('records that were swapped must get neither process signalled, and removing them must heal it', async () => {
  const rig = createRig({ mail: drains({ count: 2 }) });
  await rig.start();
  const [one, two] = [rig.instance('mail.1'), rig.instance('mail.2')];
  const pids = [await booted(one), await booted(two)] as const;
  const records = [one.record(), two.record()];
  const files = ['mail.1', 'mail.2'].map((name) => `${rig.stateDir}/${name}.json`);
  for (const [index, file] of files.entries()) {
    const instance = `mail.${index + 1}`;
    writeFileSync(file, `${JSON.stringify({ ...records[1 - index], instance })}\n`);
  }
  const stop = await rig.act('stop', 'mail.1');
  expect(stop.exitCode, stop.all).toBe(1);
  expect(problemOf(stop.of('signal_failed')[0])).toContain('it belongs to mail.2');
  const restart = await rig.act('restart', '--now');
  expect(restart.exitCode, restart.all).toBe(1);
  expect([...one.terms(), ...two.terms()]).toEqual([]);
  for (const file of files) rmSync(file);
  expect((await rig.workerctl('start')).exitCode).toBe(0);
  expect([one.pid(), two.pid()]).toEqual(pids);
  expect((await rig.workerctl('stop', 'mail.1')).exitCode).toBe(0);
  expect(one.terms()).toEqual([pids[0]]);
  expect(two.terms()).toEqual([]);
});

test('a process of another state directory must not be signalled by a copy of its records', async () => {
  const rig = createRig({ mail: drains() });
  await rig.start();
  const pid = await booted(rig.instance('mail.1'));
  await rig.shell('cp -a .workerctl copy');
  const config = JSON.parse(readFileSync(rig.path('workerctl.yaml'), 'utf8')) as object;
  writeFileSync(rig.path('copy.yaml'), JSON.stringify({ state_dir: 'copy', ...config }));
  const stop = await rig.workerctl('stop', '--config', 'copy.yaml', '--json');
  expect(stop.exitCode, stop.all).toBe(1);
  expect(stop.all).toContain(`it belongs to mail.1 in ${rig.stateDir}`);
  expect(isAlive(pid)).toBe(true);
  // A directory that was moved is the same one: the run id is the witness.
  await rig.shell('rm -r copy && mv .workerctl copy');
  const moved = await rig.workerctl('stop', '--config', 'copy.yaml');
  expect(moved.exitCode, moved.all).toBe(0);
  expect(isAlive(pid)).toBe(false);
});

describe('a worker whose shim was killed and that has overwritten its environment must be stopped', () => {
  const titled = (more: WorkerKeys): WorkerKeys => ({
    command: fixture('sets-its-title'),
    ready: { after: '0s' },
    ...more,
  });

  async function bare(more: WorkerKeys): Promise<{ rig: Rig; pid: number }> {
    const rig = createRig({ mail: titled(more) });
    await rig.start();
    const pid = await booted(rig.instance('mail.1'));
    await endProcess(Number(rig.instance('mail.1').record()['shim_pid']));
    expect(environmentOf(pid)['WORKERCTL_INSTANCE']).toBeUndefined();
    return { rig, pid };
  }

  test.each([
    ['that writes to its log', {}],
    ['that writes to its logger', { log: { command: 'cat' } }],
  ])('one %s', async (_, more) => {
    const { rig, pid } = await bare(more);
    const { exitCode, all } = await rig.act('stop');
    expect(exitCode, all).toBe(0);
    expect(isAlive(pid)).toBe(false);
  });

  test.each([
    ['a log that it shares', { count: 2, log: { file: 'mail.log' } }],
    ['no log', { log: { file: '/dev/null' } }],
  ])('but not with %s, until it is adopted', async (_, more) => {
    const { rig, pid } = await bare(more);
    const stop = await rig.act('stop', 'mail.1');
    expect(stop.exitCode, stop.all).toBe(1);
    expect(problemOf(stop.of('signal_failed')[0])).toContain(adoptHint('mail.1', pid));
    expect(isAlive(pid)).toBe(true);
    expect((await rig.workerctl('adopt', 'mail.1', String(pid))).exitCode).toBe(0);
    expect((await rig.workerctl('stop')).exitCode).toBe(0);
    expect(isAlive(pid)).toBe(false);
  });
});

test('an adoption must be noted in state.json, and without it the process must not be signalled', async () => {
  const rig = createRig({ mail: drains() });
  const innocent = await startBystander(rig.folder);
  await rig.workerctl('adopt', 'mail.1', String(innocent.pid));
  const file = `${rig.stateDir}/state.json`;
  const state = JSON.parse(readFileSync(file, 'utf8')) as { adopted: object };
  expect(state.adopted).toEqual({
    'mail.1': {
      process: { pid: innocent.pid, start_time: innocent.startTime, boot_id: bootId() },
    },
  });
  for (const copy of [file, `${rig.stateDir}/state.copy`]) rmSync(copy);
  const { exitCode, all } = await rig.act('stop');
  expect(exitCode, all).toBe(1);
  expect(all).toContain(adoptHint('mail.1', innocent.pid));
  expect(innocent.isUnharmed()).toBe(true);
});

describe('a kill', () => {
  /** A session that is not ours, whose leader has died: its number, when that was started, and its member. */
  async function orphaned(rig: Rig): Promise<{ pid: number; startTime: number; member: number }> {
    const script = 'sleep 1000000 & echo $!; read -r line';
    const leader = spawn('/bin/sh', ['-c', script], {
      cwd: rig.folder,
      env: {},
      detached: true,
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    let said = '';
    leader.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
    await until('a member', () => /\d+\n/.test(said));
    const pid = leader.pid ?? 0;
    const { startTime } = look(pid) ?? { startTime: 0 };
    leader.kill('SIGKILL');
    await until('the end of the leader', () => processAt(pid) === undefined);
    return { pid, startTime, member: Number(said) };
  }

  test('must not reach the session of another dead process that a record names', async () => {
    const rig = createRig({ mail: drains({ stop: { leftovers: 'kill' } }) });
    await rig.start();
    const mail = rig.instance('mail.1');
    const worker = await booted(mail);
    const { pid, startTime, member } = await orphaned(rig);
    // Older than the death, also if the moment of that is off by the time for which a busy machine leaves us waiting.
    const upMs = (): number => Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1000;
    await until('it to be older', () => upMs() - startTime * 10 > 1_000);
    await endProcess(worker);
    await mail.left(worker);
    const named = { ...mail.record(), pid, start_time: startTime };
    writeFileSync(`${rig.stateDir}/mail.1.json`, `${JSON.stringify(named)}\n`);
    const { all, of } = await rig.act('bootcheck');
    expect(isAlive(member)).toBe(true);
    expect(of('leftovers'), all).toMatchObject([{ pid, fate: 'unwitnessed' }]);
    expect((await rig.workerctl('stop', '--now')).exitCode).toBe(0);
    expect(isAlive(member)).toBe(true);
  });

  test('must reach what the instance has left behind', async () => {
    const rig = createRig({
      mail: { command: fixture('has-children'), stop: { leftovers: 'kill' } },
    });
    await rig.start();
    const worker = await booted(rig.instance('mail.1'));
    const left = (): number[] => sessionOf(worker).filter((pid) => pid !== worker);
    await until('children', () => left().length > 0);
    await endProcess(worker);
    await rig.instance('mail.1').left(worker);
    expect((await rig.act('bootcheck')).of('leftovers')).toMatchObject([{ fate: 'killed' }]);
    expect(left()).toEqual([]);
  });
});

test('a member that a stop names but that is of another session must not be asked', async () => {
  const rig = createRig({ mail: drains({ stop: { to: 'session' } }) });
  await rig.start();
  const mail = rig.instance('mail.1');
  const pid = await booted(mail);
  const innocent = await startBystander(rig.folder);
  writeStop(rig, {
    sent: false,
    asked: '.',
    pid,
    start_time: mail.record()['start_time'],
    members: [{ pid: innocent.pid, start_time: innocent.startTime }],
  });
  expect((await rig.workerctl('stop')).exitCode).toBe(0);
  await termed(mail, pid);
  expect(innocent.isUnharmed()).toBe(true);
});
