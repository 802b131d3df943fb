// The recipe of docs/frameworks/sidekiq.md on a real Sidekiq: a process is killed in its job, and the hook pushes the job back.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { until } from '../../rig/wait.ts';
import { frameworks } from './table.ts';
import { createWorld } from './world.ts';

const page = fileURLToPath(new URL('../../../docs/frameworks/sidekiq.md', import.meta.url));

/** The hook as the page has it, with the connection of the application. */
function recipe(): string {
  const code = /```ruby\n([^]*?)```/.exec(readFileSync(page, 'utf8'))?.[1] ?? '';
  const connection = /^Sidekiq\.configure_client .*$/m;
  expect(code).toMatch(connection);
  return code.replace(connection, "require './app'");
}

const lacks = Object.entries(frameworks.sidekiq.needs).some(
  ([, probe]) => spawnSync('sh', ['-c', probe]).status !== 0,
);

if (lacks) console.warn('skipped: the lost hook of sidekiq, because this machine lacks sidekiq');

// Where nothing may be skipped it fails.
test.skipIf(lacks && process.env['WORKERCTL_TEST_FRAMEWORKS'] !== 'required')(
  'a job of a killed Sidekiq must be pushed back by the lost hook, once',
  async () => {
    const world = await createWorld('sidekiq');
    const { rig, workerctl } = world;
    onTestFinished(world.end);
    const hook = join(rig.folder, 'push-back-lost-jobs');
    writeFileSync(hook, recipe());
    world.configure({ count: 2, hooks: { lost: ['ruby', hook] } });
    const { exitCode, all } = await workerctl('start');
    expect(exitCode, all).toBe(0);
    await world.enqueue('precious', 20);
    const { pid } = await world.noteOf('begin', 'precious');
    const redis = async (...words: string[]): Promise<string> =>
      (await rig.run('redis-cli', ['-s', join(rig.folder, 'redis.sock'), ...words])).stdout;
    // Sidekiq writes down what it is doing every 5 seconds.
    await until(
      'the job to be written down',
      async () => {
        const key = (await redis('keys', `*:${pid}:*:workers`)).trim();
        return key !== '' && (await redis('hvals', key)).includes('precious');
      },
      60_000,
    );
    process.kill(pid, 'SIGKILL');
    await until(
      'the hook',
      async () => {
        await workerctl('bootcheck');
        const { stdout } = await workerctl('events', '--kind', 'hook_run', '--json');
        return stdout.includes('pushed back');
      },
      60_000,
    );
    await until(
      'another process to begin it',
      () => world.notes('precious').filter(({ what }) => what === 'begin').length === 2,
      60_000,
    );
    const begins = world.notes('precious').filter(({ what }) => what === 'begin');
    expect(begins.map((note) => note.pid === pid)).toEqual([true, false]);
    expect((await redis('llen', 'queue:jobs')).trim()).toBe('0');
    await workerctl('stop', '--now');
  },
);
