import { execa } from 'execa';
import { existsSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { booted, successor, termed, type InstanceHandle } from '../rig/instance.ts';
import { finishJob, giveJob, letGo, put, tells } from '../rig/jobs.ts';
import { environmentOf, processAt } from '../rig/kernel.ts';
import { deathOf, story, type Acted } from '../rig/output.ts';
import { fixture } from '../rig/programs.ts';
import { createRig, holdPassLock, statusOf, type Rig, type WorkerKeys } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';
import { watching } from '../rig/watch.ts';

const idle: WorkerKeys = { command: fixture('idle') };
const drains: WorkerKeys = { command: fixture('drains-after-job') };
const instances = (rig: Rig, ...names: string[]): InstanceHandle[] =>
  names.map((name) => rig.instance(name));
/** Runs an acting command, which must succeed. */
const succeed = async (rig: Rig, ...args: string[]): Promise<Acted> => {
  const acted = await rig.act(...args);
  expect(acted.exitCode, acted.all).toBe(0);
  return acted;
};

test('watch must start what is missing, restart what dies, and report each of that once', async () => {
  // Ready at once: an instance that dies before it is ready is not restarted at once.
  const rig = createRig({ mail: { ...idle, count: 2, ready: { after: '0s' } } });
  const watch = await watching(rig);
  const [first, second] = instances(rig, 'mail.1', 'mail.2') as [InstanceHandle, InstanceHandle];
  expect(await watch.reports('missing', { instance: 'mail' })).toMatchObject({
    running: 0,
    wanted: 2,
  });
  const [old, other] = [await booted(first), await booted(second)];
  process.kill(old, 'SIGKILL');
  await successor(first, old);
  await watch.reports('started', { instance: 'mail.1', pid: first.pid() });
  const [died] = watch.events('died');
  expect(died).toMatchObject({ instance: 'mail.1', pid: old, verdict: 'unexpected' });
  expect(deathOf(died)).toEqual({ signal: 'SIGKILL' });
  expect(story(watch.events()).slice(-3)).toEqual([
    'died mail.1',
    'missing mail',
    'started mail.1',
  ]);
  expect(first.processes()).toHaveLength(1);
  expect(second.processes()).toEqual([other]);
});

test('watch must restart at the end of each backoff, and SIGTERM must end it and leave the workers', async () => {
  const backoff = { initial: '200ms', max: '400ms' };
  const rig = createRig({ bad: { command: fixture('dies-at-boot'), backoff }, mail: drains });
  const watch = await watching(rig);
  await until('four boots', () => rig.instance('bad.1').boots().length >= 4);
  const mail = rig.instance('mail.1');
  const pid = await booted(mail);
  watch.send('SIGTERM');
  expect((await watch.running).exitCode).toBe(0);
  expect(mail.processes()).toEqual([pid]);
  expect(mail.terms()).toEqual([]);
});

test('watch must kill an instance that exceeds its stop.timeout, after the command has ended', async () => {
  const rig = createRig({
    mail: { command: fixture('ignores-term'), stop: { timeout: '700ms' } },
  });
  const watch = await watching(rig);
  const mail = rig.instance('mail.1');
  const pid = await booted(mail);
  const stopped = await rig.workerctl('stop', '--no-wait');
  expect(stopped.exitCode, stopped.all).toBeLessThan(2);
  await mail.left(pid);
  const died = await watch.reports('died', { instance: 'mail.1', pid });
  expect(died).toMatchObject({ verdict: 'requested' });
  expect(deathOf(died)).toEqual({ signal: 'SIGKILL' });
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
  expect((await rig.act('restart', '--no-wait')).story('draining')).toEqual(['draining mail.1']);
  await termed(second, two);
  await termed(third, three);
  expect(first.done()).toEqual([]);
  for (const pid of busy) finishJob(rig, pid);
  letGo(rig, await successor(first, one));
  letGo(rig, await successor(second, two));
  letGo(rig, await successor(third, three));
  await until('the restart to be over', async () => (await statusOf(rig)).rollouts.length === 0);
  expect(all.map((each) => each.terms())).toEqual([[one], [two], [three]]);
  expect(all.map((each) => each.done())).toEqual([[one], [two], [three]]);
  await watch.reports('started', { instance: 'mail.3' });
});

test('watch must abort a restart if its canary is not ready in time, and leave the others alone', async () => {
  const ready = { log: '^ready to work$', timeout: '1s' };
  const rig = createRig({ mail: { ...tells, count: 2, ready } });
  await rig.start();
  const watch = await watching(rig);
  put(rig, 'slow');
  await rig.workerctl('restart', '--no-wait');
  await until('the restart to be aborted', async () =>
    (await statusOf(rig)).rollouts.some(({ aborted }) => aborted !== null),
  );
  await watch.reports('rollout_aborted', { instance: 'mail.1' });
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
  await watch.reports('config_reloaded');

  rig.writeConfig('workers: {mail: {command: 7, cuont: 1}}');
  watch.send('SIGHUP');
  await watch.reports('config_rejected', { problem: /command|cuont/ });
  rig.configure({ mail: { ...idle, count: 1 } }, { state_dir: 'elsewhere' });
  watch.send('SIGHUP');
  await watch.reports('config_rejected', { problem: /state_dir.*elsewhere/ });
  process.kill(old, 'SIGKILL');
  await successor(second, old);
  expect(existsSync(rig.path('elsewhere'))).toBe(false);
  expect(first.boots()).toHaveLength(1);
});

test('a config that has changed must be read before the next look, and a broken one be refused once', async () => {
  const rig = createRig({ mail: idle });
  const watch = await watching(rig);
  const [first, second] = instances(rig, 'mail.1', 'mail.2') as [InstanceHandle, InstanceHandle];
  await booted(first);
  rig.configure({ mail: { ...idle, count: 2 } });
  await succeed(rig, 'trigger');
  const other = await booted(second);
  await watch.reports('config_reloaded');

  rig.writeConfig('workers: [');
  for (let round = 0; round < 3; round += 1) {
    writeFileSync(`${rig.stateDir}/trigger`, '\n');
    await watch.quiet();
  }
  expect(watch.events('config_rejected'), JSON.stringify(watch.events())).toHaveLength(1);
  expect(second.processes()).toEqual([other]);

  // What replaces a process under a watch has the new command, whoever starts it.
  rig.configure({ mail: { ...idle, count: 2, env: { RELEASE: 'new' } } });
  await succeed(rig, 'restart', 'mail.2');
  expect(environmentOf(second.pid() ?? 0)).toMatchObject({ RELEASE: 'new' });
  expect(watch.events('config_reloaded')).toHaveLength(2);
});

test('a second watch must exit with 75, and after kill -9 the next one must begin at once', async () => {
  const rig = createRig({ mail: { ...drains, count: 2 } });
  const watch = await watching(rig);
  const all = instances(rig, 'mail.1', 'mail.2');
  const pids = await Promise.all(all.map(booted));
  const refused = await rig.act('watch');
  expect(refused.exitCode).toBe(75);
  expect(refused.error()).toMatchObject({ code: 'locked' });
  expect(refused.stderr).toContain(rig.stateDir);
  expect(processAt(watch.pid)).toBeDefined();

  watch.send('SIGKILL');
  await until('watch to be gone', () => processAt(watch.pid) === undefined);
  const next = await watching(rig);
  await next.quiet();
  expect(all.map((one) => one.processes())).toEqual(pids.map((pid) => [pid]));
  expect(all.flatMap((one) => one.terms())).toEqual([]);
  expect(next.events()).toEqual([]);
});

test('--stop-on-exit must let all finish, wait for a pass that holds the lock, and list what drains at a second signal', async () => {
  const rig = createRig({ mail: { ...drains, count: 2 } });
  const watch = await watching(rig, '--stop-on-exit');
  const [first, second] = instances(rig, 'mail.1', 'mail.2') as [InstanceHandle, InstanceHandle];
  const [pid, other] = [await booted(first), await booted(second)];
  await first.giveJob();
  await watch.quiet();
  // Whatever the timing, this must change nothing: the end has begun while another pass is at work.
  const holder = rig.shell(`flock .workerctl/pass.lock sh -c ': >held; sleep 0.7'`);
  await until('the lock to be held', () => existsSync(rig.path('held')));
  watch.send('SIGTERM');
  await holder;
  await termed(first, pid);
  await second.left(other);
  await until('a list of what still drains', () => {
    watch.send('SIGTERM');
    return watch.warnings().includes('mail.1');
  });
  expect(watch.warnings().trimEnd().split('\n').at(-1)).not.toContain('mail.2');
  first.finishJob();
  expect((await watch.running).exitCode).toBe(0);
  expect([...first.processes(), ...second.processes()]).toEqual([]);
  expect({ done: first.done(), terms: first.terms() }).toEqual({ done: [pid], terms: [pid] });
});

test('--stop-on-exit must ask the workers even if another command keeps the lock', async () => {
  const rig = createRig({ mail: { ...idle, count: 2 } });
  const watch = await watching(rig, { WORKERCTL_TEST_END_LOCK_WAIT: '100' }, '--stop-on-exit');
  for (const one of instances(rig, 'mail.1', 'mail.2')) await booted(one);
  await watch.quiet();
  const holder = rig.shell(`flock .workerctl/pass.lock sh -c ': >held; exec sleep 1000'`);
  await until('the lock to be held', () => existsSync(rig.path('held')));
  watch.send('SIGTERM');
  expect((await watch.running).exitCode).toBe(0);
  for (const one of instances(rig, 'mail.1', 'mail.2')) expect(one.processes()).toEqual([]);
  holder.kill('SIGKILL');
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

  await succeed(rig, 'stop', 'mail.1');
  await first.left(next);
  await watch.quiet();
  expect(first.processes()).toEqual([]);
  await succeed(rig, 'start', 'mail.1');
  await successor(first, next);
  expect([first.boots().length, second.boots().length]).toEqual([3, 2]);
});

test('want must report and note nothing that did not come about', async () => {
  const rig = createRig({ mail: tells });
  await rig.start();
  const release = await holdPassLock(rig);
  const { exitCode, events } = await rig.act('want', '4', 'mail');
  await release();
  expect({ exitCode, events }).toEqual({ exitCode: 75, events: [] });
  expect(rig.journal('count_set')).toEqual([]);
  const wanted = await succeed(rig, 'want', '2', 'mail');
  expect(wanted.story('count_set', 'started')).toEqual(['count_set mail', 'started mail.2']);
  expect(wanted.of('count_set')).toMatchObject([{ count: 2 }]);
});

test('--stop-on-exit must override holds, and say so', async () => {
  const rig = createRig({ mail: { ...tells, count: 2 } });
  await rig.start();
  const all = instances(rig, 'mail.1', 'mail.2');
  const pids = await Promise.all(all.map(booted));
  await rig.workerctl('hold', 'mail.1');
  const watch = await watching(rig, '--stop-on-exit');
  watch.send('SIGTERM');
  const { exitCode } = await watch.running;
  expect(exitCode).toBe(0);
  expect(all.map((one) => one.terms())).toEqual(pids.map((pid) => [pid]));
  expect(all.map((one) => one.processes())).toEqual([[], []]);
  const causes = new Map(watch.events('draining').map((one) => [one.instance, one['cause']]));
  expect(causes.get('mail.1')).toMatch(/^watch ends, despite the hold by \S+@\S+$/);
  expect(causes.get('mail.2')).toBe('watch ends');
  expect((await statusOf(rig)).instances.map(({ detail }) => detail).join()).toMatch(/held by/);
});

test('a second watch must name the pid of the first', async () => {
  const rig = createRig({ mail: tells });
  const watch = await watching(rig);
  const { exitCode, stderr } = await rig.workerctl('watch');
  expect(exitCode).toBe(75);
  expect(stderr).toContain(`pid ${watch.pid}`);
});

test('want must take idle ones first, then the highest number, and 0 and back must replace all', async () => {
  const rig = createRig({ mail: { ...tells, count: 1, max_count: 4 } });
  const watch = await watching(rig);
  const all = instances(rig, 'mail.1', 'mail.2', 'mail.3', 'mail.4');
  const [first, second, third] = all as [InstanceHandle, InstanceHandle, InstanceHandle];
  const refused = await rig.workerctl('want', '9', 'mail');
  expect(refused.exitCode).toBe(2);
  expect(refused.stderr).toMatch(/expected at most 4, the max_count of mail, found 9/);
  expect(rig.journal('count_set')).toEqual([]);
  const grown = await succeed(rig, 'want', '4', 'mail');
  expect(grown.of('count_set')).toMatchObject([{ instance: 'mail', count: 4 }]);
  const pids = await Promise.all(all.map(booted));
  const busy = await giveJob(rig, third, 'job 7');
  const shown = await rig.workerctl('want', 'mail', '--json');
  expect(JSON.parse(shown.stdout)).toMatchObject({
    worker: 'mail',
    count: 4,
    configured: 1,
    max_count: 4,
  });

  await succeed(rig, 'want', '2', 'mail');
  await all[3]?.left(pids[3] ?? 0);
  await second.left(pids[1] ?? 0);
  await succeed(rig, 'want', '1', 'mail');
  await first.left(pids[0] ?? 0);
  await watch.quiet();
  expect(all.map((one) => one.processes().length)).toEqual([0, 0, 1, 0]);
  expect(third.terms()).toEqual([]);

  await succeed(rig, 'want', '0', 'mail');
  await termed(third, busy);
  expect(third.processes()).toEqual([busy]);
  finishJob(rig, busy);
  await third.left(busy);
  expect(third.done()).toEqual([busy]);
  await succeed(rig, 'want', '2', 'mail');
  await Promise.all([successor(first, pids[0] ?? 0), successor(second, pids[1] ?? 0)]);
  await succeed(rig, 'want', '--reset', 'mail');
  await second.left(second.boots().at(-1) ?? 0);
  await watch.quiet();
  expect(all.map((one) => one.processes().length)).toEqual([1, 0, 0, 0]);
});

test('want must be refused with 2 for identifiers, unknown workers and no numbers', async () => {
  const rig = createRig({ mail: { ...idle, identifiers: ['a', 'b'] }, images: idle });
  const cases: [string[], RegExp][] = [
    [['3', 'mail'], /mail/],
    [['3', 'nobody'], /nobody/],
    [['-1', 'images'], /./],
    [['many', 'images'], /./],
  ];
  for (const [words, found] of cases) {
    const { exitCode, stderr } = await rig.workerctl('want', ...words);
    expect({ words, exitCode }).toEqual({ words, exitCode: 2 });
    expect(stderr).toMatch(found);
  }
  expect(existsSync(rig.stateDir)).toBe(false);
});

const canUnshare = (await execa('unshare', ['-Ur', 'true'], { reject: false })).exitCode === 0;

test.runIf(canUnshare)(
  'if the kernel gives no inotify watch, a death must be noticed long before the fallback',
  async () => {
    const rig = createRig({ mail: idle });
    await rig.start();
    const none = 'echo 0 >/proc/sys/user/max_inotify_instances';
    const running = rig.shell(`exec unshare -Ur sh -c '${none} && exec workerctl watch'`);
    running.catch(() => undefined);
    const mail = rig.instance('mail.1');
    const old = await booted(mail);
    await until('watch to begin', () => existsSync(`${rig.stateDir}/control.sock`));
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
  await until('it to be gone', () => processAt(old) === undefined);
  expect(existsSync(`${rig.stateDir}/mail.1.exit`)).toBe(false);
  await succeed(rig, 'trigger');
  await successor(mail, old);
});

test('a death that no file tells of must be found by the slow fallback', async () => {
  const rig = createRig({ mail: idle });
  await rig.start();
  const mail = rig.instance('mail.1');
  const watch = await watching(rig, { WORKERCTL_TEST_FALLBACK_MS: '700' });
  await until('its first look', async () => (await watch.looks()) > 0);
  const old = await booted(mail);
  process.kill(Number(mail.record()['shim_pid']), 'SIGKILL');
  process.kill(old, 'SIGKILL');
  await successor(mail, old);
  expect(existsSync(`${rig.stateDir}/mail.1.exit`)).toBe(false);
  const died = await watch.reports('died', { instance: 'mail.1', pid: old });
  expect(died).toMatchObject({ verdict: 'unexpected' });
  expect(deathOf(died)).toEqual({ unknown: 'no report of how it exited' });
  expect(mail.processes()).toHaveLength(1);
});

test('a second SIGTERM before any instance could be asked must list all', async () => {
  const rig = createRig({ mail: { ...drains, count: 2 } });
  await rig.start();
  const watch = await watching(rig, '--stop-on-exit');
  await watch.quiet();
  const holder = rig.shell(
    `flock .workerctl/pass.lock sh -c ': >held; until test -e letgo; do sleep 0.05; done'`,
  );
  await until('the lock to be held', () => existsSync(rig.path('held')));
  watch.send('SIGTERM');
  await until('the list', () => {
    watch.send('SIGTERM');
    return watch.warnings() !== '';
  });
  for (const name of ['mail.1', 'mail.2']) expect(watch.warnings().split('\n')[0]).toContain(name);
  writeFileSync(rig.path('letgo'), '');
  await holder;
  expect((await watch.running).exitCode).toBe(0);
  expect(rig.instance('mail.1').terms()).toHaveLength(1);
});
