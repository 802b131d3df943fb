import { existsSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { booted, successor, termed, type InstanceHandle } from '../rig/instance.ts';
import { finishJob, giveJob, signals, tells } from '../rig/jobs.ts';
import { createRig, expectQuiet, statesOf, type Rig } from '../rig/rig.ts';
import { timePasses, until } from '../rig/wait.ts';

const quiets = { ...tells, stop: { quiet: 'USR1', resume: 'USR2' } };

async function running(keys: Readonly<Record<string, unknown>>): Promise<{
  rig: Rig;
  mail: InstanceHandle;
  pid: number;
}> {
  const rig = createRig({ mail: keys });
  await rig.start();
  const mail = rig.instance('mail.1');
  return { rig, mail, pid: await booted(mail) };
}

const signalled = (rig: Rig, mail: InstanceHandle, signal: string): Promise<true> =>
  until(`${mail.name} to note ${signal}`, () => signals(rig, mail).includes(signal));

test('quiet must send stop.quiet once, and resume stop.resume; meanwhile it takes no job and is wanted and up', async () => {
  const { rig, mail, pid } = await running(quiets);
  const { exitCode, events } = await rig.act('quiet');
  expect(exitCode).toBe(0);
  expect(events).toMatchObject([{ kind: 'quieted', instance: 'mail.1', pid }]);
  await signalled(rig, mail, `USR1 ${pid}`);
  writeFileSync(rig.path('mail.1.job'), 'job 1\n');
  const { exitCode: code, stdout: table } = await rig.workerctl('status');
  expect(code).toBe(0);
  expect(table).toMatch(/^mail\.1 +quiet .*\S+@/m);
  expect((await rig.act('quiet')).story()).toEqual(['already_quiet mail.1']);
  await expectQuiet(rig);
  expect(existsSync(rig.path('mail.1.job'))).toBe(true);

  const resumed = await rig.act('resume');
  expect(resumed.exitCode).toBe(0);
  expect(resumed.events).toMatchObject([{ kind: 'resumed', instance: 'mail.1', pid }]);
  await until('it to take the job', () => existsSync(rig.path(`${pid}.busy`)));
  expect((await rig.act('resume')).story()).toEqual(['not_quiet mail.1']);
  expect(signals(rig, mail)).toEqual([`USR1 ${pid}`, `USR2 ${pid}`]);
  expect(await statesOf(rig)).toEqual(['mail.1 ready']);
});

test('without stop.resume a quiet instance must be replaced by resume', async () => {
  const { rig, mail, pid } = await running({ ...tells, stop: { quiet: 'USR1' } });
  expect((await rig.workerctl('quiet')).exitCode).toBe(0);
  await signalled(rig, mail, `USR1 ${pid}`);
  expect((await rig.workerctl('resume')).exitCode).toBe(0);
  await mail.left(pid);
  expect((await rig.workerctl('bootcheck')).exitCode).toBe(0);
  await successor(mail, pid);
  expect(signals(rig, mail)).toEqual([`USR1 ${pid}`, `TERM ${pid}`]);
});

test('quiet --for must end by itself at the next bootcheck', async () => {
  const { rig, mail, pid } = await running(quiets);
  expect((await rig.workerctl('quiet', '--for', '1s')).exitCode).toBe(0);
  await signalled(rig, mail, `USR1 ${pid}`);
  await until('its end', async () => {
    await rig.workerctl('bootcheck');
    return signals(rig, mail).length > 1;
  });
  expect(signals(rig, mail)).toEqual([`USR1 ${pid}`, `USR2 ${pid}`]);
  expect(await statesOf(rig)).toEqual(['mail.1 ready']);
});

test('quiet of a worker without stop.quiet must be an error, and signal nothing', async () => {
  const { rig, mail, pid } = await running(tells);
  const { exitCode, stderr } = await rig.workerctl('quiet');
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(/stop\.quiet.*mail|mail.*stop\.quiet/);
  expect(mail.processes()).toEqual([pid]);
});

test('stop must send stop.quiet to a busy instance first, and stop.signal when it is idle', async () => {
  const { rig, mail, pid } = await running(quiets);
  await giveJob(rig, mail, 'job 1');
  const stopping = rig.workerctl('stop');
  await signalled(rig, mail, `USR1 ${pid}`);
  expect(signals(rig, mail)).toEqual([`USR1 ${pid}`]);
  expect(await statesOf(rig)).toEqual(['mail.1 draining']);
  expect((await rig.workerctl('bootcheck')).exitCode).toBe(0);
  finishJob(rig, pid);
  const { exitCode, stdout } = await stopping;
  expect(exitCode, stdout).toBe(0);
  expect(signals(rig, mail)).toEqual([`USR1 ${pid}`, `TERM ${pid}`]);
  expect(mail.done()).toEqual([pid]);
});

test('stop must send only stop.signal to an idle instance', async () => {
  const { rig, mail, pid } = await running(quiets);
  expect((await rig.workerctl('stop')).exitCode).toBe(0);
  expect(signals(rig, mail)).toEqual([`TERM ${pid}`]);
});

test('restart of a busy instance must be carried on by bootcheck from stop.quiet to stop.signal', async () => {
  const { rig, mail, pid } = await running(quiets);
  await giveJob(rig, mail, 'job 1');
  expect((await rig.workerctl('restart', '--no-wait')).exitCode).toBe(0);
  await signalled(rig, mail, `USR1 ${pid}`);
  await expectQuiet(rig);
  finishJob(rig, pid);
  await until('bootcheck to go on', async () => {
    await rig.workerctl('bootcheck');
    return mail.pid() !== pid && mail.pid() !== undefined;
  });
  await successor(mail, pid);
  expect(signals(rig, mail)).toEqual([`USR1 ${pid}`, `TERM ${pid}`]);
});

test('a held instance must be left alone by bootcheck, start and restart, also when it dies, until unhold', async () => {
  const { rig, mail, pid } = await running(tells);
  expect((await rig.workerctl('hold')).exitCode).toBe(0);
  const { exitCode, story } = await rig.act('restart');
  expect({ exitCode, terms: mail.terms() }).toEqual({ exitCode: 0, terms: [] });
  expect(story()).toEqual(['skipped_held mail.1']);

  process.kill(pid, 'SIGKILL');
  await mail.left(pid);
  // It reports the death, once, and does nothing.
  const reported = await rig.act('bootcheck');
  expect(reported.exitCode).toBe(0);
  expect(reported.events).toMatchObject([{ kind: 'died', instance: 'mail.1', pid }]);
  await expectQuiet(rig);
  expect((await rig.act('start')).story()).toEqual(['skipped_held mail.1']);
  const { exitCode: code, stdout: table } = await rig.workerctl('status');
  expect(code).toBe(3);
  expect(table).toMatch(/^mail\.1 +missing .*held.*\S+@/m);
  expect(mail.boots()).toEqual([pid]);

  expect((await rig.workerctl('unhold')).exitCode).toBe(0);
  await rig.workerctl('bootcheck');
  await successor(mail, pid);
});

test('unhold must report only what was held', async () => {
  const rig = createRig({ mail: { ...tells, count: 3 } });
  await rig.start();
  await rig.workerctl('hold', 'mail.2');
  expect((await rig.act('unhold')).story()).toEqual(['unheld mail.2']);
  const { exitCode, stdout } = await rig.workerctl('unhold');
  expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: 'nothing was held' });
  await rig.workerctl('hold', '--for', '1s', 'mail.1');
  await timePasses(1_100);
  expect((await rig.act('unhold', 'mail.1')).story()).toEqual([]);
});

test('stop must also stop a held instance, and bootcheck must leave it down', async () => {
  const { rig, mail, pid } = await running(tells);
  expect((await rig.workerctl('hold')).exitCode).toBe(0);
  const { exitCode, stdout } = await rig.workerctl('stop', '--wait', '10s');
  expect(exitCode, stdout).toBe(0);
  expect(mail.terms()).toEqual([pid]);
  expect(await statesOf(rig)).toEqual(['mail.1 stopped']);
  await expectQuiet(rig);
});

test('hold --for must end by itself', async () => {
  const { rig, mail, pid } = await running(tells);
  expect((await rig.workerctl('hold', '--for', '5s')).exitCode).toBe(0);
  process.kill(pid, 'SIGKILL');
  await mail.left(pid);
  // It reports the death, once, and does nothing.
  const reported = await rig.act('bootcheck');
  expect(reported.exitCode).toBe(0);
  expect(reported.events).toMatchObject([{ kind: 'died', instance: 'mail.1', pid }]);
  await expectQuiet(rig);
  await until('its end', async () => {
    await rig.workerctl('bootcheck');
    return mail.boots().length > 1;
  });
  expect(await statesOf(rig)).toEqual(['mail.1 ready']);
});

test('a restart in progress must go on without an instance that is held meanwhile', async () => {
  const rig = createRig({ mail: { ...tells, count: 2 } });
  await rig.start();
  const [mail, other] = [rig.instance('mail.1'), rig.instance('mail.2')];
  const old = await giveJob(rig, mail, 'job 1');
  const untouched = await giveJob(rig, other, 'job 2');
  const restarting = rig.act('restart', '--batch', '1', '--no-canary');
  await termed(mail, old);
  expect((await rig.workerctl('hold', 'mail.2')).exitCode).toBe(0);
  finishJob(rig, old);
  const { exitCode, all, story } = await restarting;
  expect(exitCode, all).toBe(0);
  expect(story('ready', 'skipped_held').toSorted()).toEqual([
    'ready mail.1',
    'skipped_held mail.2',
  ]);
  expect(other.processes()).toEqual([untouched]);
  expect(other.terms()).toEqual([]);
});
