import { expect, test } from 'vitest';
import { booted } from '../rig/instance.ts';
import { fixture } from '../rig/programs.ts';
import { bootcheck, createRig, expectQuiet, statesOf } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';

const drains = { command: fixture('drains-after-job') };

test('a lowered count must make bootcheck drain the surplus instance, and not start it again', async () => {
  const rig = createRig({ mail: { ...drains, count: 2 } });
  await rig.start();
  const second = rig.instance('mail.2');
  const old = await booted(second);
  await second.giveJob();
  rig.configure({ mail: drains });
  expect(await statesOf(rig)).toEqual(['mail.1 ready', 'mail.2 surplus']);

  expect(await bootcheck(rig)).toMatchObject([{ kind: 'draining', instance: 'mail.2', pid: old }]);
  await until('its TERM', () => second.terms().length === 1);
  await expectQuiet(rig);
  expect(await statesOf(rig)).toEqual(['mail.1 ready', 'mail.2 draining']);

  second.finishJob();
  await second.left(old);
  await expectQuiet(rig);
  expect({ boots: second.boots(), terms: second.terms(), done: second.done() }).toEqual({
    boots: [old],
    terms: [old],
    done: [old],
  });
  const { exitCode: ok, stdout: table } = await rig.workerctl('status');
  expect(ok).toBe(0);
  expect(table).not.toContain('mail.2');
  expect(rig.instance('mail.1').boots()).toHaveLength(1);
});

test('a count that is raised again must bring the instance back', async () => {
  const rig = createRig({ mail: { ...drains, count: 2 } });
  await rig.start();
  const second = rig.instance('mail.2');
  const old = await booted(second);
  rig.configure({ mail: drains });
  await rig.workerctl('bootcheck');
  await second.left(old);
  rig.configure({ mail: { ...drains, count: 2 } });
  await rig.workerctl('bootcheck');
  expect(await booted(second)).not.toBe(old);
});

test('restart must drain the surplus instance and not start it again', async () => {
  const rig = createRig({ mail: { ...drains, count: 2 } });
  await rig.start();
  const second = rig.instance('mail.2');
  const old = await booted(second);
  rig.configure({ mail: drains });
  expect((await rig.workerctl('restart')).exitCode).toBe(0);
  await second.left(old);
  expect(second.boots()).toEqual([old]);
  expect(rig.instance('mail.1').boots()).toHaveLength(2);
});

test('start and restart of a surplus instance must be refused with 2', async () => {
  const rig = createRig({ mail: { ...drains, count: 2 } });
  await rig.start();
  rig.configure({ mail: drains });
  for (const verb of ['start', 'restart']) {
    const { exitCode, stderr } = await rig.workerctl(verb, 'mail.2');
    expect({ verb, exitCode }).toEqual({ verb, exitCode: 2 });
    expect(stderr).toContain('mail.2');
  }
});

test('a worker that the config has lost must be left alone and shown, and stop must drain it', async () => {
  const rig = createRig({ mail: { ...drains, stop: { signal: 'TERM' } }, images: drains });
  await rig.start();
  const mail = rig.instance('mail.1');
  const old = await booted(mail);
  await mail.giveJob();
  rig.configure({ images: drains });

  await expectQuiet(rig);
  expect((await rig.workerctl('restart')).exitCode).toBe(0);
  expect((await rig.workerctl('stop', '--dry-run')).stdout).not.toContain('mail.1');
  expect(mail.processes()).toEqual([old]);
  expect(mail.terms()).toEqual([]);
  const { exitCode, stdout } = await rig.workerctl('status');
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^mail\.1 +surplus .*workerctl stop mail\.1/m);

  const stopping = rig.workerctl('stop', 'mail.1');
  await until('its TERM', () => mail.terms().length === 1);
  mail.finishJob();
  expect((await stopping).exitCode).toBe(0);
  expect({ terms: mail.terms(), done: mail.done(), boots: mail.boots() }).toEqual({
    terms: [old],
    done: [old],
    boots: [old],
  });
  expect((await rig.workerctl('status')).stdout).not.toContain('mail.1');
  await expectQuiet(rig);
});
