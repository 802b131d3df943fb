import { existsSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { booted, successor, termed, type InstanceHandle } from '../rig/instance.ts';
import { finishJob, giveJob, signals, tells } from '../rig/jobs.ts';
import { createRig, expectQuiet, statesOf, type Rig } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';

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
  const { exitCode, stdout } = await rig.workerctl('quiet');
  expect(exitCode).toBe(0);
  expect(stdout).toContain(`mail.1: asked pid ${pid} to take no new job (USR1)`);
  await signalled(rig, mail, `USR1 ${pid}`);
  writeFileSync(rig.path('mail.1.job'), 'job 1\n');
  const { exitCode: code, stdout: table } = await rig.workerctl('status');
  expect(code).toBe(0);
  expect(table).toMatch(/^mail\.1 +quiet .*quiet by \S+@/m);
  expect((await rig.workerctl('quiet')).stdout).toContain('mail.1 takes no new job already');
  await expectQuiet(rig);
  expect(existsSync(rig.path('mail.1.job'))).toBe(true);

  const { exitCode: resumed, stdout: said } = await rig.workerctl('resume');
  expect(resumed).toBe(0);
  expect(said).toContain(`mail.1: asked pid ${pid} to take jobs again (USR2)`);
  await until('it to take the job', () => existsSync(rig.path(`${pid}.busy`)));
  expect((await rig.workerctl('resume')).stdout).toContain('mail.1 was not quiet');
  expect(signals(rig, mail)).toEqual([`USR1 ${pid}`, `USR2 ${pid}`]);
  expect(await statesOf(rig)).toEqual(['mail.1 ready']);
});

test('without stop.resume a quiet one must be replaced when that is over', async () => {
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

test('quiet of a worker that knows no such signal must be an error, and signal nobody', async () => {
  const { rig, mail, pid } = await running(tells);
  const { exitCode, stderr } = await rig.workerctl('quiet');
  expect(exitCode).toBe(2);
  expect(stderr).toContain('expected a worker with stop.quiet, found none for mail');
  expect(mail.processes()).toEqual([pid]);
});

test('stop must send a busy one stop.quiet first, and stop.signal when it is idle', async () => {
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

test('stop must send stop.signal alone to one that is idle', async () => {
  const { rig, mail, pid } = await running(quiets);
  expect((await rig.workerctl('stop')).exitCode).toBe(0);
  expect(signals(rig, mail)).toEqual([`TERM ${pid}`]);
});

test('restart of a busy one must be carried on by bootcheck from stop.quiet to stop.signal', async () => {
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

test('what is held must be left alone by bootcheck, start and restart, also when it dies, until it is no longer', async () => {
  const { rig, mail, pid } = await running(tells);
  expect((await rig.workerctl('hold')).exitCode).toBe(0);
  const { exitCode, stdout } = await rig.workerctl('restart');
  expect({ exitCode, terms: mail.terms() }).toEqual({ exitCode: 0, terms: [] });
  expect(stdout).toMatch(/mail\.1 is held by \S+: left alone; workerctl unhold mail\.1 ends that/);

  process.kill(pid, 'SIGKILL');
  await mail.left(pid);
  // It tells of the death, once, and does nothing.
  const told = await rig.workerctl('bootcheck');
  expect(told.exitCode).toBe(0);
  expect(told.all).toMatch(new RegExp(`^\\S+ Child ${pid} \\(mail\\.1\\) died: 9 .*$`));
  await expectQuiet(rig);
  expect((await rig.workerctl('start')).stdout).toContain('mail.1 is held by');
  const { exitCode: code, stdout: table } = await rig.workerctl('status');
  expect(code).toBe(3);
  expect(table).toMatch(/^mail\.1 +missing .*held by \S+@/m);
  expect(mail.boots()).toEqual([pid]);

  expect((await rig.workerctl('unhold')).exitCode).toBe(0);
  await rig.workerctl('bootcheck');
  await successor(mail, pid);
});

test('stop must also stop what is held, and bootcheck leave it down', async () => {
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
  expect((await rig.workerctl('hold', '--for', '2s')).exitCode).toBe(0);
  process.kill(pid, 'SIGKILL');
  await mail.left(pid);
  // It tells of the death, once, and does nothing.
  const told = await rig.workerctl('bootcheck');
  expect(told.exitCode).toBe(0);
  expect(told.all).toMatch(new RegExp(`^\\S+ Child ${pid} \\(mail\\.1\\) died: 9 .*$`));
  await expectQuiet(rig);
  await until('its end', async () => {
    await rig.workerctl('bootcheck');
    return mail.boots().length > 1;
  });
  expect(await statesOf(rig)).toEqual(['mail.1 ready']);
});

test('a restart that is under way must go on without one that is held meanwhile', async () => {
  const rig = createRig({ mail: { ...tells, count: 2 } });
  await rig.start();
  const [mail, other] = [rig.instance('mail.1'), rig.instance('mail.2')];
  const old = await giveJob(rig, mail, 'job 1');
  const untouched = await giveJob(rig, other, 'job 2');
  const restarting = rig.workerctl('restart', '--batch', '1', '--no-canary');
  await termed(mail, old);
  expect((await rig.workerctl('hold', 'mail.2')).exitCode).toBe(0);
  finishJob(rig, old);
  const { exitCode, stdout } = await restarting;
  expect(exitCode, stdout).toBe(0);
  expect(stdout).toContain('1 restarted');
  expect(stdout).toContain('1 left alone');
  expect(other.processes()).toEqual([untouched]);
  expect(other.terms()).toEqual([]);
});
