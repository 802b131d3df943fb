// A restart whose command has ended goes on at once, in a process that the command leaves behind.
import { readdirSync, writeFileSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { booted, successor, termed, type InstanceHandle } from '../rig/instance.ts';
import { allPids, endProcess, environmentOf, look, openFiles, strings } from '../rig/kernel.ts';
import { finishJob, giveJob, put, tells } from '../rig/jobs.ts';
import { createRig, removeState, statusOf, type Rig, type WorkerKeys } from '../rig/rig.ts';
import { timePasses, until } from '../rig/wait.ts';
import { watching } from '../rig/watch.ts';

const on = { restart: { finisher: true, patience: '40s' } };

/** Running instances, each busy with a job. */
async function busy(
  keys: WorkerKeys = {},
): Promise<{ rig: Rig; all: InstanceHandle[]; old: number[] }> {
  const rig = createRig({ mail: { ...tells, ...on, ...keys } });
  await rig.start();
  const { instances } = await statusOf(rig);
  const all = instances.map(({ instance }) => rig.instance(instance));
  const old: number[] = [];
  for (const instance of all) old.push(await giveJob(rig, instance, 'a long job'));
  return { rig, all, old };
}

/** The pids of the finishers of this rig, by the kernel alone. */
const finishersOf = ({ folder }: Rig): number[] =>
  allPids().filter((pid) => {
    const words = strings(pid, 'cmdline');
    return words.includes('finisher') && words.some((word) => word.startsWith(folder));
  });

const oneFinisher = (rig: Rig): Promise<number> =>
  until('one finisher', () => {
    const [pid, ...others] = finishersOf(rig);
    return others.length === 0 && pid;
  });

/** Waits until it watches the files of its restart: it has its lock, and has read the config then. */
async function atWork(rig: Rig): Promise<number> {
  const pid = await oneFinisher(rig);
  await until('it to watch the files', () =>
    [...openFiles(pid).values()].includes('anon_inode:inotify'),
  );
  return pid;
}

/** Waits until no finisher is left, not even as a zombie, and nothing that it has left. */
async function noFinisher(rig: Rig): Promise<void> {
  await until('the finisher to end', () => finishersOf(rig).length === 0);
  expect(readdirSync(rig.stateDir).filter((name) => name.startsWith('finisher'))).toEqual([]);
}

/** Lets the process finish its job; its replacement must be started, with no other command. */
async function filled(rig: Rig, instance: InstanceHandle, old: number): Promise<number> {
  finishJob(rig, old);
  const fresh = await successor(instance, old);
  expect(instance.terms()).toEqual([old]);
  expect(instance.done()).toEqual([old]);
  return fresh;
}

/** The rollout must be over, and each instance run one process, the second. */
async function expectDone(rig: Rig, all: readonly InstanceHandle[]): Promise<void> {
  await noFinisher(rig);
  expect((await statusOf(rig)).rollouts).toEqual([]);
  for (const instance of all) {
    expect(instance.boots()).toHaveLength(2);
    expect(instance.processes()).toEqual([instance.boots()[1]]);
  }
}

test('after --no-wait the whole restart must be finished in the background, as its author', async () => {
  const { rig, all, old } = await busy({ count: 2 });
  const { exitCode, result: end } = await rig.act('restart', '--no-wait');
  expect({ exitCode, ...end() }).toMatchObject({
    exitCode: 0,
    outcome: 'not_waited',
    continues: 'finisher',
  });
  await oneFinisher(rig);
  const [first, second] = await Promise.all(all.map((one) => asked(one)));
  expect([first, second].filter(Boolean)).toHaveLength(1);
  const canary = all.findIndex((_, index) => [first, second][index]);
  await filled(rig, all[canary] as InstanceHandle, old[canary] ?? 0);
  const other = 1 - canary;
  await termed(all[other] as InstanceHandle, old[other] ?? 0);
  await filled(rig, all[other] as InstanceHandle, old[other] ?? 0);
  await expectDone(rig, all);
  const begun = rig.journal('draining');
  expect(begun).toHaveLength(2);
  for (const { by, command } of rig.journal('started').slice(2))
    expect({ by, command }).toEqual({ by: begun[0]?.['by'], command: 'restart' });
  expect(
    rig
      .journal('ready')
      .map(({ instance }) => instance)
      .sort(),
  ).toEqual(['mail.1', 'mail.1', 'mail.2', 'mail.2']);
  expect(rig.journal('rollout_finished')).toHaveLength(1);
});

const asked = (instance: InstanceHandle): Promise<boolean> =>
  Promise.resolve(instance.terms().length > 0);

test('after 124 the place must be filled within a second of the exit', async () => {
  const { rig, all, old } = await busy();
  const [mail] = all as [InstanceHandle];
  const { exitCode, result: end } = await rig.act('restart', '--wait', '1s');
  expect({ exitCode, ...end() }).toMatchObject({ exitCode: 124, continues: 'finisher' });
  await oneFinisher(rig);
  const [pid = 0] = old;
  finishJob(rig, pid);
  await mail.left(pid);
  const leftAt = performance.now();
  await until('a replacement', () => mail.pid() !== pid && mail.pid());
  expect(performance.now() - leftAt).toBeLessThan(1_000);
  await booted(mail);
  await expectDone(rig, all);
});

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  'after %s in the middle of a drain a finisher must go on',
  async (name) => {
    const { rig, all, old } = await busy();
    const restarting = rig.workerctl('restart', '--json');
    await termed(all[0] as InstanceHandle, old[0] ?? 0);
    restarting.kill(name);
    if (name === 'SIGHUP') restarting.kill(name); // the kernel and the shell each send one
    const { exitCode, stdout } = await restarting;
    expect(exitCode).toBe({ SIGINT: 130, SIGTERM: 143, SIGHUP: 129 }[name]);
    expect(stdout).toContain('"continues":"finisher"');
    await filled(rig, all[0] as InstanceHandle, old[0] ?? 0);
    await expectDone(rig, all);
  },
);

test('after the terminal was closed a finisher must go on', async () => {
  const { rig, all, old } = await busy();
  const terminal = rig.shell("exec script -qefc 'workerctl restart' /dev/null </dev/null");
  await termed(all[0] as InstanceHandle, old[0] ?? 0);
  terminal.kill('SIGKILL'); // the kernel hangs up what ran at it
  await terminal;
  await atWork(rig);
  await filled(rig, all[0] as InstanceHandle, old[0] ?? 0);
  await expectDone(rig, all);
});

test('an instance that is held meanwhile must keep it, and be replaced after unhold', async () => {
  const { rig, all, old } = await busy({ count: 2 });
  await rig.workerctl('restart', '--no-wait');
  await atWork(rig);
  const asked = all.findIndex((one) => one.terms().length > 0);
  const [canary, held] = [all[asked], all[1 - asked]] as [InstanceHandle, InstanceHandle];
  await rig.workerctl('hold', held.name);
  await filled(rig, canary, old[asked] ?? 0);
  await until('the canary to be ready', () => rig.journal('ready').length === 3);
  await timePasses(1_500);
  expect(held.terms()).toEqual([]);
  expect(finishersOf(rig)).toHaveLength(1);
  await rig.workerctl('unhold');
  await termed(held, old[1 - asked] ?? 0);
  await filled(rig, held, old[1 - asked] ?? 0);
  await expectDone(rig, all);
});

test.each([['unhold'], ['rollout', 'continue']])(
  'what %s asks after the command has ended must be replaced at once',
  async (...command) => {
    const { rig, all, old } = await busy({ count: 2 });
    const restarting = rig.workerctl('restart');
    const asked = await until('a canary', () => {
      const index = all.findIndex((one) => one.terms().length > 0);
      return index >= 0 && { index };
    });
    const canary = all[asked.index] as InstanceHandle;
    const other = all[1 - asked.index] as InstanceHandle;
    await rig.workerctl('hold', other.name);
    await filled(rig, canary, old[asked.index] ?? 0);
    expect((await restarting).exitCode).toBe(0);
    expect(finishersOf(rig)).toEqual([]);
    if (command[0] === 'rollout') await rig.workerctl('rollout', 'pause');
    if (command[0] === 'rollout') await rig.workerctl('unhold');
    expect(other.terms()).toEqual([]);
    const { exitCode, stdout } = await rig.workerctl(...command);
    expect({ exitCode, stdout }).toEqual({
      exitCode: 0,
      stdout: expect.stringContaining('a background process starts its replacement') as string,
    });
    await filled(rig, other, old[1 - asked.index] ?? 0);
    await expectDone(rig, all);
  },
);

test('kill -9 of the command must leave no finisher: the next bootcheck goes on', async () => {
  const { rig, all, old } = await busy();
  const [mail] = all as [InstanceHandle];
  const restarting = rig.workerctl('restart');
  await termed(mail, old[0] ?? 0);
  restarting.kill('SIGKILL');
  await restarting;
  finishJob(rig, old[0] ?? 0);
  await mail.left(old[0] ?? 0);
  expect(finishersOf(rig)).toEqual([]);
  expect(mail.processes()).toEqual([]);
  expect((await rig.workerctl('bootcheck')).exitCode).toBe(0);
  await successor(mail, old[0] ?? 0);
});

test('a killed finisher must leave the rest to bootcheck, and its lock file to the next finisher', async () => {
  const { rig, all, old } = await busy();
  const [mail] = all as [InstanceHandle];
  await rig.workerctl('restart', '--no-wait');
  await endProcess(await atWork(rig));
  finishJob(rig, old[0] ?? 0);
  await mail.left(old[0] ?? 0);
  expect((await rig.workerctl('bootcheck')).exitCode).toBe(0);
  await until('the end of the restart', async () => {
    await rig.workerctl('bootcheck');
    return (await statusOf(rig)).rollouts.length === 0;
  });
  const fresh = await giveJob(rig, mail, 'another job');
  await rig.workerctl('restart', '--no-wait');
  finishJob(rig, fresh);
  await noFinisher(rig);
  expect(mail.terms()).toEqual([old[0], fresh]);
});

test('it must have a session of its own, and nothing of its caller: files, directory, CI variables', async () => {
  const { rig } = await busy({ pass_env: ['PASSED'] });
  const ci = { BUILD_ID: '7', CI_JOB_ID: '8', RUNNER_TRACKING_ID: '9', PASSED: 'on' };
  const { exitCode } = await rig.workerctlWith(ci, 'restart', '--no-wait');
  expect(exitCode).toBe(0);
  const pid = await oneFinisher(rig);
  const { PATH, PASSED, ...others } = environmentOf(pid);
  expect(PATH).toBeDefined();
  expect(PASSED).toBe('on');
  expect(
    Object.keys(others).filter(
      (name) => !/^(?:HOME|USER|LOGNAME|LANG|TZ|WORKERCTL_LOCK)$/.test(name),
    ),
  ).toEqual([]);
  expect(look(pid)).toMatchObject({ session: pid, tty: 0 });
  const files = openFiles(pid);
  expect([0, 1, 2].map((fd) => files.get(fd))).toEqual(Array(3).fill('/dev/null'));
  const locks = [...files.values()].filter((path) => /pass\.lock/.test(path));
  expect(locks.length).toBeLessThanOrEqual(2); // open, in order to be locked when there is something to do
});

test('a pipe behind the command, and a lock of its caller, must be free as soon as it ends', async () => {
  const { rig } = await busy();
  const { exitCode, stdout } = await rig.shell(
    'exec 9>caller.lock && flock 9 && workerctl restart --no-wait 2>&1 | cat; exec 9>&-; flock -n caller.lock echo free',
  );
  expect({ exitCode, free: stdout.endsWith('\nfree') }).toEqual({ exitCode: 0, free: true });
  await oneFinisher(rig);
});

test('two restarts at once must have one finisher, that of the later one', async () => {
  const { rig, all, old } = await busy();
  const [first, second] = await Promise.all([
    rig.act('restart', '--no-wait'),
    rig.act('restart', '--no-wait'),
  ]);
  expect([first.exitCode, second.exitCode]).toEqual([0, 0]);
  await rig.workerctl('restart', '--no-wait');
  const { rollouts } = await statusOf(rig);
  expect(rollouts).toHaveLength(1);
  const id = (rollouts[0] as unknown as { id: string }).id;
  await until('the finishers of the earlier ones to end', () =>
    finishersOf(rig).every((pid) => strings(pid, 'cmdline').includes(id)),
  );
  await oneFinisher(rig);
  // One more for the same restart ends at once, and does nothing.
  const more = await rig.workerctl('finisher', id);
  expect(more).toMatchObject({ exitCode: 0, all: '' });
  await filled(rig, all[0] as InstanceHandle, old[0] ?? 0);
  await expectDone(rig, all);
});

test('none must be left while a watch runs, and it must end when one begins', async () => {
  const { rig, all, old } = await busy();
  await rig.workerctl('restart', '--no-wait');
  await oneFinisher(rig);
  const watch = await watching(rig);
  await noFinisher(rig);
  const { result: end } = await rig.act('restart', '--no-wait');
  expect(end()).toMatchObject({ continues: 'watch' });
  expect(finishersOf(rig)).toEqual([]);
  await filled(rig, all[0] as InstanceHandle, old[0] ?? 0);
  watch.send('SIGTERM');
  await watch.running;
});

test('restart.finisher: false must leave it to bootcheck', async () => {
  const { rig, all, old } = await busy({ restart: { finisher: false } });
  const { exitCode, result: end } = await rig.act('restart', '--no-wait');
  expect({ exitCode, ...end() }).toMatchObject({ exitCode: 0, continues: 'bootcheck' });
  expect(finishersOf(rig)).toEqual([]);
  finishJob(rig, old[0] ?? 0);
  await (all[0] as InstanceHandle).left(old[0] ?? 0);
  expect((all[0] as InstanceHandle).processes()).toEqual([]);
});

test('a restart that is over must leave no finisher, and not say that one goes on', async () => {
  const rig = createRig({ mail: { ...tells, ...on } });
  await rig.start();
  const { exitCode, result: end } = await rig.act('restart');
  expect(exitCode).toBe(0);
  expect(end()).not.toHaveProperty('continues');
  expect(finishersOf(rig)).toEqual([]);
});

test('it must end when the restart is aborted, and start nothing more', async () => {
  const { rig, all, old } = await busy({ count: 2 });
  put(rig, 'broken');
  await rig.workerctl('restart', '--no-wait');
  const canary = all.findIndex((one) => one.terms().length > 0);
  finishJob(rig, old[canary] ?? 0);
  await noFinisher(rig);
  expect(rig.journal('rollout_aborted')).toHaveLength(1);
  expect(rig.journal('start_failed').map(({ command }) => command)).toEqual(['restart']);
  expect((all[1 - canary] as InstanceHandle).terms()).toEqual([]);
});

test.each([
  [
    'the instance is stopped',
    (rig: Rig) => rig.workerctl('stop', '--no-wait').then(() => undefined),
  ],
  [
    'state.json and its copy are gone',
    (rig: Rig) => {
      removeState(rig);
      return Promise.resolve();
    },
  ],
  ['the state directory is gone', (rig: Rig) => rename(rig.stateDir, rig.path('moved'))],
])('it must end when %s', async (_, end) => {
  const { rig, all } = await busy();
  await rig.workerctl('restart', '--no-wait');
  await atWork(rig);
  await end(rig);
  await until('the finisher to end', () => finishersOf(rig).length === 0);
  expect((all[0] as InstanceHandle).boots()).toHaveLength(1);
});

test('it must honour a pause, and end with a cancelled restart once what was asked is back', async () => {
  const { rig, all, old } = await busy({ count: 2 });
  await rig.workerctl('restart', '--no-wait');
  await atWork(rig);
  const asked = all.findIndex((one) => one.terms().length > 0);
  const [canary, other] = [all[asked], all[1 - asked]] as [InstanceHandle, InstanceHandle];
  expect((await rig.workerctl('rollout', 'pause')).exitCode).toBe(0);
  await filled(rig, canary, old[asked] ?? 0);
  await until('the canary to be ready', () => rig.journal('ready').length === 3);
  await timePasses(1_000);
  expect({ terms: other.terms(), finishers: finishersOf(rig).length }).toEqual({
    terms: [],
    finishers: 1,
  });
  expect((await rig.workerctl('rollout', 'cancel')).exitCode).toBe(0);
  await noFinisher(rig);
  expect(other.processes()).toEqual([old[1 - asked]]);
  expect((await statusOf(rig)).rollouts).toEqual([]);
});

test('it must go on with the config as it is now', async () => {
  const { rig, all, old } = await busy();
  await rig.workerctl('restart', '--no-wait');
  await atWork(rig);
  rig.configure({ mail: { ...tells, ...on, env: { VERSION: 'new' } } });
  await filled(rig, all[0] as InstanceHandle, old[0] ?? 0);
  expect(environmentOf(all[0]?.pid() ?? 0)['VERSION']).toBe('new');
  await noFinisher(rig);
});

test('a config that is broken must end it, and the journal say why', async () => {
  const { rig } = await busy();
  await rig.workerctl('restart', '--no-wait');
  await atWork(rig);
  writeFileSync(rig.path('workerctl.yaml'), 'workers: [');
  await noFinisher(rig);
  const [warning] = rig.journal('warning');
  expect(warning).toMatchObject({
    instance: 'finisher',
    problem: expect.stringMatching(/ended/) as string,
  });
});
