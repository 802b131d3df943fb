import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { expect, test } from 'vitest';
import { booted } from '../rig/instance.ts';
import { readOr } from '../rig/files.ts';
import { openFiles } from '../rig/kernel.ts';
import { deathOf, story } from '../rig/output.ts';
import { fixture } from '../rig/programs.ts';
import {
  bootcheck,
  createRig,
  expectQuiet,
  holdPassLock,
  holdsPassLock,
  type Rig,
} from '../rig/rig.ts';
import { until } from '../rig/wait.ts';

const drains = { command: fixture('drains-after-job') };

test('bootcheck must be silent and end with 0 if there is nothing to do', async () => {
  const rig = createRig({ mail: { ...drains, count: 2 } });
  await rig.start();
  for (const round of [1, 2, 3]) await expectQuiet(rig, `round ${round}`);
});

test('bootcheck -v must print a line if there is nothing to do', async () => {
  const rig = createRig({ mail: drains });
  await rig.start();
  expect((await rig.workerctl('bootcheck', '-v')).stdout.split('\n')).toEqual([
    expect.stringMatching(/./) as string,
  ]);
});

test('bootcheck must start what is missing, say so, and not wait until it is ready', async () => {
  const rig = createRig({ mail: { ...drains, ready: { after: '1h' } } });
  const { exitCode, stdout } = await rig.workerctl('bootcheck');
  expect(exitCode).toBe(0);
  const pid = String(rig.instance('mail.1').pid());
  expect(stdout).toMatch(new RegExp(`^\\d\\d:\\d\\d:\\d\\d mail\\.1: .*${pid}`));
});

test('bootcheck must start again what has died, and report how it died', async () => {
  const rig = createRig({ mail: drains });
  await rig.start();
  const mail = rig.instance('mail.1');
  const old = await booted(mail);
  process.kill(old, 'SIGKILL');
  await mail.left(old);
  const { exitCode, of } = await rig.act('bootcheck');
  expect(exitCode).toBe(0);
  expect(of('died')).toMatchObject([{ instance: 'mail.1', pid: old }]);
  expect(deathOf(of('died')[0])).toEqual({ signal: 'SIGKILL' });
  expect(await booted(mail)).not.toBe(old);
});

test('bootcheck must end with 1 and a report if something could not be started', async () => {
  const rig = createRig({ mail: { ...drains, directory: 'nowhere' } });
  const { exitCode, story } = await rig.act('bootcheck');
  expect(exitCode).toBe(1);
  expect(story('start_failed')).toEqual(['start_failed mail.1']);
});

test('bootcheck must end with 75 at once while flock(1) holds the pass lock', async () => {
  const rig = createRig({ mail: drains });
  await rig.start();
  const release = await holdPassLock(rig);
  expect((await rig.workerctl('bootcheck')).exitCode, 'with nothing to do it needs no lock').toBe(
    0,
  );
  const [old = 0] = rig.instance('mail.1').processes();
  process.kill(old, 'SIGKILL');
  await rig.instance('mail.1').left(old);
  const begun = performance.now();
  const { exitCode, stdout, stderr } = await rig.workerctl('bootcheck');
  expect({ exitCode, stdout }).toEqual({ exitCode: 75, stdout: '' });
  expect(performance.now() - begun).toBeLessThan(5_000);
  expect(stderr).toContain(`${rig.stateDir}/pass.lock`);
  expect(await rig.workerctl('bootcheck'), 'once').toMatchObject({ exitCode: 75, all: '' });
  const status = await rig.workerctl('status');
  expect(status.exitCode).toBe(3);
  expect(rig.instance('mail.1').processes()).toEqual([]);
  await release();
  expect((await rig.workerctl('bootcheck')).exitCode).toBe(0);
  await booted(rig.instance('mail.1'));
});

/** Lets the holder of the pass lock have signed in ten minutes ago. */
function ageHolder({ stateDir }: Rig): void {
  const path = `${stateDir}/pass.lock`;
  const holder = JSON.parse(readOr(path, '')) as { since: number };
  const text = JSON.stringify({ ...holder, since: holder.since - 600_000 });
  const fd = openSync(path, 'r+');
  writeSync(fd, `${text.padEnd(255)}\n`, 0);
  closeSync(fd);
}

test('bootcheck must name the pass that holds the lock, its pid and since when', async () => {
  // Many starts, so that the command can be stopped in the middle of its pass.
  const rig = createRig({ mail: { ...drains, count: 40 } });
  const starting = rig.workerctl('start');
  const pid = Number(starting.pid);
  await until('start to hold the pass lock', () => holdsPassLock(rig, pid));
  process.kill(pid, 'SIGSTOP');
  try {
    const quiet = await rig.workerctl('bootcheck');
    expect(quiet, 'cron would mail it each minute').toMatchObject({ exitCode: 75, all: '' });
    const { exitCode, stdout, stderr } = await rig.workerctl('bootcheck', '--verbose');
    expect({ exitCode, stdout }).toEqual({ exitCode: 75, stdout: '' });
    expect(stderr).toMatch(new RegExp(`\\b${String(pid)}\\b.*workerctl start.*\\d(\\.\\d)?s\\b`));
    ageHolder(rig);
    expect((await rig.workerctl('bootcheck')).stderr).toContain('workerctl start');
    expect(await rig.workerctl('bootcheck')).toMatchObject({ exitCode: 75, all: '' });
    const json = await rig.workerctl('bootcheck', '--json');
    expect(JSON.parse(json.stdout)).toMatchObject({
      schema: 2,
      exit_code: 75,
      error: { code: 'locked' },
    });
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  expect((await starting).exitCode).toBe(0);
});

test('start must wait for a pass that is at work, and then go on', async () => {
  const rig = createRig({ mail: drains });
  await rig.start();
  await rig.workerctl('stop');
  const release = await holdPassLock(rig);
  const starting = rig.workerctl('start');
  await rig.workerctl('bootcheck');
  expect(starting.exitCode).toBeNull();
  await release();
  expect((await starting).exitCode).toBe(0);
  expect(rig.instance('mail.1').boots()).toHaveLength(2);
});

test('Ctrl-C while a command waits for another pass must end it with 130 before it has done anything', async () => {
  const rig = createRig({ mail: drains });
  await rig.start();
  const release = await holdPassLock(rig);
  const restarting = rig.workerctl('restart');
  const lock = `${rig.stateDir}/pass.lock`;
  await until('restart to try the lock', () =>
    [...openFiles(restarting.pid ?? 0).values()].includes(lock),
  );
  restarting.kill('SIGINT');
  await until('restart to end', () => restarting.exitCode !== null, 5_000);
  expect((await restarting).exitCode).toBe(130);
  await release();
  expect(rig.instance('mail.1').terms()).toEqual([]);
});

test('eight bootchecks at once on missing instances must start each exactly once', async () => {
  const rig = createRig({ mail: { ...drains, count: 4 } });
  const outcomes = await Promise.all(Array.from({ length: 8 }, () => rig.act('bootcheck')));
  for (const { exitCode, all } of outcomes) expect([0, 75], all).toContain(exitCode);
  expect(outcomes.flatMap(({ of }) => of('started'))).toHaveLength(4);
  for (const name of ['mail.1', 'mail.2', 'mail.3', 'mail.4']) {
    const instance = rig.instance(name);
    const pid = await booted(instance);
    expect(instance.processes()).toEqual([pid]);
    expect(instance.boots()).toEqual([pid]);
  }
});

test('bootcheck must adopt the workers of a deleted state directory, and start none twice', async () => {
  const rig = createRig({ mail: { ...drains, count: 2 } });
  await rig.start();
  const before = [rig.instance('mail.1').pid(), rig.instance('mail.2').pid()];
  await rig.shell('rm -r .workerctl');
  expect(await bootcheck(rig)).toMatchObject([
    { kind: 'adopted', instance: 'mail.1', pid: before[0] },
    { kind: 'adopted', instance: 'mail.2', pid: before[1] },
  ]);
  expect([rig.instance('mail.1').pid(), rig.instance('mail.2').pid()]).toEqual(before);
  for (const name of ['mail.1', 'mail.2']) expect(rig.instance(name).boots()).toHaveLength(1);
  await expectQuiet(rig);
});

test('bootcheck must write a lost or damaged pidfile again', async () => {
  const rig = createRig({ mail: { ...drains, count: 2 } });
  await rig.start();
  const pid = await booted(rig.instance('mail.1'));
  await rig.shell('echo abc >.workerctl/mail.1.pid; rm .workerctl/mail.2.pid');
  expect(story(await bootcheck(rig))).toEqual(['pidfile_written mail.1', 'pidfile_written mail.2']);
  expect(readFileSync(`${rig.stateDir}/mail.1.pid`, 'utf8')).toBe(`${pid}\n`);
  expect(rig.instance('mail.2').process()).toBeDefined();
  for (const name of ['mail.1', 'mail.2']) expect(rig.instance(name).boots()).toHaveLength(1);
});

test('bootcheck must not double a worker whose shim was killed, and must start it again when it has died', async () => {
  const rig = createRig({ mail: drains });
  await rig.start();
  const mail = rig.instance('mail.1');
  const pid = await booted(mail);
  process.kill(Number(mail.record()['shim_pid']), 'SIGKILL');
  await expectQuiet(rig);
  process.kill(pid, 'SIGKILL');
  await until('it to die', () => mail.processes().length === 0);
  const { exitCode, of } = await rig.act('bootcheck');
  expect(exitCode).toBe(0);
  expect(of('died')).toMatchObject([{ pid }]);
  expect(deathOf(of('died')[0])).toEqual({ unknown: 'no report of how it exited' });
  expect(await booted(mail)).not.toBe(pid);
});

test('bootcheck must refuse targets with 2', async () => {
  const rig = createRig({ mail: drains });
  expect((await rig.workerctl('bootcheck', 'mail')).exitCode).toBe(2);
});
