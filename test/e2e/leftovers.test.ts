import { describe, expect, test } from 'vitest';
import {
  booted,
  createRig,
  eventsIn,
  fixture,
  processAt,
  readOr,
  until,
  type EventJson,
  type InstanceHandle,
  type Rig,
} from './rig.ts';
import { heard, statusOf } from './rollout-rig.ts';
import { watching } from './watch-rig.ts';

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
    await until(() => !children.some(isThere), 'the children to be gone');
  };
  return { rig, one, old, children, end };
}

/** Its main process was killed, and nobody has looked yet. */
async function orphans(leftovers: string): Promise<Orphans> {
  const made = await parent(leftovers);
  process.kill(made.old, 'SIGKILL');
  await made.one.left(made.old);
  return made;
}

/** What it does; that it tells of each death is the topic of deaths.test.ts. */
const bootcheck = async (rig: Rig): Promise<EventJson[]> => {
  const { all, exitCode } = await rig.workerctl('bootcheck', '--json');
  expect(exitCode).toBe(0);
  return eventsIn(all).filter(({ kind }) => kind !== 'died' && kind !== 'lost');
};

const detailOf = async (rig: Rig): Promise<string> =>
  (await statusOf(rig)).instances[0]?.detail ?? '';

const named = ([one, two]: readonly number[]): string => `${one} (sleep), ${two} (sleep)`;
const toldOf = (old: number, children: readonly number[], fate: string): object => ({
  kind: 'leftovers',
  instance: 'mail.1',
  pid: old,
  processes: children.map((pid) => ({ pid, name: 'sleep' })),
  fate,
});

describe('where they are left', () => {
  test('a start must not wait for them; they are told once, and shown while they live', async () => {
    const { rig, old, children, end } = await orphans('leave');
    const [started, told, ...more] = await bootcheck(rig);
    expect(started).toMatchObject({ kind: 'started', instance: 'mail.1' });
    expect(told).toMatchObject(toldOf(old, children, 'left'));
    expect(more).toEqual([]);
    expect(await bootcheck(rig)).toEqual([]);
    const words = `2 processes of pid ${old} are left: ${named(children)}`;
    expect(await detailOf(rig)).toBe(words);
    await end();
    expect(await detailOf(rig)).toBe('');
  });

  test('stop must tell of them and leave them alone', async () => {
    const { rig, old, children } = await parent('leave');
    const { stdout, exitCode } = await rig.workerctl('stop');
    expect(exitCode).toBe(0);
    const words = `2 processes of pid ${old} are left: ${named(children)}`;
    expect(stdout).toContain(`has left`);
    expect(stdout).toContain(`: exit status 0; ${words}\n`);
    expect(await detailOf(rig)).toContain(words);
    expect(children.every(isThere)).toBe(true);
  });

  test('watch must tell of them after it has started the next one', async () => {
    const { rig, old, children } = await parent('leave');
    const { says } = await watching(rig);
    process.kill(old, 'SIGKILL');
    const text = await says(/mail\.1: started [^]*are left: .*\n/);
    expect(text).toContain(`2 processes of pid ${old} are left: ${named(children)}`);
  });
});

describe('where they are killed', () => {
  test('the pass that sees the death must kill them before it starts the next one', async () => {
    const { rig, old, children } = await orphans('kill');
    const [told, started, ...more] = await bootcheck(rig);
    expect(told).toMatchObject(toldOf(old, children, 'killed'));
    expect(started).toMatchObject({ kind: 'started', instance: 'mail.1' });
    expect(more).toEqual([]);
    expect(children.filter(isThere)).toEqual([]);
    expect(await bootcheck(rig)).toEqual([]);
    expect(await detailOf(rig)).toBe('');
  });

  test('stop must kill them, and nobody before', async () => {
    const { rig, old, children } = await parent('kill');
    const { all, exitCode } = await rig.workerctl('stop', '--json');
    expect(exitCode).toBe(0);
    expect(eventsIn(all)).toContainEqual(expect.objectContaining(toldOf(old, children, 'killed')));
    expect(children.filter(isThere)).toEqual([]);
    expect(readOr(rig.path('.workerctl/mail.1.exit'), '')).toContain('"status":0');
  });
});

describe('where they are waited for', () => {
  test('nothing must be started while they live; that is told once, and shown', async () => {
    const { rig, one, old, children, end } = await orphans('wait');
    const [told, ...more] = await bootcheck(rig);
    expect(told).toMatchObject(toldOf(old, children, 'awaited'));
    expect(more).toEqual([]);
    expect(await bootcheck(rig)).toEqual([]);
    expect(one.process()).toBeUndefined();
    expect(await detailOf(rig)).toMatch(
      new RegExp(
        `^pid ${old} died .*; waits for 2 processes of pid ${old}: ${children[0]} \\(sleep\\), `,
      ),
    );
    await end();
    expect((await bootcheck(rig)).map(({ kind }) => kind)).toEqual(['started']);
    expect(await bootcheck(rig)).toEqual([]);
    expect(await detailOf(rig)).toBe('');
  });

  test.each(['start', 'restart'])(
    '%s must wait for them, say so, and start then',
    async (command) => {
      const { rig, one, old, children, end } = await orphans('wait');
      const running = rig.workerctl(command);
      const said = heard(running);
      await until(
        () => said().includes(`1 down: mail.1 (waits for 2 processes of pid ${old}`),
        'a sign of life',
      );
      expect(one.boots()).toEqual([old]);
      expect(children.every(isThere)).toBe(true);
      await end();
      const { exitCode, stdout } = await running;
      expect(exitCode, stdout).toBe(0);
      expect(one.process()).toBeDefined();
    },
  );

  test('stop must wait for them, also when it is said again', async () => {
    const { rig, end } = await parent('wait');
    const first = await rig.workerctl('stop', '--wait', '300ms');
    expect(first.exitCode, first.all).toBe(124);
    const running = rig.workerctl('stop');
    const said = heard(running);
    await until(() => said().includes('1 down: mail.1 (waits for 2 processes'), 'a sign of life');
    await end();
    expect((await running).exitCode).toBe(0);
    expect(await bootcheck(rig)).toEqual([]);
  });

  test('watch must start the next one when they are gone, and not look all the time', async () => {
    const { rig, one, old, end } = await parent('wait');
    const { says, looks, quiet } = await watching(rig);
    process.kill(old, 'SIGKILL');
    await says(/nothing is started while they live/);
    const before = await quiet();
    await until(async () => (await looks()) >= before + 2, 'two more looks');
    expect(one.process()).toBeUndefined();
    await end();
    await says(/mail\.1: started/);
  });
});

test('a worker whose children go with it must cause no word about them', async () => {
  const rig = createRig({ mail: { command: fixture('has-children') } });
  await rig.start();
  const one = rig.instance('mail.1');
  const old = await booted(one);
  for (const pid of [...childrenOf(rig, one), old]) process.kill(pid, 'SIGKILL');
  await one.left(old);
  expect((await bootcheck(rig)).map(({ kind }) => kind)).toEqual(['started']);
  expect(readOr(rig.path('.workerctl/mail.1.left'), 'none')).toBe('none');
});
