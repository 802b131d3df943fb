// Requests on what the config does not have any more, on what is held, or on what is down.
import { truncateSync } from 'node:fs';
import { expect, test } from 'vitest';
import { finishJob, giveJob, tells } from '../rig/jobs.ts';
import { bootcheck, createRig, statesOf, statusOf, type Rig } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';

const sleeps = { command: ['sleep', '1000'] };
const other = { other: sleeps };
const run = async (rig: Rig, ...words: string[]): Promise<number> =>
  (await rig.workerctl(...words)).exitCode ?? -1;

test('a count by want must not hide identifiers that the config names now, and be taken back', async () => {
  const rig = createRig({ mail: { ...sleeps, count: 2 } });
  expect(await run(rig, 'start')).toBe(0);
  expect(await run(rig, 'want', '3', 'mail')).toBe(0);
  rig.configure({ mail: { ...sleeps, identifiers: ['a', 'b'] } });
  expect(await statusOf(rig)).toMatchObject({ wanted: 2 });
  expect(await run(rig, 'start', 'mail.a', 'mail.b')).toBe(0);
  expect(await run(rig, 'want', '--reset', 'mail')).toBe(0);
  rig.configure({ mail: { ...sleeps, count: 2 } });
  expect(await statusOf(rig)).toMatchObject({ wanted: 2 });
});

test('a stop of a worker that the config does not have any more must send each process its own signal', async () => {
  const old = (signal: string) => ({ old: { ...sleeps, count: 2, stop: { signal } }, ...other });
  const rig = createRig(old('INT'));
  expect(await run(rig, 'start')).toBe(0);
  rig.configure(old('QUIT'));
  expect(await run(rig, 'restart', 'old.2')).toBe(0);
  rig.configure(other);
  const { exitCode, of } = await rig.act('stop', 'old*');
  expect(exitCode).toBe(0);
  expect(
    of('draining')
      .map(({ instance, signal }) => `${instance} ${String(signal)}`)
      .sort(),
  ).toEqual(['old.1 SIGINT', 'old.2 SIGQUIT']);
});

test('a stop of such a worker whose record is torn must stop the others, say why not it, and end with 1', async () => {
  const rig = createRig({ old: sleeps, ...other });
  expect(await run(rig, 'start')).toBe(0);
  const pid = rig.instance('old.1').pid() ?? 0;
  truncateSync(`${rig.stateDir}/old.1.json`);
  rig.configure(other);
  await until('the record to be damaged and not about to be written', async () => {
    const { exitCode, all } = await rig.workerctl('stop', '*');
    expect(all).not.toContain('bug');
    return exitCode === 1 && all.includes('old.1: is not stopped: its record cannot be read');
  });
  expect(await statesOf(rig, 'other')).toEqual(['other.1 stopped']);
  process.kill(pid, 'SIGKILL');
});

const quiets = {
  ...sleeps,
  command: ['sh', '-c', 'trap : USR1 USR2; while :; do sleep 0.1; done'],
  stop: { quiet: 'USR1', resume: 'USR2', signal: 'TERM' },
};

test('quiet must not start an instance that is down', async () => {
  const rig = createRig({ mail: quiets });
  expect(await run(rig, 'start')).toBe(0);
  process.kill(rig.instance('mail.1').pid() ?? 0, 'SIGKILL');
  await until('the death', async () => (await statesOf(rig))[0] !== 'mail.1 ready');
  const { story } = await rig.act('quiet');
  expect(story()).toContain('not_running mail.1');
  expect(story()).not.toContain('started mail.1');
  expect(await statusOf(rig)).toMatchObject({ up: 0 });
});

test('quiet and resume of what is held must not seem to have done it', async () => {
  const rig = createRig({ mail: quiets });
  expect(await run(rig, 'start')).toBe(0);
  expect(await run(rig, 'hold')).toBe(0);
  const quiet = await rig.act('quiet');
  expect(quiet.story()).toEqual(['skipped_held mail.1']);
  expect(quiet.exitCode).toBe(1);
  expect(await run(rig, 'unhold')).toBe(0);
  expect(await run(rig, 'quiet')).toBe(0);
  expect(await statesOf(rig)).toEqual(['mail.1 quiet']);
  expect(await run(rig, 'hold')).toBe(0);
  const resume = await rig.act('resume');
  expect(resume.story()).toEqual(['skipped_held mail.1']);
  expect(resume.exitCode).toBe(1);
});

test('a hold of an instance that is not wanted any more must be taken back like any other', async () => {
  const rig = createRig({ mail: { ...sleeps, count: 2 } });
  expect(await run(rig, 'start')).toBe(0);
  expect(await run(rig, 'hold', 'mail.2')).toBe(0);
  expect(await run(rig, 'want', '1', 'mail')).toBe(0);
  const { exitCode, story } = await rig.act('unhold', 'mail.2');
  expect(exitCode).toBe(0);
  expect(story()).toContain('unheld mail.2');
  await bootcheck(rig);
  await until('it to be gone', async () => (await statesOf(rig)).join() === 'mail.1 ready');
});

test('max_extra must hold for restarts of several instances of a worker one after the other', async () => {
  const restart = { overlap: true, max_extra: 1, canary: 0, patience: '40s' };
  const rig = createRig({ mail: { ...tells, count: 3, ready: { after: '100ms' }, restart } });
  await rig.start();
  const pids: number[] = [];
  for (const name of ['mail.1', 'mail.2', 'mail.3'])
    pids.push(await giveJob(rig, rig.instance(name), `job of ${name}`));
  const retiring = async (): Promise<number> =>
    (await statesOf(rig)).filter((state) => state.endsWith(' retiring')).length;
  expect(await run(rig, 'restart', 'mail.1', '--no-wait')).toBe(0);
  await until('the first', async () => (await retiring()) === 1);
  expect(await run(rig, 'restart', 'mail.2', '--wait', '1s')).toBe(124);
  expect(await retiring()).toBe(1);
  expect(await run(rig, 'restart', 'mail.3', '--wait', '1s')).toBe(124);
  expect(await retiring()).toBe(1);
  for (const pid of pids) finishJob(rig, pid);
});

test('if the config loses one worker of a restart, the others must be replaced by the background process', async () => {
  const slow = {
    command: ['sh', '-c', 'trap "sleep 1; exit" TERM; while :; do sleep 0.1; done'],
    restart: { finisher: true },
  };
  const rig = createRig({ mail: { ...slow, count: 3 }, old: slow });
  expect(await run(rig, 'start')).toBe(0);
  const before = ['mail.1', 'mail.2', 'mail.3'].map((name) => rig.instance(name).pid());
  const restarting = rig.workerctl('restart');
  await until('the first to be asked', async () =>
    (await statesOf(rig)).some((state) => state.endsWith('draining')),
  );
  rig.configure({ mail: { ...slow, count: 3 } });
  expect((await restarting).exitCode).toBe(1);
  await until('all to be replaced', async () => {
    const pids = ['mail.1', 'mail.2', 'mail.3'].map((name) => rig.instance(name).pid());
    return (await statusOf(rig)).ready >= 3 && pids.every((pid, index) => pid !== before[index]);
  });
  expect(await run(rig, 'stop', 'old')).toBe(0);
});

test('rollout cancel with an empty id must cancel nothing', async () => {
  const rig = createRig({
    mail: { command: ['sh', '-c', 'trap : TERM; while :; do sleep 0.1; done'] },
  });
  expect(await run(rig, 'start')).toBe(0);
  expect(await run(rig, 'restart', '--no-wait')).toBe(0);
  expect(await run(rig, 'rollout', 'cancel', '')).toBe(1);
  expect((await rig.workerctl('rollout')).exitCode).toBe(0);
});
