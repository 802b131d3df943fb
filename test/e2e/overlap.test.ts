import { existsSync, readdirSync, rmSync } from 'node:fs';
import { expect, test } from 'vitest';
import { writeAged } from '../rig/files.ts';
import { booted, successor, termed } from '../rig/instance.ts';
import { finishJob, giveJob, tells } from '../rig/jobs.ts';
import { openFiles, processAt } from '../rig/kernel.ts';
import { deathOf, eventsIn, story } from '../rig/output.ts';
import { heard } from '../rig/programs.ts';
import { bootcheck, createRig, expectQuiet, statesOf, statusOf, type Rig } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';
import { watching } from '../rig/watch.ts';

// Not by its log: the old process writes there too.
const byTime = { ready: { after: '300ms' } };
const overlaps = {
  ...tells,
  ...byTime,
  restart: { patience: '40s', overlap: true, max_extra: 3 },
};

/** One instance that was replaced while its old process still works on a job. */
async function oneRetiring(): Promise<{
  rig: Rig;
  mail: ReturnType<Rig['instance']>;
  old: number;
  fresh: number;
}> {
  const rig = createRig({ mail: overlaps });
  await rig.start();
  const mail = rig.instance('mail.1');
  const old = await giveJob(rig, mail, 'job 1');
  const { exitCode, all } = await rig.workerctl('restart');
  expect(exitCode, all).toBe(0);
  return { rig, mail, old, fresh: await successor(mail, old) };
}

const retiringFiles = (rig: Rig): string[] =>
  readdirSync(rig.stateDir).filter((file) => file.includes('~'));

const gone = (pid: number): Promise<true> =>
  until(`pid ${pid} to be gone`, () => processAt(pid) === undefined);

test('with overlap the replacement must run while the old process finishes its job', async () => {
  const rig = createRig({ mail: overlaps });
  await rig.start();
  const mail = rig.instance('mail.1');
  const old = await giveJob(rig, mail, 'job 1');
  const { exitCode, all } = await rig.workerctl('restart', '--json');
  expect(exitCode, all).toBe(0);
  expect(story(eventsIn(all), 'draining', 'retired', 'started', 'ready')).toHaveLength(4);
  const fresh = await successor(mail, old);
  expect(mail.processes().toSorted()).toEqual([old, fresh].toSorted());
  expect(await statesOf(rig)).toEqual(['mail.1 ready', 'mail.1 retiring']);
  const { exitCode: code, stdout } = await rig.workerctl('status');
  expect(code).toBe(0);
  expect(stdout).toMatch(new RegExp(`^mail\\.1 +retiring +${old} .*job 1`, 'm'));

  finishJob(rig, old);
  await gone(old);
  const checked = await rig.act('bootcheck');
  expect(checked.exitCode).toBe(0);
  expect(checked.of('exited')).toMatchObject([{ instance: 'mail.1', pid: old }]);
  expect(deathOf(checked.of('exited')[0])).toEqual({ status: 0 });
  expect(retiringFiles(rig)).toEqual([]);
  expect({ pid: mail.pid(), done: mail.done(), terms: mail.terms() }).toEqual({
    pid: fresh,
    done: [old],
    terms: [old],
  });
  await expectQuiet(rig);
});

test('three deploys in a row over a job that outlives them must lose no process and ask each once', async () => {
  const rig = createRig({ mail: overlaps });
  await rig.start();
  const mail = rig.instance('mail.1');
  const old: number[] = [];
  for (const job of ['job 1', 'job 2', 'job 3']) {
    const pid = await giveJob(rig, mail, job);
    old.push(pid);
    expect((await rig.workerctl('restart')).exitCode).toBe(0);
    await successor(mail, pid);
    await expectQuiet(rig);
  }
  const fresh = await booted(mail);
  expect(mail.processes().toSorted()).toEqual([...old, fresh].toSorted());
  const { instances } = await statusOf(rig);
  expect(instances.map(({ state }) => state)).toEqual([
    'ready',
    'retiring',
    'retiring',
    'retiring',
  ]);
  expect(
    instances
      .slice(1)
      .map(({ activity }) => activity?.job)
      .toSorted(),
  ).toEqual(['job 1', 'job 2', 'job 3']);

  for (const pid of old) finishJob(rig, pid);
  for (const pid of old) await gone(pid);
  expect((await rig.workerctl('bootcheck')).exitCode).toBe(0);
  expect(retiringFiles(rig)).toEqual([]);
  expect(mail.terms()).toEqual(old);
  expect(mail.done().toSorted()).toEqual(old.toSorted());
  expect(mail.processes()).toEqual([fresh]);
});

test('at most max_extra old processes must be retiring at once', async () => {
  const rig = createRig({ mail: { ...tells, ...byTime, count: 3 } });
  await rig.start();
  const all = ['mail.1', 'mail.2', 'mail.3'].map((name) => rig.instance(name));
  const old: number[] = [];
  for (const instance of all) old.push(await giveJob(rig, instance, 'a job'));
  const restarting = rig.workerctl('restart', '--overlap', '--json');
  for (const [index, instance] of all.entries()) {
    const pid = old[index] ?? 0;
    await successor(instance, pid);
    const states = (await statusOf(rig)).instances.map(({ state }) => state);
    expect(states.filter((state) => state === 'retiring')).toHaveLength(1);
    expect(all.flatMap((each) => each.terms())).toEqual(old.slice(0, index + 1));
    finishJob(rig, pid);
    await gone(pid);
  }
  const { exitCode, all: said } = await restarting;
  expect(exitCode, said).toBe(0);
});

test('a deploy whose extras are all taken must wait, and bootcheck must finish it', async () => {
  const rig = createRig({ mail: { ...tells, ...byTime } });
  await rig.start();
  const mail = rig.instance('mail.1');
  const old = await giveJob(rig, mail, 'job 1');
  expect((await rig.workerctl('restart', '--overlap')).exitCode).toBe(0);
  const second = await successor(mail, old);
  await giveJob(rig, mail, 'job 2');
  expect((await rig.workerctl('restart', '--overlap', '--wait', '300ms')).exitCode).toBe(124);
  expect(mail.pid()).toBe(second);
  expect(mail.terms()).toEqual([old]);
  finishJob(rig, old);
  await gone(old);
  await until('bootcheck to go on', async () => {
    await rig.workerctl('bootcheck');
    return mail.pid() !== second;
  });
  const third = await successor(mail, second);
  expect(mail.terms()).toEqual([old, second]);
  finishJob(rig, second);
  await gone(second);
  expect(mail.processes()).toEqual([third]);
});

test('a deploy whose extras are all taken must not wait with idle instances: these are replaced in their places', async () => {
  const { rig, mail, old, fresh } = await oneRetiring();
  const { exitCode, all } = await rig.act('restart', '--overlap', '--wait', '20s');
  expect(exitCode, all).toBe(0);
  expect(mail.terms()).toEqual([old, fresh]);
  await gone(fresh);
  expect(mail.processes()).toContain(old);
});

test('a retiring process that is killed must be noticed and its files removed, and its replacement must run on', async () => {
  const { rig, mail, old, fresh } = await oneRetiring();
  process.kill(old, 'SIGKILL');
  await gone(old);
  const { exitCode, of } = await rig.act('bootcheck');
  expect(exitCode).toBe(0);
  expect(of('exited')).toMatchObject([{ instance: 'mail.1', pid: old }]);
  expect(deathOf(of('exited')[0])).toEqual({ signal: 'SIGKILL' });
  expect(retiringFiles(rig)).toEqual([]);
  expect(mail.processes()).toEqual([fresh]);
  expect(mail.pid()).toBe(fresh);
});

test('a retiring process that has exited must count neither as wanted nor as missing', async () => {
  const { rig, old } = await oneRetiring();
  finishJob(rig, old);
  await gone(old);
  expect(await statusOf(rig)).toMatchObject({ wanted: 1, up: 1, ready: 1 });
  expect((await rig.workerctl('status')).exitCode).toBe(0);
});

test('bootcheck must start no duplicate beside a retiring process, also if the record of the new one is lost', async () => {
  const { rig, mail, old, fresh } = await oneRetiring();
  rmSync(`${rig.stateDir}/mail.1.json`);
  rmSync(`${rig.stateDir}/mail.1.pid`);
  expect(await bootcheck(rig)).toMatchObject([{ kind: 'adopted', instance: 'mail.1', pid: fresh }]);
  await expectQuiet(rig);
  expect(mail.processes().toSorted()).toEqual([old, fresh].toSorted());
  expect(mail.pid()).toBe(fresh);
  expect(await statesOf(rig)).toEqual(['mail.1 ready', 'mail.1 retiring']);
  expect(mail.terms()).toEqual([old]);
});

test("the instance's lock must be held by the shim of the new process, and a retiring process must keep its own", async () => {
  const { rig, mail, old } = await oneRetiring();
  const lockOf = (shim: unknown): string | undefined => openFiles(Number(shim)).get(3);
  expect(lockOf(mail.record()['shim_pid'])).toBe(`${rig.stateDir}/mail.1.lock`);
  const shimOfOld = await rig.shell(`ps -o ppid= -p ${old}`);
  expect(lockOf(shimOfOld.stdout)).toMatch(/\/mail\.1~[0-9a-f]+\.lock$/);
  for (const file of readdirSync(rig.stateDir).filter((name) => /^mail.*\.lock$/.test(name)))
    expect((await rig.shell(`flock -n '.workerctl/${file}' true`)).exitCode, file).not.toBe(0);
});

test('stop must wait for the retiring process too, ask it only once, and report it once', async () => {
  const { rig, mail, old, fresh } = await oneRetiring();
  const stopping = rig.workerctl('stop', '--json');
  const said = heard(stopping);
  await termed(mail, fresh);
  await until('a report of the first exit', () => said().includes('"kind":"exited"'));
  expect(mail.processes()).toEqual([old]);
  finishJob(rig, old);
  const { exitCode, all } = await stopping;
  expect(exitCode, all).toBe(0);
  const left = eventsIn(all).filter(({ kind }) => kind === 'exited');
  expect(left.map(({ pid }) => pid).toSorted()).toEqual([old, fresh].toSorted());
  expect(left.find(({ pid }) => pid === old)).toMatchObject({ job: 'job 1' });
  expect(mail.terms()).toEqual([old, fresh]);
  expect(existsSync(`${rig.stateDir}/mail.1.pid`)).toBe(false);
  expect(retiringFiles(rig)).toEqual([]);
});

test('how an idle process ended that exited at once must be known though it was retired meanwhile', async () => {
  const rig = createRig({ mail: { ...overlaps, count: 4 } });
  await rig.start();
  const names = ['mail.1', 'mail.2', 'mail.3', 'mail.4'];
  const old = await Promise.all(names.map((name) => booted(rig.instance(name))));
  const { exitCode, all } = await rig.workerctl('restart', '--json', '--no-canary');
  expect(exitCode, all).toBe(0);
  for (const pid of old) await gone(pid);
  const checked = await rig.workerctl('bootcheck', '--json');
  const left = [...eventsIn(all), ...eventsIn(checked.all)].filter(({ kind }) => kind === 'exited');
  expect(left.map(deathOf)).toEqual(Array(4).fill({ status: 0 }));
  expect(retiringFiles(rig)).toEqual([]);
});

test('a retiring process whose record was damaged must be known while it lives, and its files must be gone with it', async () => {
  const { rig, mail, old, fresh } = await oneRetiring();
  const [record = ''] = retiringFiles(rig).filter((file) => file.endsWith('.json'));
  writeAged(`${rig.stateDir}/${record}`, '');
  expect(await statesOf(rig)).toEqual(['mail.1 ready', 'mail.1 retiring']);
  expect(story(await bootcheck(rig), 'warning')).toHaveLength(1);
  expect(retiringFiles(rig)).toContain(record);
  finishJob(rig, old);
  await gone(old);
  expect(story(await bootcheck(rig), 'warning')).toContain('warning mail.1');
  expect(retiringFiles(rig)).toEqual([]);
  await expectQuiet(rig);
  expect({ boots: mail.boots(), terms: mail.terms() }).toEqual({
    boots: [old, fresh],
    terms: [old],
  });
});

test('a replacement beside its old process must be no shortage to a watch', async () => {
  const rig = createRig({ mail: overlaps });
  await rig.start();
  const watch = await watching(rig);
  const mail = rig.instance('mail.1');
  const old = await giveJob(rig, mail, 'job 1');
  expect((await rig.workerctl('restart')).exitCode).toBe(0);
  const fresh = await successor(mail, old);
  expect(rig.journal('started').map(({ pid }) => pid)).toContain(fresh);
  expect(rig.journal('missing')).toEqual([]);
  finishJob(rig, old);
  watch.send('SIGTERM');
  expect((await watch.running).exitCode).toBe(0);
});
