import { expect, test } from 'vitest';
import { booted } from '../rig/instance.ts';
import { fixture } from '../rig/programs.ts';
import { createRig } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';

const drains = { command: fixture('drains-after-job') };

test('stop must let the job finish, wait for it, and ask once', async () => {
  const rig = createRig({ mail: drains });
  await rig.start();
  const mail = rig.instance('mail.1');
  const old = await booted(mail);
  await mail.giveJob();
  const stopping = rig.workerctl('stop');
  await until('its TERM', () => mail.terms().length > 0);
  expect(mail.processes()).toEqual([old]);
  mail.finishJob();
  const { exitCode, stdout } = await stopping;
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(
    new RegExp(`mail\\.1: pid ${old} has left (after \\S+|at once): exit status 0`),
  );
  expect({ done: mail.done(), terms: mail.terms() }).toEqual({ done: [old], terms: [old] });
  expect(mail.processes()).toEqual([]);
  expect(mail.pid()).toBeUndefined();
});

test('bootcheck must leave alone what was stopped, and start bring it back', async () => {
  const rig = createRig({ mail: { ...drains, count: 2 } });
  await rig.start();
  expect((await rig.workerctl('stop', 'mail.2')).exitCode).toBe(0);
  for (const round of [1, 2])
    expect(await rig.workerctl('bootcheck'), `round ${round}`).toMatchObject({
      exitCode: 0,
      all: '',
    });
  expect(rig.instance('mail.2').boots()).toHaveLength(1);

  expect((await rig.workerctl('start', 'mail.2')).exitCode).toBe(0);
  const fresh = await booted(rig.instance('mail.2'));
  process.kill(fresh, 'SIGKILL');
  await rig.instance('mail.2').left(fresh);
  await rig.workerctl('bootcheck');
  expect(await booted(rig.instance('mail.2'))).not.toBe(fresh);
});

test('stop of what is stopped must say so and be success', async () => {
  const rig = createRig({ mail: drains });
  await rig.start();
  await rig.workerctl('stop');
  const { exitCode, stdout } = await rig.workerctl('stop');
  expect(exitCode).toBe(0);
  expect(stdout).toContain('mail.1 is already stopped');
  expect(rig.instance('mail.1').terms()).toHaveLength(1);
});

test('stop of what never ran must be success and be remembered', async () => {
  const rig = createRig({ mail: drains });
  expect((await rig.workerctl('stop')).exitCode).toBe(0);
  expect(await rig.workerctl('bootcheck')).toMatchObject({ exitCode: 0, all: '' });
  expect(rig.instance('mail.1').boots()).toEqual([]);
});

test('stop while a restart drains must send no second TERM, and it must stay down', async () => {
  const rig = createRig({ mail: drains });
  await rig.start();
  const mail = rig.instance('mail.1');
  const old = await booted(mail);
  await mail.giveJob();
  await rig.workerctl('restart', '--no-wait');
  await until('its TERM', () => mail.terms().length === 1);
  expect((await rig.workerctl('stop', '--no-wait')).exitCode).toBe(0);
  const stopping = rig.workerctl('stop');
  mail.finishJob();
  expect((await stopping).exitCode).toBe(0);
  expect(await rig.workerctl('bootcheck')).toMatchObject({ exitCode: 0, all: '' });
  expect({ boots: mail.boots(), terms: mail.terms() }).toEqual({ boots: [old], terms: [old] });
});

test('start after a stop that still drains must be refused, and the next bootcheck bring it back', async () => {
  const rig = createRig({ mail: drains });
  await rig.start();
  const mail = rig.instance('mail.1');
  const old = await booted(mail);
  await mail.giveJob();
  await rig.workerctl('stop', '--no-wait');
  expect((await rig.workerctl('start')).exitCode).toBe(1);
  mail.finishJob();
  await mail.left(old);
  await rig.workerctl('bootcheck');
  expect(await booted(mail)).not.toBe(old);
  expect(mail.terms()).toEqual([old]);
});

test('what was asked to leave by hand must be started again by the next bootcheck', async () => {
  const rig = createRig({ mail: drains });
  await rig.start();
  const mail = rig.instance('mail.1');
  const old = await booted(mail);
  await mail.giveJob();
  expect((await rig.shell('kill -TERM "$(cat .workerctl/mail.1.pid)"')).exitCode).toBe(0);
  await until('its TERM', () => mail.terms().length === 1);
  expect(await rig.workerctl('bootcheck')).toMatchObject({ exitCode: 0, all: '' });
  mail.finishJob();
  await mail.left(old);
  const { exitCode, stdout } = await rig.workerctl('bootcheck');
  expect(exitCode).toBe(0);
  expect(stdout).toContain(`mail.1: started pid`);
  expect(await booted(mail)).not.toBe(old);
  expect(mail.done()).toEqual([old]);
});

test('stop --wait must end with 124, name who drains, and kill nobody', async () => {
  const rig = createRig({ mail: { command: fixture('ignores-term') } });
  await rig.start();
  const mail = rig.instance('mail.1');
  const old = await booted(mail);
  const { exitCode, stdout } = await rig.workerctl('stop', '--wait', '300ms');
  expect(exitCode).toBe(124);
  expect(stdout).toContain(`still draining: mail.1 (pid ${old}`);
  expect(mail.processes()).toEqual([old]);
  expect(await rig.workerctl('bootcheck')).toMatchObject({ exitCode: 0, all: '' });
});

test('stop --no-wait must not wait', async () => {
  const rig = createRig({ mail: { command: fixture('ignores-term') } });
  await rig.start();
  const { exitCode, stdout } = await rig.workerctl('stop', '--no-wait');
  expect(exitCode).toBe(0);
  expect(stdout).toContain('1 asked to finish; not waiting for them');
});

test('Ctrl-C while stop waits must end it with 130, and it must stay down afterwards', async () => {
  const rig = createRig({ mail: drains });
  await rig.start();
  const mail = rig.instance('mail.1');
  const old = await booted(mail);
  await mail.giveJob();
  const stopping = rig.workerctl('stop');
  await until('its TERM', () => mail.terms().length === 1);
  stopping.kill('SIGINT');
  const { exitCode, stdout } = await stopping;
  expect(exitCode).toBe(130);
  expect(stdout).toContain('nothing is lost: they leave when their job is done');
  mail.finishJob();
  await mail.left(old);
  expect(await rig.workerctl('bootcheck')).toMatchObject({ exitCode: 0, all: '' });
  expect(mail.boots()).toEqual([old]);
});

test('stop must stop only what it was told to', async () => {
  const rig = createRig({ mail: { ...drains, count: 2 }, images: drains });
  await rig.start();
  expect((await rig.workerctl('stop', 'mail')).exitCode).toBe(0);
  expect(rig.instance('mail.1').processes()).toEqual([]);
  expect(rig.instance('mail.2').processes()).toEqual([]);
  expect(rig.instance('images.1').processes()).toHaveLength(1);
});

test('stop must not signal a process that has the pid of a dead worker in a stale pidfile', async () => {
  const rig = createRig({ mail: drains });
  await rig.start();
  const mail = rig.instance('mail.1');
  const old = await booted(mail);
  process.kill(old, 'SIGKILL');
  await mail.left(old);
  const innocent = rig.shell('echo $$ >.workerctl/mail.1.pid; exec sleep 1000');
  const pid = await until('a pid in the pidfile', () => mail.pid());
  const { exitCode } = await rig.workerctl('stop');
  expect(exitCode).toBe(0);
  expect(innocent.pid).toBe(pid);
  expect(mail.pid()).toBeUndefined();
  process.kill(pid, 0);
});

test('stop of all must leave alone who is long gone and no longer wanted', async () => {
  const rig = createRig({ mail: { ...drains, count: 2 } });
  const third = rig.instance('mail.3');
  await rig.start();
  await rig.workerctl('want', '3', 'mail');
  const old = await booted(third);
  await rig.workerctl('want', '--reset', 'mail');
  await third.left(old);
  const named = await rig.workerctl('stop', 'mail.3');
  expect({ code: named.exitCode, said: named.stdout }).toMatchObject({
    code: 0,
    said: expect.stringContaining('mail.3 is not running') as string,
  });
  const { exitCode, stdout } = await rig.workerctl('stop');
  expect(exitCode).toBe(0);
  expect(stdout).toContain('2 stopped');
  expect(stdout).not.toContain('mail.3 is already stopped');
  await rig.start();
  await rig.workerctl('want', '3', 'mail');
  expect(await booted(third)).not.toBe(old);
});
