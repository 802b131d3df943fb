// Five jobs at a time in one process of a framework, or in five of its own, with the files of docs/heartbeat.
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { saidIn } from '../../rig/concurrent-jobs.ts';
import { isAlive } from '../../rig/kernel.ts';
import { journalOf } from '../../rig/journal.ts';
import { until } from '../../rig/wait.ts';
import { isMissing } from './needs.ts';
import { frameworks, type FrameworkName } from './table.ts';
import { createWorld, type World } from './world.ts';

const jobs = 60;

const several: readonly [
  title: string,
  name: FrameworkName,
  worker: Readonly<Record<string, unknown>>,
][] = [
  ['sidekiq, threads', 'sidekiq', {}],
  ['celery, processes', 'celery', { command: 'celery -A app worker -c 5 -n %n@%%h -l INFO' }],
  [
    'celery, threads',
    'celery',
    { command: 'celery -A app worker -P threads -c 5 -n %n@%%h -l INFO' },
  ],
  ['bullmq, promises', 'bullmq', { command: 'env CONCURRENCY=5 node worker.mjs' }],
];

for (const [title, name, worker] of several) {
  if (isMissing(title, frameworks[name].needs)) continue;
  test(`five jobs at a time of ${title}, must be counted`, async () => {
    const world = await createWorld(name);
    onTestFinished(world.end);
    world.configure({ count: 1, backoff: { initial: '1ms', max: '1ms' }, ...worker });
    const { exitCode, all } = await world.workerctl('start');
    expect(exitCode, all).toBe(0);

    const enqueued = Array.from({ length: jobs }, (_unused, index) =>
      world.enqueue(`short${index}`, 0.02 + (index % 7) / 50),
    );
    await sampled(world);
    await Promise.all(enqueued);
    await until('it to be idle', () => said(world)?.kind === 'idle', 60_000);

    for (let index = 0; index < 5; index += 1) await world.enqueue(`long${index}`, 6);
    await until('five jobs', () => running(world).length === 5, 60_000);
    expect(said(world)).toMatchObject({ kind: 'busy', count: 5 });
    const pid = world.pids().get('job.1') ?? 0;
    process.kill(-pid, 'SIGKILL');
    await until('its death', () => !isAlive(pid));
    await until('a replacement', async () => {
      await world.workerctl('bootcheck');
      return (world.pids().get('job.1') ?? pid) !== pid;
    });
    const [loss] = journalOf(stateDir(world), ['job_lost']);
    expect(loss).toMatchObject({ pid, job_count: 5 });
    expect(new Set(loss?.['jobs'] as string[]).size).toBe(5);
  });
}

const stateDir = (world: World): string => join(world.rig.folder, '.workerctl');

const said = (world: World) => saidIn(stateDir(world), 'job.1');

function running(world: World): string[] {
  const notes = world.notes();
  const ended = new Set(notes.filter(({ what }) => what === 'end').map(({ job }) => job));
  return notes.filter(({ what, job }) => what === 'begin' && !ended.has(job)).map(({ job }) => job);
}

/** Looks again and again until all short jobs have ended: it must be busy with all that run during a look. */
async function sampled(world: World): Promise<void> {
  let most = 0;
  await until(
    'the end of all jobs',
    () => {
      const before = running(world);
      const activity = said(world);
      const after = new Set(running(world));
      const lasting = before.filter((job) => after.has(job));
      if (lasting.length > 0) {
        if (activity?.kind !== 'busy')
          throw new Error(`${JSON.stringify(activity)} while ${lasting.join()} ran`);
        expect(activity.count).toBeGreaterThanOrEqual(lasting.length);
        expect(activity.count).toBeLessThanOrEqual(5);
      }
      most = Math.max(most, lasting.length);
      return world.notes().filter(({ what }) => what === 'end').length === jobs;
    },
    60_000,
  );
  expect(most).toBeGreaterThan(1);
}
