// What each framework must do under workerctl: one entry per scenario, one function for all frameworks. Each begins with three
// ready instances on the current release, and leaves them so. It returns its figures.
import { expect } from 'vitest';
import { isAlive, signal } from '../../rig/kernel.ts';
import { timePasses, until } from '../../rig/wait.ts';
import { load } from './load.ts';
import type { InstanceStatus, World } from './world.ts';

export type ScenarioName = keyof typeof scenarios;

type Scenario = (world: World) => Promise<string>;

const longSeconds = 6;

/** A replacement becomes ready in this time also on a busy machine. */
const overlapSeconds = 15;

export const scenarios = {
  ready: async (world) => {
    const startedAt = performance.now();
    await succeeds(world, 'start');
    const took = since(startedAt);
    await allReady(world);
    await world.enqueue('first', 0.1);
    await world.noteOf('end', 'first');
    return took;
  },

  busy: async (world) => {
    const { job, name } = await beginLongJob(world, 2);
    const shown = world.framework.saysBusy
      ? await until('the job in status', async () => {
          const instance = (await world.status()).find(({ instance }) => instance === name);
          return instance?.activity?.state === 'busy' && (instance.activity.job ?? 'busy');
        })
      : '–';
    await endsOnce(world, job);
    return shown;
  },

  restart: async (world) => {
    const before = world.pids();
    const { job, pid } = await beginLongJob(world);
    const startedAt = performance.now();
    await succeeds(world, 'restart');
    const took = since(startedAt);
    expect((await endsOnce(world, job)).pid).toBe(pid);
    await allReplaced(world, before);
    return took;
  },

  'restart twice': async (world) => {
    const before = world.pids();
    const { job, pid } = await beginLongJob(world);
    const startedAt = performance.now();
    await succeeds(world, 'restart', '--no-wait');
    await until('the worker with the job to drain', async () =>
      (await world.status()).some(({ pid: one, state }) => one === pid && state === 'draining'),
    );
    await succeeds(world, 'restart');
    const took = since(startedAt);
    expect((await endsOnce(world, job)).pid).toBe(pid);
    await allReplaced(world, before);
    return took;
  },

  'stop and start': async (world) => {
    const { job } = await beginLongJob(world, 3);
    const startedAt = performance.now();
    await succeeds(world, 'stop');
    const took = since(startedAt);
    await endsOnce(world, job);
    expect([...world.pids().values()].filter(isAlive)).toEqual([]);
    await world.enqueue('kept', 0.1);
    await succeeds(world, 'start');
    await endsOnce(world, 'kept');
    return took;
  },

  overlap: async (world) => {
    const { ready } = world.framework.worker as { ready?: { after?: string } };
    // Both processes write to one log.
    if (ready?.after === undefined) world.configure({ ready: { after: '3s' } });
    const { job, name, pid } = await beginLongJob(world, overlapSeconds);
    const startedAt = performance.now();
    const restart = world.workerctl('restart', '--overlap', name);
    await until(
      'the replacement beside it',
      async () => {
        const all = await world.status();
        return all.some((one) => one.instance === name && one.state === 'ready' && one.pid !== pid);
      },
      overlapSeconds * 1000,
    );
    const beside = since(startedAt);
    expect(world.notes(job).map(({ what }) => what)).toEqual(['begin']);
    const { exitCode, all } = await restart;
    expect(exitCode, all).toBe(0);
    expect((await endsOnce(world, job)).pid).toBe(pid);
    await until('the end of the old process', async () => {
      await world.workerctl('bootcheck');
      return !isAlive(pid);
    });
    world.configure();
    return `beside it after ${beside}`;
  },

  quiet: async (world) => {
    const { job } = await beginLongJob(world, 2);
    await succeeds(world, 'quiet');
    await endsOnce(world, job);
    await world.enqueue('unwanted', 0.1);
    await timePasses(1500);
    expect(world.notes('unwanted')).toEqual([]);
    await succeeds(world, 'resume');
    await endsOnce(world, 'unwanted');
    await allReady(world);
    return 'holds';
  },

  'kill -9': async (world) => {
    const { job, pid, name } = await beginLongJob(world);
    signal(pid, 'SIGKILL');
    await until('its death', () => !isAlive(pid));
    await until(
      'three ready instances after bootcheck',
      async () => {
        await world.workerctl('bootcheck');
        return world.pids().get(name) !== pid && (await isAllReady(world));
      },
      60_000,
    );
    const { killed } = world.framework;
    if (killed !== 'lost') await endsAgain(world, job);
    expect(world.notes(job).filter(({ what }) => what === 'begin').length).toBe(
      killed === 'redone' ? 2 : 1,
    );
    return killed;
  },

  'bad release': async (world) => {
    const before = world.pids();
    const { job, pid } = await beginLongJob(world, 3);
    world.deploy('bad', true);
    const startedAt = performance.now();
    const { exitCode, all } = await world.workerctl('restart');
    const took = since(startedAt);
    expect(exitCode, all).toBe(1);
    await endsOnce(world, job);
    const kept = [...before].filter(([name, one]) => world.pids().get(name) === one);
    expect(kept.length).toBeGreaterThanOrEqual(1);
    expect(kept.map(([, one]) => one).every(isAlive)).toBe(true);
    world.deploy('r2');
    await succeeds(world, 'restart');
    await allReady(world);
    expect(world.notes(job).map((note) => note.pid)).toEqual([pid, pid]);
    return `${took}, ${kept.length} of 3 kept`;
  },

  rollback: async (world) => {
    world.configure({ restart: { on_failure: 'rollback' } });
    world.deploy('worse', true);
    const startedAt = performance.now();
    const { exitCode, all } = await world.workerctl('restart');
    const took = since(startedAt);
    expect(exitCode, all).toBe(1);
    await until('all to run the old release', async () => {
      await world.workerctl('bootcheck');
      const status = await world.status();
      return status.every(({ state, release }) => state === 'ready' && release === 'r2');
    });
    await world.enqueue('after', 0.1);
    await endsOnce(world, 'after');
    world.deploy('r3');
    world.configure();
    await succeeds(world, 'restart');
    await allReady(world);
    return took;
  },

  heartbeat: async (world) => {
    world.configure({ heartbeat: { timeout: '12s' } });
    await succeeds(world, 'restart');
    const watch = world.workerctl('watch');
    const [name = '', pid = 0] = [...world.pids()][0] ?? [];
    signal(pid, 'SIGSTOP');
    const startedAt = performance.now();
    await until('its death', () => !isAlive(pid), 60_000);
    const took = since(startedAt);
    await until('its replacement', () => (world.pids().get(name) ?? pid) !== pid, 60_000);
    await allReady(world);
    watch.kill('SIGTERM');
    const { all } = await watch;
    expect(all).toMatch(new RegExp(`Watchdog killing worker ${pid} `));
    expect(all.match(/Watchdog killing worker/g)).toHaveLength(1);
    world.configure();
    await succeeds(world, 'restart');
    return took;
  },

  load,
} as const satisfies Record<string, Scenario>;

/** Three ready instances of a good release, whatever the scenario before has left. */
export async function settle(world: World): Promise<void> {
  world.configure();
  world.deploy('settled');
  await succeeds(world, 'want', '--reset', 'job');
  await world.workerctl('resume');
  await succeeds(world, 'start');
  await allReady(world);
}

/** A job runs, on an instance that is known. */
async function beginLongJob(world: World, seconds = longSeconds) {
  const job = `long${world.notes().length}`;
  await world.enqueue(job, seconds);
  const { pid } = await world.noteOf('begin', job);
  const name = [...world.pids()].find(([, one]) => one === pid)?.[0];
  if (name === undefined) throw new Error(`pid ${pid}, which runs ${job}, is no instance`);
  return { job, pid, name };
}

async function endsOnce(world: World, job: string) {
  const end = await world.noteOf('end', job);
  const notes = world.notes(job).map(({ what, pid }) => `${what} ${pid}`);
  expect(notes).toEqual([`begin ${end.pid}`, `end ${end.pid}`]);
  return end;
}

const endsAgain = (world: World, job: string) =>
  until(`the end of ${job}`, () => world.notes(job).some(({ what }) => what === 'end'), 60_000);

async function succeeds(world: World, ...words: string[]): Promise<string> {
  const { exitCode, all } = await world.workerctl(...words);
  expect(exitCode, `${words.join(' ')}: ${all}`).toBe(0);
  return all;
}

async function isAllReady(world: World): Promise<false | readonly InstanceStatus[]> {
  const status = await world.status();
  return status.length === 3 && status.every(({ state }) => state === 'ready') && status;
}

const allReady = (world: World): Promise<readonly InstanceStatus[]> =>
  until('three ready instances', () => isAllReady(world), 60_000);

async function allReplaced(world: World, before: ReadonlyMap<string, number>): Promise<void> {
  const now = await allReady(world);
  for (const { instance, pid } of now) expect(pid).not.toBe(before.get(instance));
  expect([...before.values()].filter(isAlive)).toEqual([]);
}

const since = (startedAt: number): string =>
  `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
