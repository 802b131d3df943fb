import { execa } from 'execa';
import { existsSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import {
  booted,
  createRig,
  fixture,
  holdPassLock,
  processAt,
  until,
  type InstanceHandle,
  type Rig,
  type WorkerKeys,
} from './rig.ts';
import {
  finishJob,
  giveJob,
  letGo,
  put,
  statusOf,
  successor,
  tells,
  termed,
} from './rollout-rig.ts';
import { watching } from './watch-rig.ts';

const idle: WorkerKeys = { command: fixture('idle') };
const drains: WorkerKeys = { command: fixture('drains-after-job') };
const instances = (rig: Rig, ...names: string[]): InstanceHandle[] =>
  names.map((name) => rig.instance(name));
const succeeded = async (running: ReturnType<Rig['workerctl']>): Promise<string> => {
  const { exitCode, all } = await running;
  expect(exitCode, all).toBe(0);
  return all;
};

test('watch must start what is missing, and restart who dies, in the words of MogileFS', async () => {
  // Ready at once: who dies before that is not restarted at once.
  const rig = createRig({ mail: { ...idle, count: 2, ready: { after: '0s' } } });
  const watch = await watching(rig);
  const [first, second] = instances(rig, 'mail.1', 'mail.2') as [InstanceHandle, InstanceHandle];
  await watch.says(/Job mail has only 0, wants 2, making 2\.$/m);
  const [old, other] = [await booted(first), await booted(second)];
  process.kill(old, 'SIGKILL');
  await successor(first, old);
  await watch.says(
    new RegExp(
      `^\\S+ Child ${old} \\(mail\\.1\\) died: 9 \\(UNEXPECTED\\): signal 9 \\(SIGKILL\\)\\n` +
        '\\S+ Job mail has only 1, wants 2, making 1\\.\\n\\S+ mail\\.1: started pid',
      'm',
    ),
  );
  expect(first.processes()).toHaveLength(1);
  expect(second.processes()).toEqual([other]);
});

test('watch must restart at the end of each backoff, and SIGTERM must end it and leave the workers', async () => {
  const backoff = { initial: '200ms', max: '400ms' };
  const rig = createRig({ bad: { command: fixture('dies-at-boot'), backoff }, mail: drains });
  const watch = await watching(rig);
  await until(() => rig.instance('bad.1').boots().length >= 4, 'four boots');
  const mail = rig.instance('mail.1');
  const pid = await booted(mail);
  watch.send('SIGTERM');
  expect((await watch.running).exitCode).toBe(0);
  expect(mail.processes()).toEqual([pid]);
  expect(mail.terms()).toEqual([]);
});

test('watch must kill who is over its stop.timeout, after the command has gone', async () => {
  const rig = createRig({
    mail: { command: fixture('ignores-term'), stop: { timeout: '700ms' } },
  });
  const watch = await watching(rig);
  const mail = rig.instance('mail.1');
  const pid = await booted(mail);
  const stopped = await rig.workerctl('stop', '--no-wait');
  expect(stopped.exitCode, stopped.all).toBeLessThan(2);
  await mail.left(pid);
  await watch.says(new RegExp(`Child ${pid} \\(mail\\.1\\) died: 9 \\(expected\\)`));
  expect(mail.boots()).toEqual([pid]);
});

test('watch must carry a restart on: the next one when patience is over, all when the first is ready', async () => {
  const rig = createRig({ mail: { ...tells, count: 3, restart: { patience: '600ms' } } });
  await rig.start();
  const watch = await watching(rig);
  const all = instances(rig, 'mail.1', 'mail.2', 'mail.3');
  const [first, second, third] = all as [InstanceHandle, InstanceHandle, InstanceHandle];
  const busy = [];
  for (const one of all) busy.push(await giveJob(rig, one, 'job 7'));
  const [one = 0, two = 0, three = 0] = busy;
  put(rig, 'slow');
  expect((await rig.workerctl('restart', '--no-wait')).all).toContain('mail.1: asked');
  await termed(second, two);
  await termed(third, three);
  expect(first.done()).toEqual([]);
  for (const pid of busy) finishJob(rig, pid);
  letGo(rig, await successor(first, one));
  letGo(rig, await successor(second, two));
  letGo(rig, await successor(third, three));
  await until(async () => (await statusOf(rig)).rollouts.length === 0, 'the restart to be over');
  expect(all.map((each) => each.terms())).toEqual([[one], [two], [three]]);
  expect(all.map((each) => each.done())).toEqual([[one], [two], [three]]);
  await watch.says(/mail\.3: started pid/);
});

test('watch must give a restart up when its canary is not ready in time, and leave the others alone', async () => {
  const ready = { log: '^ready to work$', timeout: '1s' };
  const rig = createRig({ mail: { ...tells, count: 2, ready } });
  await rig.start();
  const watch = await watching(rig);
  put(rig, 'slow');
  await rig.workerctl('restart', '--no-wait');
  await until(
    async () => (await statusOf(rig)).rollouts.some(({ aborted }) => aborted !== null),
    'the restart to be given up',
  );
  await watch.says(/mail\.1: .*not ready/);
  expect(rig.instance('mail.2').boots()).toHaveLength(1);
  expect(rig.instance('mail.2').terms()).toEqual([]);
});

test('SIGHUP must take a new config, and refuse a broken one or one of another state directory', async () => {
  const rig = createRig({ mail: idle });
  const watch = await watching(rig);
  const [first, second] = instances(rig, 'mail.1', 'mail.2') as [InstanceHandle, InstanceHandle];
  await booted(first);
  rig.configure({ mail: { ...idle, count: 2 } });
  watch.send('SIGHUP');
  const old = await booted(second);
  expect(watch.said()).toMatch(/the config was read again$/m);

  rig.writeConfig('workers: {mail: {command: 7, cuont: 1}}');
  watch.send('SIGHUP');
  await watch.says(
    /the config was not read again, the old one stays in force: .*(?:command|cuont)/,
  );
  rig.configure({ mail: { ...idle, count: 1 } }, { state_dir: 'elsewhere' });
  watch.send('SIGHUP');
  await watch.says(/the old one stays in force: state_dir: expected .*, found .*elsewhere/);
  process.kill(old, 'SIGKILL');
  await successor(second, old);
  expect(existsSync(rig.path('elsewhere'))).toBe(false);
  expect(first.boots()).toHaveLength(1);
});

test('a second watch must leave with 75, and after kill -9 the next one must begin at once', async () => {
  const rig = createRig({ mail: { ...drains, count: 2 } });
  const watch = await watching(rig);
  const all = instances(rig, 'mail.1', 'mail.2');
  const pids = await Promise.all(all.map(booted));
  const { exitCode, stderr } = await rig.workerctl('watch');
  expect(exitCode).toBe(75);
  expect(stderr).toContain(`another workerctl watch runs on ${rig.stateDir}`);
  expect(processAt(watch.pid)).toBeDefined();

  watch.send('SIGKILL');
  await until(() => processAt(watch.pid) === undefined, 'watch to be gone');
  const next = await watching(rig);
  await next.quiet();
  expect(all.map((one) => one.processes())).toEqual(pids.map((pid) => [pid]));
  expect(all.flatMap((one) => one.terms())).toEqual([]);
  expect(next.said()).not.toMatch(/died|started|making/);
});

test('--stop-on-exit must let all finish, wait for whoever holds the lock, and tell a second signal who drains', async () => {
  const rig = createRig({ mail: { ...drains, count: 2 } });
  const watch = await watching(rig, '--stop-on-exit');
  const [first, second] = instances(rig, 'mail.1', 'mail.2') as [InstanceHandle, InstanceHandle];
  const [pid, other] = [await booted(first), await booted(second)];
  await first.giveJob();
  await watch.quiet();
  // Whatever the timing, this must change nothing: the end has begun while somebody else is at work.
  const holder = rig.shell(`flock .workerctl/pass.lock sh -c ': >held; sleep 0.7'`);
  await until(() => existsSync(rig.path('held')), 'the lock to be held');
  watch.send('SIGTERM');
  await holder;
  await termed(first, pid);
  await second.left(other);
  await until(() => {
    watch.send('SIGTERM');
    return /still draining: .*mail\.1/.test(watch.complained());
  }, 'who still drains');
  expect(watch.complained().trimEnd().split('\n').at(-1)).not.toContain('mail.2');
  first.finishJob();
  expect((await watch.running).exitCode).toBe(0);
  expect([...first.processes(), ...second.processes()]).toEqual([]);
  expect({ done: first.done(), terms: first.terms() }).toEqual({ done: [pid], terms: [pid] });
});

test('bootchecks beside a watch must do no harm while workers die', async () => {
  const backoff = { initial: '100ms', max: '100ms' };
  const rig = createRig({ mail: { ...idle, count: 3, backoff } });
  await watching(rig);
  const all = instances(rig, 'mail.1', 'mail.2', 'mail.3');
  for (let round = 0; round < 3; round += 1) {
    const pids = await Promise.all(all.map(booted));
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    const checks = await Promise.all([1, 2, 3].map(() => rig.workerctl('bootcheck')));
    for (const { exitCode, all: told } of checks) expect([0, 75], told).toContain(exitCode);
    await Promise.all(all.map((one, at) => successor(one, pids[at] ?? 0)));
    for (const one of all) expect(one.processes()).toHaveLength(1);
  }
  for (const one of all) expect(one.boots()).toHaveLength(4);
});

test('restart, stop and start by other commands must be carried on by the watch, once each', async () => {
  const rig = createRig({ mail: { ...drains, count: 2 } });
  const watch = await watching(rig);
  const [first, second] = instances(rig, 'mail.1', 'mail.2') as [InstanceHandle, InstanceHandle];
  const [pid, other] = [await booted(first), await booted(second)];
  await first.giveJob();
  await rig.workerctl('restart', '--no-wait', '--no-canary');
  await successor(second, other);
  first.finishJob();
  const next = await successor(first, pid);
  expect(first.terms()).toEqual([pid]);
  expect(first.done()).toEqual([pid]);

  await succeeded(rig.workerctl('stop', 'mail.1'));
  await first.left(next);
  await watch.quiet();
  expect(first.processes()).toEqual([]);
  await succeeded(rig.workerctl('start', 'mail.1'));
  await successor(first, next);
  expect([first.boots().length, second.boots().length]).toEqual([3, 2]);
});

test('want must tell and note nothing that did not come about', async () => {
  const rig = createRig({ mail: tells });
  await rig.start();
  const release = await holdPassLock(rig);
  const { exitCode, all } = await rig.workerctl('want', '4', 'mail');
  await release();
  expect({ exitCode, all }).toEqual({
    exitCode: 75,
    all: expect.not.stringContaining('Now desiring') as unknown,
  });
  expect((await rig.workerctl('events', '--kind', 'wanted', '--json')).stdout).toBe('');
  expect(await succeeded(rig.workerctl('want', '2', 'mail'))).toMatch(
    /Now desiring 2 .*\n.*mail\.2: started/,
  );
});

test('want must take idle ones first, then the highest number, and 0 and back must replace all', async () => {
  const rig = createRig({ mail: { ...tells, count: 1, max_count: 4 } });
  const watch = await watching(rig);
  const all = instances(rig, 'mail.1', 'mail.2', 'mail.3', 'mail.4');
  const [first, second, third] = all as [InstanceHandle, InstanceHandle, InstanceHandle];
  expect(await succeeded(rig.workerctl('want', '9', 'mail'))).toContain(
    "Now desiring 4 children doing 'mail'. (max_count is 4)",
  );
  const pids = await Promise.all(all.map(booted));
  const busy = await giveJob(rig, third, 'job 7');
  const shown = await succeeded(rig.workerctl('want', 'mail'));
  expect(shown).toMatch(/^mail: 4, wanted by \S+; the config says 1, at most 4$/m);

  await succeeded(rig.workerctl('want', '2', 'mail'));
  await all[3]?.left(pids[3] ?? 0);
  await second.left(pids[1] ?? 0);
  await succeeded(rig.workerctl('want', '1', 'mail'));
  await first.left(pids[0] ?? 0);
  await watch.quiet();
  expect(all.map((one) => one.processes().length)).toEqual([0, 0, 1, 0]);
  expect(third.terms()).toEqual([]);

  await succeeded(rig.workerctl('want', '0', 'mail'));
  await termed(third, busy);
  expect(third.processes()).toEqual([busy]);
  finishJob(rig, busy);
  await third.left(busy);
  expect(third.done()).toEqual([busy]);
  await succeeded(rig.workerctl('want', '2', 'mail'));
  await Promise.all([successor(first, pids[0] ?? 0), successor(second, pids[1] ?? 0)]);
  await succeeded(rig.workerctl('want', '--reset', 'mail'));
  await second.left(second.boots().at(-1) ?? 0);
  await watch.quiet();
  expect(all.map((one) => one.processes().length)).toEqual([1, 0, 0, 0]);
});

test('want must be refused with 2 for identifiers, unknown workers and no numbers', async () => {
  const rig = createRig({ mail: { ...idle, identifiers: ['a', 'b'] }, images: idle });
  const cases: [string[], RegExp][] = [
    [['3', 'mail'], /expected a worker with a count, found identifiers of its own: a, b/],
    [['3', 'nobody'], /Invalid class 'nobody'\. {2}Valid classes: mail, images/],
    [['-1', 'images'], /./],
    [['many', 'images'], /./],
  ];
  for (const [words, told] of cases) {
    const { exitCode, stderr } = await rig.workerctl('want', ...words);
    expect({ words, exitCode }).toEqual({ words, exitCode: 2 });
    expect(stderr).toMatch(told);
  }
  expect(existsSync(rig.stateDir)).toBe(false);
});

const canUnshare = (await execa('unshare', ['-Ur', 'true'], { reject: false })).exitCode === 0;

test.runIf(canUnshare)(
  'where the kernel gives no inotify watch, a death must be noticed long before the fallback',
  async () => {
    const rig = createRig({ mail: idle });
    await rig.start();
    const none = 'echo 0 >/proc/sys/user/max_inotify_instances';
    const running = rig.shell(`exec unshare -Ur sh -c '${none} && exec workerctl watch'`);
    running.catch(() => undefined);
    const mail = rig.instance('mail.1');
    const old = await booted(mail);
    await until(() => existsSync(`${rig.stateDir}/control.sock`), 'watch to begin');
    process.kill(old, 'SIGKILL');
    await successor(mail, old);
    expect(mail.processes()).toHaveLength(1);
  },
);

test('a worker whose shim was killed with it must be found by the trigger', async () => {
  const rig = createRig({ mail: idle });
  await rig.start();
  const mail = rig.instance('mail.1');
  const watch = await watching(rig);
  await watch.quiet();
  const old = await booted(mail);
  process.kill(Number(mail.record()['shim_pid']), 'SIGKILL');
  process.kill(old, 'SIGKILL');
  await until(() => processAt(old) === undefined, 'it to be gone');
  expect(existsSync(`${rig.stateDir}/mail.1.exit`)).toBe(false);
  await succeeded(rig.workerctl('trigger'));
  await successor(mail, old);
});

test('a death of which nobody tells must be found by the slow fallback', async () => {
  const rig = createRig({ mail: idle });
  await rig.start();
  const mail = rig.instance('mail.1');
  const watch = await watching(rig, { WORKERCTL_TEST_FALLBACK_MS: '700' });
  await until(async () => (await watch.looks()) > 0, 'its first look');
  const old = await booted(mail);
  process.kill(Number(mail.record()['shim_pid']), 'SIGKILL');
  process.kill(old, 'SIGKILL');
  await successor(mail, old);
  expect(existsSync(`${rig.stateDir}/mail.1.exit`)).toBe(false);
  await watch.says(new RegExp(`Child ${old} \\(mail\\.1\\) died: unknown \\(UNEXPECTED\\)`));
  expect(mail.processes()).toHaveLength(1);
});

test('a second SIGTERM before anybody could be asked must say who is there', async () => {
  const rig = createRig({ mail: { ...drains, count: 2 } });
  await rig.start();
  const watch = await watching(rig, '--stop-on-exit');
  await watch.quiet();
  const holder = rig.shell(
    `flock .workerctl/pass.lock sh -c ': >held; until test -e letgo; do sleep 0.05; done'`,
  );
  await until(() => existsSync(rig.path('held')), 'the lock to be held');
  watch.send('SIGTERM');
  await until(() => {
    watch.send('SIGTERM');
    return watch.complained() !== '';
  }, 'who is still there');
  expect(watch.complained().split('\n')[0]).toBe('workerctl: not asked yet: mail.1, mail.2');
  writeFileSync(rig.path('letgo'), '');
  await holder;
  expect((await watch.running).exitCode).toBe(0);
  expect(rig.instance('mail.1').terms()).toHaveLength(1);
});
