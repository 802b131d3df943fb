// Workers whose children have sessions of their own, such as RQ's work horse: a job is not lost as long as one goes on with it.
import { existsSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { linesOf, readOr } from '../rig/files.ts';
import { booted, successor, type InstanceHandle } from '../rig/instance.ts';
import { endProcess, environmentOf, isAlive, look } from '../rig/kernel.ts';
import { fixture } from '../rig/programs.ts';
import { createRig, expectQuiet, statusOf, type Rig, type WorkerKeys } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';
import { watching } from '../rig/watch.ts';

interface AtWork {
  readonly rig: Rig;
  readonly one: InstanceHandle;
  readonly pid: number;
  /** The child that does the job. */
  readonly horse: number;
}

/** A worker whose child does a job. */
async function atWork(more: WorkerKeys = {}): Promise<AtWork> {
  const rig = createRig({
    mail: {
      command: fixture('has-a-horse'),
      ready: { after: '0s' },
      backoff: { min_run: '0s' },
      hooks: { lost: ['/bin/sh', '-c', 'echo "$WORKERCTL_HOOK" >>lost'] },
      ...more,
    },
  });
  await rig.start();
  const one = rig.instance('mail.1');
  const pid = await booted(one);
  await one.giveJob();
  const horse = Number(readOr(rig.path('mail.1.horse'), ''));
  const session = JSON.stringify(more).includes('SHARES') ? pid : horse;
  await until('its session', () => look(horse)?.session === session);
  // That a child was born before a death is known to some hundredths of a second.
  const found = Date.now();
  await until('a child of some age', () => Date.now() - found > 200);
  return { rig, one, pid, horse };
}

/** Its worker was killed. */
async function alone(more: WorkerKeys = {}): Promise<AtWork> {
  const made = await atWork(more);
  await endProcess(made.pid);
  await made.one.left(made.pid);
  return made;
}

const hasHook = (rig: Rig): boolean => existsSync(rig.path('lost'));

/** It finishes its job, longer after the death of its worker than it takes to die with it. */
async function finished({ rig, one, horse }: AtWork): Promise<void> {
  const at = Date.parse(String(rig.instance('mail.1').record()['started_at']));
  await until('a second', () => Date.now() - at > 3_000);
  one.finishJob();
  await until('the end of the job', () => one.done().includes(horse) && !isAlive(horse));
}

test.each<[string, WorkerKeys]>([
  ['has said that it was busy', {}],
  ['says nothing about jobs', { env: { SILENT: '1' } }],
  ['waits for leftovers', { stop: { leftovers: 'wait' } }],
  [
    'waits for leftovers, and its child has stayed in its session',
    { stop: { leftovers: 'wait' }, env: { SHARES: process.execPath } },
  ],
  ['has a logger', { log: { command: 'cat' } }],
  [
    'shares its log, and its child has its marker',
    { log: { file: 'mail.log' }, count: 2, env: { KEEPS: '1' } },
  ],
])(
  'if the worker %s, its job must not be lost, and nothing started in its place, until the child has exited',
  async (_, more) => {
    const made = await alone(more);
    const { rig, one, pid, horse } = made;
    const { all, of } = await rig.act('bootcheck');
    expect(of('died'), all).toMatchObject([{ pid }]);
    expect(of('leftovers'), all).toMatchObject([
      { pid, processes: [{ pid: horse }], fate: 'awaited' },
    ]);
    expect([...of('job_lost'), ...of('started')]).toEqual([]);
    const left = (await statusOf(rig)).instances[0]?.leftovers;
    expect(left).toContainEqual(expect.objectContaining({ pid: horse }));
    expect((await rig.workerctl('status')).all).toMatch(
      new RegExp(`waiting for what pid ${pid} left behind: .*${horse} `),
    );
    await expectQuiet(rig, 'it was reported already');
    await finished(made);
    const next = await rig.act('bootcheck');
    expect(next.of('leftovers'), next.all).toMatchObject([
      { pid, processes: [{ pid: horse }], fate: 'exited' },
    ]);
    expect(next.of('started')).toHaveLength(1);
    await successor(one, pid);
    expect(one.done()).toEqual([horse]);
    expect(next.of('job_lost')).toEqual([]);
    expect(hasHook(rig)).toBe(false);
  },
);

test('watch must start the next process as soon as the child has exited', async () => {
  const made = await atWork();
  const { rig, one, pid, horse } = made;
  const watch = await watching(rig);
  await endProcess(pid);
  await watch.reports('leftovers', { instance: 'mail.1', fate: 'awaited' });
  await finished(made);
  await watch.reports('leftovers', { instance: 'mail.1', fate: 'exited' });
  await successor(one, pid);
  expect(watch.events('job_lost')).toEqual([]);
  watch.send('SIGTERM');
  await watch.running;
  expect(one.done()).toEqual([horse]);
});

test('if its shim was killed as well, nothing must be started beside the child', async () => {
  const { rig, one, pid, horse } = await atWork();
  await endProcess(Number(one.record()['shim_pid']));
  await endProcess(pid);
  const { all, of } = await rig.act('bootcheck');
  expect(of('leftovers'), all).toMatchObject([{ processes: [{ pid: horse }], fate: 'awaited' }]);
  expect([...of('job_lost'), ...of('started'), ...of('adopted')]).toEqual([]);
  expect(isAlive(horse)).toBe(true);
});

test('if the child was killed with it, its job must be lost at once', async () => {
  const { rig, one, pid, horse } = await atWork();
  await Promise.all([endProcess(pid), endProcess(horse)]);
  await one.left(pid);
  const { all, of } = await rig.act('bootcheck');
  expect(of('job_lost'), all).toMatchObject([{ pid, job: 'a report' }]);
  expect(of('started')).toHaveLength(1);
  await until('the hook', () => hasHook(rig));
});

test('a child in its session must not keep its job from being lost if leftovers are only reported', async () => {
  const { rig, horse } = await alone({ env: { SHARES: process.execPath } });
  const { all, of } = await rig.act('bootcheck');
  expect(of('job_lost'), all).toHaveLength(1);
  expect(of('started')).toHaveLength(1);
  expect(isAlive(horse)).toBe(true);
});

test('with leftovers: leave it must be started and its job lost at once', async () => {
  const { rig, horse } = await alone({ stop: { leftovers: 'leave' } });
  const { all, of } = await rig.act('bootcheck');
  expect(of('job_lost'), all).toHaveLength(1);
  expect(of('started')).toHaveLength(1);
  expect(isAlive(horse)).toBe(true);
});

test.each([
  ['stop', '--now'],
  ['restart', '--now'],
  ['stop', '--kill-after', '100ms'],
])('%s %s must kill the child, too', async (...words) => {
  const { rig, one, pid, horse } = await atWork();
  const { exitCode, all, of } = await rig.act(...words);
  expect(exitCode, all).toBe(0);
  expect(of('killed')).toMatchObject([{ pid }]);
  expect([pid, horse].some(isAlive)).toBe(false);
  expect(one.done()).toEqual([]);
});

test('stop --now must not claim to have killed a child that only its output gives away', async () => {
  const { rig, horse } = await alone();
  await rig.workerctl('bootcheck');
  const { exitCode, all, of } = await rig.act('stop', '--now');
  expect(isAlive(horse), all).toBe(true);
  expect(of('killed')).toEqual([]);
  expect(exitCode, all).toBe(1);
  expect(of('signal_failed'), all).toMatchObject([{ instance: 'mail.1', pid: horse }]);
});

test('a child that has its marker and another output must be reported, and delay nothing', async () => {
  const { rig, pid, horse } = await alone({ env: { KEEPS: '1', OUT: '/dev/null' } });
  expect(environmentOf(horse)['WORKERCTL_PID']).toBe(String(pid));
  const { all, of } = await rig.act('bootcheck');
  expect(of('started'), all).toHaveLength(1);
  expect(of('leftovers'), all).toMatchObject([{ pid, fate: 'running' }]);
  expect(of('leftovers')[0]?.['processes']).toContainEqual({ pid: horse, name: 'sh' });
});

test('leftovers: kill must kill what has its marker, and leave alone what only its output gives away', async () => {
  const marked = await alone({ env: { KEEPS: '1' }, stop: { leftovers: 'kill' } });
  const ended = await marked.rig.act('bootcheck');
  expect(ended.of('leftovers'), ended.all).toContainEqual(
    expect.objectContaining({ fate: 'killed' }),
  );
  expect(isAlive(marked.horse)).toBe(false);
  const blank = await alone({ stop: { leftovers: 'kill' } });
  const { all, of } = await blank.rig.act('bootcheck');
  expect(of('started'), all).toEqual([]);
  expect(isAlive(blank.horse)).toBe(true);
  expect(linesOf(blank.rig.path('mail.1.terms'))).toEqual([]);
});

// The worker exits at its TERM or when it may go, its children do not. Without variables they show neither marker nor log.
const parting = (end: string, env: string): string => `trap '${end}' TERM
${env} setsid sleep 1000001 >/dev/null 2>&1 & echo $! >>"$RIG/children"
${env} sleep 1000002 >/dev/null 2>&1 & echo $! >>"$RIG/children"
echo $$ >>"$RIG/$WORKERCTL_INSTANCE.boots"
until [ -e "$RIG/go" ]; do sleep 0.02; done
exit 0`;

async function withChildren(end: string, env: string): Promise<{ rig: Rig; children: number[] }> {
  const command = ['/bin/sh', '-c', parting(end, env)];
  const rig = createRig({ mail: { command, ready: { after: '0s' } } });
  await rig.start();
  const children = linesOf(rig.path('children')).map(Number);
  expect(children.map(isAlive)).toEqual([true, true]);
  return { rig, children };
}

test.each([
  ['with the stop', 'exit 0'],
  ['while it drained', ':'],
])(
  'a limit that was set %s must reach what the worker had started, whichever command carries it out',
  async (_, end) => {
    const { rig, children } = await withChildren(end, 'env -i');
    if (end === ':') await rig.workerctl('stop', '--no-wait');
    const limited = await rig.workerctl('stop', '--kill-after', '1s', '--no-wait');
    expect(limited.exitCode, limited.all).toBe(0);
    writeFileSync(rig.path('go'), '');
    const pid = Number(rig.instance('mail.1').boots()[0]);
    await until('the end of the worker', () => !isAlive(pid));
    await until('the kill', async () => {
      await rig.workerctl('bootcheck');
      return !children.some(isAlive);
    });
  },
);

describe('what a worker has left that has exited as asked', () => {
  /** Its stop has ended, and has named those that it did not reach. */
  async function survived(env: string): Promise<{ rig: Rig; children: number[] }> {
    const left = await withChildren('exit 0', env);
    const stopped = await left.rig.act('stop');
    expect(stopped.exitCode, stopped.all).toBe(1);
    expect(stopped.of('survivors')).toHaveLength(1);
    expect(left.children.map(isAlive)).toEqual([true, true]);
    return left;
  }

  test.each([
    ['stop', '--now'],
    ['stop', '--now', '--no-wait'],
    ['stop', '--kill-after', '1s', 'mail.1'],
  ])('must be killed by %s %s %s if it has its marker', async (...words) => {
    const { rig, children } = await survived('env');
    const { exitCode, all, of } = await rig.act(...words);
    expect(exitCode, all).toBe(0);
    expect(of('leftovers').map(({ fate }) => fate)).toContain('killed');
    await until('the kill', () => !children.some(isAlive));
    const again = await rig.act(...words);
    expect(again.exitCode, again.all).toBe(0);
    expect(again.of('leftovers', 'survivors', 'exited')).toEqual([]);
  });

  test('must be named, and left alone, by stop --now if nothing says whose it is', async () => {
    const { rig, children } = await survived('env -i');
    const { exitCode, all } = await rig.act('stop', '--now');
    expect(exitCode, all).toBe(1);
    expect(children.map(isAlive)).toEqual([true, true]);
    expect(all).toContain(String(children[1]));
  });

  test('must be left alone by a stop without a limit, and by bootcheck', async () => {
    const { rig, children } = await survived('env');
    expect((await rig.act('stop')).exitCode).toBe(1);
    await rig.act('bootcheck');
    expect(children.map(isAlive)).toEqual([true, true]);
  });
});
