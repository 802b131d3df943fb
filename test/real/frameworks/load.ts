// The load test: 20 jobs a second for 20 s, while all instances are restarted twice and their number changes. Each job must
// begin once and end once.
import { expect } from 'vitest';
import { pause, until } from '../../rig/wait.ts';
import type { World } from './world.ts';

const jobs = 400;

const everyMs = 50;

/** What is done at which job. */
const acts: Readonly<Record<number, readonly string[]>> = {
  60: ['restart'],
  140: ['want', '5', 'job'],
  200: ['restart'],
  300: ['want', '2', 'job'],
};

export async function load(world: World): Promise<string> {
  const prefix = `load${world.notes().length}-`;
  const running: Promise<void>[] = [];
  const startedAt = performance.now();
  for (let index = 0; index < jobs; index++) {
    const act = acts[index];
    if (act !== undefined) running.push(succeeds(world, act));
    running.push(world.enqueue(`${prefix}${index}`, 0.05));
    await pause(Math.max(0, startedAt + (index + 1) * everyMs - performance.now()));
  }
  for (const one of await Promise.allSettled(running))
    if (one.status === 'rejected') throw one.reason;
  await until('the end of all jobs', () => ended(world, prefix).size === jobs, 60_000).catch(
    () => undefined,
  );
  const times = countsOf(world);
  const wrong = Array.from({ length: jobs }, (_, index) => `${prefix}${index}`).flatMap((job) => {
    const { begin = 0, end = 0 } = times.get(job) ?? {};
    return begin === 1 && end === 1 ? [] : [`${job}: ${begin} begun, ${end} ended`];
  });
  expect(wrong).toEqual([]);
  await succeeds(world, ['want', '--reset', 'job']);
  return `${jobs} of ${jobs}`;
}

async function succeeds(world: World, words: readonly string[]): Promise<void> {
  const { exitCode, all } = await world.workerctl(...words);
  // 5: the second restart has taken over the first.
  expect([0, 5], `${words.join(' ')}: ${all}`).toContain(exitCode);
}

const ended = (world: World, prefix: string): ReadonlySet<string> =>
  new Set(
    world
      .notes()
      .filter(({ what, job }) => what === 'end' && job.startsWith(prefix))
      .map(({ job }) => job),
  );

function countsOf(world: World) {
  const counts = new Map<string, { begin: number; end: number }>();
  for (const { job, what } of world.notes()) {
    const one = counts.get(job) ?? { begin: 0, end: 0 };
    if (what === 'begin') one.begin++;
    else one.end++;
    counts.set(job, one);
  }
  return counts;
}
