import { describe, expect, test } from 'vitest';
import { readOr } from '../rig/files.ts';
import { booted, type InstanceHandle } from '../rig/instance.ts';
import { processAt, signal } from '../rig/kernel.ts';
import { deathOf, story } from '../rig/output.ts';
import { fixture, heard } from '../rig/programs.ts';
import { bootcheck, createRig, statesOf, statusOf, type Rig } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';
import { watching } from '../rig/watch.ts';

const has = (leftovers: string): Record<string, unknown> => ({
  command: fixture('has-children'),
  stop: { leftovers },
});

const isThere = (pid: number): boolean => processAt(pid) !== undefined;

/** The children of the process that was started last. */
const childrenOf = (rig: Rig, { name }: InstanceHandle): number[] =>
  (
    readOr(rig.path(`${name}.children`), '')
      .trimEnd()
      .split('\n')
      .at(-1) ?? ''
  )
    .split(' ')
    .map(Number);

interface Orphans {
  readonly rig: Rig;
  readonly one: InstanceHandle;
  readonly old: number;
  readonly children: number[];
  readonly end: () => Promise<void>;
}

/** A running worker with its children. */
async function parent(leftovers: string): Promise<Orphans> {
  const rig = createRig({ mail: has(leftovers) });
  await rig.start();
  const one = rig.instance('mail.1');
  const old = await booted(one);
  const children = childrenOf(rig, one);
  expect(children.filter(isThere)).toHaveLength(2);
  const end = async (): Promise<void> => {
    for (const pid of children) process.kill(pid, 'SIGKILL');
    await until('the children to be gone', () => !children.some(isThere));
  };
  return { rig, one, old, children, end };
}

/** Its main process was killed, and no command has looked yet. */
async function orphans(leftovers: string): Promise<Orphans> {
  const made = await parent(leftovers);
  process.kill(made.old, 'SIGKILL');
  await made.one.left(made.old);
  return made;
}

/** The processes that status shows to be left by mail.1. */
const shownOf = async (rig: Rig): Promise<unknown> => (await statusOf(rig)).instances[0]?.leftovers;

const namesOf = (children: readonly number[]): object[] =>
  children.map((pid) => ({ pid, name: 'sleep' }));
const reportOf = (old: number, children: readonly number[], fate: string): object => ({
  kind: 'leftovers',
  instance: 'mail.1',
  pid: old,
  processes: namesOf(children),
  fate,
});

describe('if they are left alone', () => {
  test('a start must not wait for them; they are reported once, and shown while they live', async () => {
    const { rig, old, children, end } = await orphans('leave');
    const [started, told, ...more] = await bootcheck(rig);
    expect(started).toMatchObject({ kind: 'started', instance: 'mail.1' });
    expect(told).toMatchObject(reportOf(old, children, 'running'));
    expect(more).toEqual([]);
    expect(await bootcheck(rig)).toEqual([]);
    expect(await shownOf(rig)).toEqual(namesOf(children));
    await end();
    expect(await shownOf(rig)).toEqual([]);
  });

  test('stop must report them and leave them alone', async () => {
    const { rig, old, children } = await parent('leave');
    const { of, exitCode } = await rig.act('stop');
    expect(exitCode).toBe(0);
    expect(of('exited')).toMatchObject([{ pid: old, leftovers: namesOf(children) }]);
    expect(deathOf(of('exited')[0])).toEqual({ status: 0 });
    expect(await shownOf(rig)).toEqual(namesOf(children));
    expect(children.every(isThere)).toBe(true);
  });

  test('watch must report them after it has started the next one', async () => {
    const { rig, old, children } = await parent('leave');
    const { reports, events } = await watching(rig);
    process.kill(old, 'SIGKILL');
    expect(await reports('leftovers')).toMatchObject(reportOf(old, children, 'running'));
    expect(story(events('started', 'leftovers'))).toEqual(['started mail.1', 'leftovers mail.1']);
  });
});

describe('if they are killed', () => {
  test('the pass that sees the death must kill them before it starts the next one', async () => {
    const { rig, old, children } = await orphans('kill');
    const [told, started, ...more] = await bootcheck(rig);
    expect(told).toMatchObject(reportOf(old, children, 'killed'));
    expect(started).toMatchObject({ kind: 'started', instance: 'mail.1' });
    expect(more).toEqual([]);
    expect(children.filter(isThere)).toEqual([]);
    expect(await bootcheck(rig)).toEqual([]);
    expect(await shownOf(rig)).toEqual([]);
  });

  test('stop must kill them, and nothing before', async () => {
    const { rig, old, children } = await parent('kill');
    const { of, exitCode } = await rig.act('stop');
    expect(exitCode).toBe(0);
    expect(of('leftovers')).toMatchObject([reportOf(old, children, 'killed')]);
    expect(children.filter(isThere)).toEqual([]);
    expect(readOr(rig.path('.workerctl/mail.1.exit'), '')).toContain('"exit_status":0');
  });
});

describe('if they are waited for', () => {
  test('nothing must be started while they live; that is reported once, and shown', async () => {
    const { rig, one, old, children, end } = await orphans('wait');
    const [told, ...more] = await bootcheck(rig);
    expect(told).toMatchObject(reportOf(old, children, 'awaited'));
    expect(more).toEqual([]);
    expect(await bootcheck(rig)).toEqual([]);
    expect(one.process()).toBeUndefined();
    expect(await statesOf(rig)).toEqual(['mail.1 missing']);
    expect(await shownOf(rig)).toEqual(namesOf(children));
    await end();
    // After more than a second it also says that they have exited: their job counts as done.
    const events = (await bootcheck(rig)).filter(({ fate }) => fate !== 'exited');
    expect(events.map(({ kind }) => kind)).toEqual(['started']);
    expect(await bootcheck(rig)).toEqual([]);
    expect(await shownOf(rig)).toEqual([]);
  });

  test.each(['start', 'restart'])(
    '%s must wait for them, say so, and start then',
    async (command) => {
      const { rig, one, old, children, end } = await orphans('wait');
      const running = rig.workerctl(command);
      const said = heard(running);
      await until('a sign of life', () => /waiting for .*mail\.1/.test(said()));
      expect(one.boots()).toEqual([old]);
      expect(children.every(isThere)).toBe(true);
      await end();
      const { exitCode, stdout } = await running;
      expect(exitCode, stdout).toBe(0);
      expect(one.process()).toBeDefined();
    },
  );

  test('stop must wait for them, also when it is run again', async () => {
    const { rig, end } = await parent('wait');
    const first = await rig.workerctl('stop', '--wait', '300ms');
    expect(first.exitCode, first.all).toBe(124);
    const running = rig.workerctl('stop');
    const said = heard(running);
    await until('a sign of life', () => /waiting for .*mail\.1/.test(said()));
    await end();
    expect((await running).exitCode).toBe(0);
    expect(await bootcheck(rig)).toEqual([]);
  });

  test('watch must start the next one when they are gone, and not look all the time', async () => {
    const { rig, one, old, end } = await parent('wait');
    const { reports, looks, quiet } = await watching(rig);
    process.kill(old, 'SIGKILL');
    await reports('leftovers', { fate: 'awaited' });
    const before = await quiet();
    await until('two more looks', async () => (await looks()) >= before + 2);
    expect(one.process()).toBeUndefined();
    await end();
    await reports('started', { instance: 'mail.1' });
  });
});

test('a worker whose children exit with it must cause no report of them', async () => {
  const rig = createRig({ mail: { command: fixture('has-children') } });
  await rig.start();
  const one = rig.instance('mail.1');
  const old = await booted(one);
  for (const pid of [...childrenOf(rig, one), old]) signal(pid);
  await one.left(old);
  expect((await bootcheck(rig)).map(({ kind }) => kind)).toEqual(['started']);
  expect(readOr(rig.path('.workerctl/mail.1.left'), 'none')).toBe('none');
});
