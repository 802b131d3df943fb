import { mkdirSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { booted, successor } from '../rig/instance.ts';
import { processAt } from '../rig/kernel.ts';
import { deathOf, problemOf, type DeathJson } from '../rig/output.ts';
import { fixture } from '../rig/programs.ts';
import { createRig, expectQuiet, type Rig } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';

const drains = { command: fixture('drains-after-job') };

/** How the first process of mail.1 ended, as the next bootcheck notes it. */
async function deathIn(rig: Rig): Promise<DeathJson> {
  await rig.workerctl('bootcheck');
  return deathOf(rig.journal('died')[0]);
}

test('start must start every instance once, publish its pid, and end with 0', async () => {
  const rig = createRig({
    mail: { ...drains, count: 2 },
    images: { ...drains, identifiers: ['a'] },
  });
  const { exitCode, stderr } = await rig.workerctl('start');
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  for (const name of ['mail.1', 'mail.2', 'images.a']) {
    const instance = rig.instance(name);
    const pid = await booted(instance);
    expect(instance.processes()).toEqual([pid]);
    expect(instance.boots()).toEqual([pid]);
    expect(instance.record()).toMatchObject({ pid, start_time: processAt(pid)?.startTime });
  }
});

test('start must wait until an instance has run for ready.after', async () => {
  const rig = createRig({ mail: { ...drains, ready: { after: '700ms' } } });
  const begun = performance.now();
  expect((await rig.workerctl('start')).exitCode).toBe(0);
  expect(performance.now() - begun).toBeGreaterThan(690);
});

test('start --no-wait must not wait until an instance is ready', async () => {
  const rig = createRig({ mail: { ...drains, ready: { after: '1h' } } });
  const { exitCode, of } = await rig.act('start', '--no-wait');
  expect(exitCode).toBe(0);
  expect(of('started')).toMatchObject([{ instance: 'mail.1', pid: rig.instance('mail.1').pid() }]);
});

test('the pidfile must be there when start --no-wait ends', async () => {
  const rig = createRig({ mail: { command: fixture('idle') } });
  const { stdout } = await rig.shell(
    'for round in 1 2 3 4 5 6 7 8 9 10; do' +
      ' workerctl start --no-wait >&2; test -s .workerctl/mail.1.pid || echo "none in round $round";' +
      ' workerctl stop >&2; done',
  );
  expect(stdout).toBe('');
});

test('start --wait must end with 124 if an instance is not ready in time', async () => {
  const rig = createRig({ mail: { ...drains, ready: { after: '1h' } } });
  const { exitCode, result } = await rig.act('start', '--wait', '200ms');
  expect(exitCode).toBe(124);
  expect(result()).toMatchObject({ outcome: 'timed_out', pending: ['mail.1'] });
  expect(rig.instance('mail.1').process()).toBeDefined();
});

test('start of a worker that dies at boot must end with 1 and show the last log lines', async () => {
  const rig = createRig({ mail: { command: fixture('dies-at-boot'), ready: { after: '20s' } } });
  const { exitCode, stdout, stderr } = await rig.workerctl('start');
  expect(exitCode).toBe(1);
  expect(stdout).toContain(String(rig.instance('mail.1').boots()[0]));
  expect(stdout).toContain(rig.path('log/mail.1.log'));
  const shown = stdout.split('\n').filter((line) => line.startsWith('  | '));
  expect(shown).toHaveLength(10);
  expect(shown.at(0)).toBe('  | boot line 6');
  expect(shown.at(-1)).toBe('  | cannot reach the queue');
  expect(stderr).toBe('');
});

test('start must show only the log lines of this very start', async () => {
  const rig = createRig({ mail: { command: fixture('leaves-at-once'), ready: { after: '20s' } } });
  mkdirSync(rig.path('log'));
  writeFileSync(rig.path('log/mail.1.log'), 'a line of last year\n');
  const { of } = await rig.act('start');
  expect(of('start_failed')).toMatchObject([{ log_file: rig.path('log/mail.1.log'), log: [] }]);
});

test('start of a worker that exits at once must end with 1, though its exit status is 0', async () => {
  const rig = createRig({ mail: { command: fixture('leaves-at-once'), ready: { after: '20s' } } });
  const { exitCode, story } = await rig.act('start');
  expect(exitCode).toBe(1);
  expect(story('start_failed')).toEqual(['start_failed mail.1']);
  expect(await deathIn(rig)).toEqual({ status: 0 });
});

test('start must start the others if one dies', async () => {
  const rig = createRig({
    bad: { command: fixture('dies-at-boot'), ready: { after: '20s' } },
    good: drains,
  });
  expect((await rig.workerctl('start')).exitCode).toBe(1);
  expect(rig.instance('good.1').process()).toBeDefined();
  expect(rig.instance('bad.1').boots()).toHaveLength(1);
});

test('start of a running instance must say so, start nothing and succeed', async () => {
  const rig = createRig({ mail: drains });
  await rig.start();
  const pid = rig.instance('mail.1').pid();
  const { exitCode, of } = await rig.act('start');
  expect(exitCode).toBe(0);
  expect(of('already_running')).toMatchObject([{ instance: 'mail.1', pid }]);
  expect(of('started')).toEqual([]);
  expect(rig.instance('mail.1').boots()).toEqual([pid]);
});

test('start of an instance that still drains must be refused with 1, and the bootcheck after its exit must start it', async () => {
  const rig = createRig({ delayed_job: { ...drains, count: 3 } });
  await rig.start();
  const third = rig.instance('delayed_job.3');
  const old = await booted(third);
  await third.giveJob();
  expect(
    (await rig.workerctl('restart', '--graceful', '--no-wait', 'delayed_job.3')).exitCode,
  ).toBe(0);
  await until('its TERM', () => third.terms().length > 0);

  const { exitCode, events } = await rig.act('start', 'delayed_job.3');
  expect(exitCode).toBe(1);
  expect(events).toMatchObject([{ kind: 'start_refused', instance: 'delayed_job.3', pid: old }]);
  expect(third.processes()).toEqual([old]);

  await expectQuiet(rig);

  third.finishJob();
  await third.left(old);
  const later = await rig.act('bootcheck');
  expect(later.exitCode).toBe(0);
  expect(later.story('started')).toEqual(['started delayed_job.3']);
  const [died] = later.of('died');
  expect(died).toMatchObject({ pid: old, verdict: 'requested' });
  expect(deathOf(died)).toEqual({ status: 0 });
  const fresh = await booted(third);
  expect(third.processes()).toEqual([fresh]);
  expect(third.done()).toEqual([old]);
  expect(third.terms()).toEqual([old]);
});

test('a refused start must not keep the others from starting', async () => {
  const rig = createRig({ mail: { ...drains, count: 2 } });
  await rig.start('mail.1');
  await rig.instance('mail.1').giveJob();
  await rig.workerctl('stop', '--no-wait', 'mail.1');
  const { exitCode, story } = await rig.act('start');
  expect(exitCode).toBe(1);
  expect(story('start_refused', 'started').toSorted()).toEqual([
    'start_refused mail.1',
    'started mail.2',
  ]);
});

test('start of a stopped instance that still drains must say that the stop is cancelled, and what comes next', async () => {
  const rig = createRig({ mail: drains });
  await rig.start();
  const mail = rig.instance('mail.1');
  const old = await booted(mail);
  await mail.giveJob();
  await rig.workerctl('stop', '--no-wait');
  const { exitCode, stdout } = await rig.workerctl('start');
  expect(exitCode).toBe(1);
  expect(stdout).toMatch(/still draining: pid \d+, .*; the stop by \S+@\S+ is cancelled; once/);
  expect(stdout).toMatch(/once it has exited, the next bootcheck or a running watch starts/);
  expect(stdout).toMatch(/^1 still draining$/m);
  // A second start cancels nothing more.
  const { of } = await rig.act('start');
  expect(of('start_refused')).toMatchObject([{ instance: 'mail.1', pid: old }]);
  expect(of('start_refused')[0]).not.toHaveProperty('stopped_by');
  mail.finishJob();
  await mail.left(old);
  await rig.workerctl('bootcheck');
  await successor(mail, old);
});

test('a failed start must be reported once: not again by the command, nor by the next bootcheck', async () => {
  const rig = createRig({
    mail: { command: 'sh -c "echo broken; exit 3"', ready: { after: '20s' } },
    slow: { command: 'sh -c "sleep 0.4; exit 4"', ready: { after: '20s' } },
    maps: drains,
  });
  const { exitCode, stdout } = await rig.workerctl('start');
  expect(exitCode).toBe(1);
  for (const name of ['mail.1', 'slow.1']) {
    expect(stdout.match(new RegExp(`${name}: start failed`, 'g'))).toHaveLength(1);
    expect(stdout).not.toMatch(new RegExp(`${name}: .*unexpectedly`));
  }
  const { stdout: later } = await rig.workerctl('bootcheck');
  expect(later).not.toMatch(/unexpectedly|start failed/);
  // The journal has each death, once.
  expect(
    rig
      .journal('died')
      .slice(0, 2)
      .map(({ instance }) => instance)
      .sort(),
  ).toEqual(['mail.1', 'slow.1']);
  // A process that was ready is another matter.
  const [pid = 0] = rig.instance('maps.1').processes();
  process.kill(pid, 'SIGKILL');
  await rig.instance('maps.1').left(pid);
  expect((await rig.workerctl('bootcheck')).stdout).toMatch(/maps\.1: pid \d+ .*unexpectedly/);
});

test('a replacement that fails must be reported once', async () => {
  const rig = createRig({ mail: { command: fixture('dies-if-broken'), ready: { after: '20s' } } });
  await rig.workerctl('start', '--no-wait');
  await booted(rig.instance('mail.1'));
  writeFileSync(rig.path('broken'), '');
  const { exitCode, stdout } = await rig.workerctl('restart');
  expect(exitCode).toBe(1);
  expect(stdout.match(/mail\.1: start failed/g)).toHaveLength(1);
  expect(stdout).not.toMatch(/unexpectedly/);
});

test('start in a missing directory must name it and end with 1', async () => {
  const rig = createRig({ lost: { ...drains, directory: 'nowhere' }, mail: drains });
  const { exitCode, stderr, of } = await rig.act('start');
  expect(exitCode).toBe(1);
  expect(of('start_failed')).toMatchObject([{ instance: 'lost.1' }]);
  expect(problemOf(of('start_failed')[0])).toMatch(/nowhere.*ENOENT/);
  expect(stderr).toBe('');
  expect(rig.instance('mail.1').process()).toBeDefined();
});

test('start with a log that cannot be written must name it and end with 1', async () => {
  const rig = createRig({
    below: { ...drains, log: { file: 'a-file/below.log' } },
    folder: { ...drains, log: { file: 'bin' } },
    mail: drains,
  });
  writeFileSync(rig.path('a-file'), '');
  const { exitCode, stderr, of, story } = await rig.act('start');
  expect(exitCode).toBe(1);
  expect(story('start_failed')).toEqual(['start_failed below.1', 'start_failed folder.1']);
  const [below, folder] = of('start_failed');
  expect(problemOf(below)).toMatch(/a-file.*(ENOTDIR|EEXIST)/);
  expect(problemOf(folder)).toMatch(/bin.*found a directory/);
  expect(stderr).toBe('');
  expect(rig.instance('mail.1').process()).toBeDefined();
});

test('start with a pidfile that cannot be written must not run the program', async () => {
  const rig = createRig({ mail: { ...drains, pidfile: 'a-file/mail.pid' } });
  writeFileSync(rig.path('a-file'), '');
  const { exitCode, story } = await rig.act('start');
  expect(exitCode).toBe(1);
  expect(story('start_failed')).toEqual(['start_failed mail.1']);
  expect(rig.instance('mail.1').boots()).toEqual([]);
});

test.each([
  ['no-such-program --at-all', /there is no program no-such-program in the PATH/],
  ['./nowhere/program', /nowhere\/program does not exist/],
  ['./plain.txt', /plain\.txt is not executable: chmod \+x/],
])(
  'start of the program %s must end with 1 and say why, without a process',
  async (command, why) => {
    const rig = createRig({ mail: { command, ready: { after: '20s' } } });
    writeFileSync(rig.path('plain.txt'), 'no program', { mode: 0o644 });
    const { exitCode, of, story } = await rig.act('start');
    expect(exitCode).toBe(1);
    expect(story('start_failed')).toEqual(['start_failed mail.1']);
    expect(problemOf(of('start_failed')[0])).toMatch(why);
    expect(rig.journal('died')).toEqual([]);
  },
);

test('start of a program that fails with 127 itself must end with 1 and tell of its death', async () => {
  const rig = createRig({ mail: { command: './plain.txt', ready: { after: '20s' } } });
  writeFileSync(rig.path('plain.txt'), '#!/bin/sh\nno-such-program\n', { mode: 0o755 });
  const { exitCode, story } = await rig.act('start');
  expect(exitCode).toBe(1);
  expect(story('start_failed')).toEqual(['start_failed mail.1']);
  expect(await deathIn(rig)).toEqual({ status: 127 });
});

test('start must start one instance by its name, and no other', async () => {
  const rig = createRig({ mail: { ...drains, count: 3 } });
  await rig.start('mail.2');
  expect(rig.instance('mail.2').processes()).toHaveLength(1);
  expect(rig.instance('mail.1').boots()).toEqual([]);
  expect(rig.instance('mail.3').boots()).toEqual([]);
});

test('two starts at once must start each instance once, and both succeed', async () => {
  const rig = createRig({ mail: { ...drains, count: 3 } });
  const outcomes = await Promise.all([rig.workerctl('start'), rig.workerctl('start')]);
  expect(outcomes.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
  for (const name of ['mail.1', 'mail.2', 'mail.3']) {
    const instance = rig.instance(name);
    await booted(instance);
    expect(instance.boots()).toHaveLength(1);
  }
});

test('a stop while start still waits must not be reported as a failed start', async () => {
  const rig = createRig({ mail: { ...drains, ready: { after: '1h' } } });
  const starting = rig.act('start');
  await booted(rig.instance('mail.1'));
  expect((await rig.workerctl('stop')).exitCode).toBe(0);
  const { of } = await starting;
  expect(of('start_failed')).toEqual([]);
  expect(rig.instance('mail.1').processes()).toEqual([]);
});

test('a pidfile of its own must hold the pid of the worker, in a folder that start makes', async () => {
  const rig = createRig({ mail: { ...drains, pidfile: 'run/pids/%n.pid' } });
  expect(
    (await rig.shell('workerctl start && kill -0 "$(cat run/pids/mail.1.pid)"')).exitCode,
  ).toBe(0);
  const [pid] = rig.instance('mail.1').processes();
  expect((await rig.shell('cat run/pids/mail.1.pid')).stdout).toBe(String(pid));
});
