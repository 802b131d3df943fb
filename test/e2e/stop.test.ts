import { expect, test } from 'vitest';
import { booted } from '../rig/instance.ts';
import { deathOf, resultIn } from '../rig/output.ts';
import { fixture } from '../rig/programs.ts';
import { createRig, expectQuiet } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';

const drains = { command: fixture('drains-after-job') };

test('stop must let the job finish, wait for it, and ask once', async () => {
  const rig = createRig({ mail: drains });
  await rig.start();
  const mail = rig.instance('mail.1');
  const old = await booted(mail);
  await mail.giveJob();
  const stopping = rig.act('stop');
  await until('its TERM', () => mail.terms().length > 0);
  expect(mail.processes()).toEqual([old]);
  mail.finishJob();
  const { exitCode, of } = await stopping;
  expect(exitCode).toBe(0);
  expect(of('exited')).toMatchObject([{ instance: 'mail.1', pid: old }]);
  expect(deathOf(of('exited')[0])).toEqual({ status: 0 });
  expect({ done: mail.done(), terms: mail.terms() }).toEqual({ done: [old], terms: [old] });
  expect(mail.processes()).toEqual([]);
  expect(mail.pid()).toBeUndefined();
});

test('bootcheck must leave a stopped instance alone, and start must bring it back', async () => {
  const rig = createRig({ mail: { ...drains, count: 2 } });
  await rig.start();
  expect((await rig.workerctl('stop', 'mail.2')).exitCode).toBe(0);
  for (const round of [1, 2]) await expectQuiet(rig, `round ${round}`);
  expect(rig.instance('mail.2').boots()).toHaveLength(1);

  expect((await rig.workerctl('start', 'mail.2')).exitCode).toBe(0);
  const fresh = await booted(rig.instance('mail.2'));
  process.kill(fresh, 'SIGKILL');
  await rig.instance('mail.2').left(fresh);
  await rig.workerctl('bootcheck');
  expect(await booted(rig.instance('mail.2'))).not.toBe(fresh);
});

test('stop of a stopped instance must say so and succeed', async () => {
  const rig = createRig({ mail: drains });
  await rig.start();
  await rig.workerctl('stop');
  const { exitCode, story } = await rig.act('stop');
  expect(exitCode).toBe(0);
  expect(story()).toEqual(['already_stopped mail.1']);
  expect(rig.instance('mail.1').terms()).toHaveLength(1);
});

test('stop of an instance that never ran must succeed and be remembered', async () => {
  const rig = createRig({ mail: drains });
  expect((await rig.workerctl('stop')).exitCode).toBe(0);
  await expectQuiet(rig);
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
  await expectQuiet(rig);
  expect({ boots: mail.boots(), terms: mail.terms() }).toEqual({ boots: [old], terms: [old] });
});

test('start after a stop that still drains must be refused, and the next bootcheck must start the instance', async () => {
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

test('start --dry-run of what still drains must be refused like the start, and of what runs must not', async () => {
  const rig = createRig({ mail: drains, web: drains });
  await rig.start();
  await rig.instance('mail.1').giveJob();
  await rig.workerctl('stop', 'mail', '--no-wait');
  const dry = await rig.workerctl('start', '--dry-run');
  expect(dry.exitCode).toBe(1);
  expect(dry.stdout).toMatch(/^mail\.1: still draining: pid \d+, for /m);
  expect(JSON.parse((await rig.workerctl('start', '--dry-run', '--json')).stdout)).toMatchObject({
    plan: [],
    problems: [expect.stringContaining('mail.1: still draining') as string],
  });
  expect((await rig.workerctl('start', 'web', '--dry-run')).exitCode).toBe(0);
  const { exitCode, of } = await rig.act('start');
  expect(exitCode).toBe(1);
  expect(of('start_refused')).toMatchObject([{ instance: 'mail.1' }]);
  rig.instance('mail.1').finishJob();
});

test('a second stop --no-wait must say what still drains, and ask nothing twice', async () => {
  const rig = createRig({ mail: { ...drains, count: 2 } });
  await rig.start();
  await rig.instance('mail.1').giveJob();
  const first = await rig.workerctl('stop', 'mail.1', '--no-wait');
  expect(first.stdout).not.toContain('still draining');
  const second = await rig.workerctl('stop', 'mail.1', '--no-wait');
  expect(second.exitCode).toBe(0);
  expect(second.stdout).toMatch(/^still draining: mail\.1 \(pid \d+, asked .* ago, .*no limit\)$/m);
  const { result } = await rig.act('stop', 'mail.1', '--no-wait');
  expect(result()).toMatchObject({ draining: [{ instance: 'mail.1' }] });
  expect(rig.instance('mail.1').terms()).toHaveLength(1);
  rig.instance('mail.1').finishJob();
  await rig.workerctl('stop', 'mail.1');
  expect((await rig.workerctl('stop', 'mail.1', '--no-wait')).stdout).not.toContain('draining');
});

test('an instance that was asked to stop by hand must be started again by the next bootcheck', async () => {
  const rig = createRig({ mail: drains });
  await rig.start();
  const mail = rig.instance('mail.1');
  const old = await booted(mail);
  await mail.giveJob();
  expect((await rig.shell('kill -TERM "$(cat .workerctl/mail.1.pid)"')).exitCode).toBe(0);
  await until('its TERM', () => mail.terms().length === 1);
  await expectQuiet(rig);
  mail.finishJob();
  await mail.left(old);
  const checked = await rig.act('bootcheck');
  expect(checked.exitCode).toBe(0);
  expect(checked.story('started')).toEqual(['started mail.1']);
  expect(await booted(mail)).not.toBe(old);
  expect(mail.done()).toEqual([old]);
});

test('stop --wait must end with 124, list what drains, and kill nothing', async () => {
  const rig = createRig({ mail: { command: fixture('ignores-term') } });
  await rig.start();
  const mail = rig.instance('mail.1');
  const old = await booted(mail);
  const { exitCode, result } = await rig.act('stop', '--wait', '300ms');
  expect(exitCode).toBe(124);
  expect(result()).toMatchObject({
    outcome: 'timed_out',
    draining: [{ instance: 'mail.1', pid: old }],
  });
  expect(mail.processes()).toEqual([old]);
  await expectQuiet(rig);
});

test('stop --no-wait must not wait', async () => {
  const rig = createRig({ mail: { command: fixture('ignores-term') } });
  await rig.start();
  const { exitCode, story, result } = await rig.act('stop', '--no-wait');
  expect(exitCode).toBe(0);
  expect(story()).toEqual(['draining mail.1']);
  expect(result()).toMatchObject({ outcome: 'not_waited' });
});

test('Ctrl-C while stop waits must end it with 130, and it must stay down afterwards', async () => {
  const rig = createRig({ mail: drains });
  await rig.start();
  const mail = rig.instance('mail.1');
  const old = await booted(mail);
  await mail.giveJob();
  const stopping = rig.workerctl('stop', '--json');
  await until('its TERM', () => mail.terms().length === 1);
  stopping.kill('SIGINT');
  const { exitCode, stdout } = await stopping;
  expect(exitCode).toBe(130);
  expect(resultIn(stdout)).toMatchObject({
    outcome: 'interrupted',
    draining: [{ instance: 'mail.1', pid: old }],
  });
  mail.finishJob();
  await mail.left(old);
  await expectQuiet(rig);
  expect(mail.boots()).toEqual([old]);
});

test('stop must stop only its targets', async () => {
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

test('stop of all must leave out an instance that is gone and no longer wanted', async () => {
  const rig = createRig({ mail: { ...drains, count: 2 } });
  const third = rig.instance('mail.3');
  await rig.start();
  await rig.workerctl('want', '3', 'mail');
  const old = await booted(third);
  await rig.workerctl('want', '--reset', 'mail');
  await third.left(old);
  const named = await rig.act('stop', 'mail.3');
  expect(named.exitCode).toBe(0);
  expect(named.story('not_running', 'already_stopped')).toEqual(['not_running mail.3']);
  const all = await rig.act('stop');
  expect(all.exitCode).toBe(0);
  expect(all.story('exited', 'already_stopped').toSorted()).toEqual([
    'exited mail.1',
    'exited mail.2',
  ]);
  await rig.start();
  await rig.workerctl('want', '3', 'mail');
  expect(await booted(third)).not.toBe(old);
});
