// The recipe of docs/hooks.md on a real delayed_job: a worker is killed in its job; its row is free at once, and another
// worker does the job.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { createApplication } from './delayed-job/application.ts';
import { readOr } from '../rig/files.ts';
import { until } from '../rig/wait.ts';
import { createRig } from './rig.ts';

const fromHere = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** The hook as the documentation has it, for an application whose environment is another file. */
function recipe(): string {
  const text = readFileSync(fromHere('../../docs/hooks.md'), 'utf8');
  const code = /```ruby\n([^]*?)```/.exec(text)?.[1] ?? '';
  expect(code).toContain("require_relative '../config/environment'");
  return code.replace(
    "require_relative '../config/environment'",
    `require '${fromHere('delayed-job/app.rb')}'`,
  );
}

test('a killed delayed_job must lose its job to the next worker, and not to a locked row', async () => {
  const rig = createRig();
  onTestFinished(rig.end);
  const application = await createApplication(rig);
  const hook = join(rig.folder, 'release-lost-job');
  writeFileSync(hook, recipe());
  const worker = {
    command: [...application.command, 'run', '--identifier=%i'],
    count: 2,
    env: rig.env,
    hooks: { lost: ['ruby', hook] },
  };
  writeFileSync(
    join(rig.folder, 'workerctl.yaml'),
    JSON.stringify({ log_dir: 'log', workers: { delayed_job: worker } }),
  );
  const { exitCode, all } = await rig.workerctl('start');
  expect(exitCode, all).toBe(0);
  await application.enqueue('precious', 2);
  const begun = await until('the job', () => application.note('begin', 'precious'), 60_000);
  process.kill(begun.pid, 'SIGKILL');
  await until(
    'the hook',
    async () => {
      const check = await rig.workerctl('bootcheck');
      return (
        check.exitCode === 0 &&
        (await rig.workerctl('events', '--kind', 'hook_run', '--json')).stdout.includes(
          '"hook_run"',
        )
      );
    },
    60_000,
  );
  const { stdout } = await rig.workerctl('events', '--kind', 'hook_run', '--json');
  const [first = ''] = stdout.split('\n');
  const result = JSON.parse(first) as { problem?: string; output: string[] };
  expect(result.problem, stdout).toBeUndefined();
  expect(result.output.at(-1)).toMatch(new RegExp(`^1 freed \\(host:.* pid:${begun.pid}\\)$`));
  const ended = await until('the job to end', () => application.note('end', 'precious'), 60_000);
  expect(ended.pid).not.toBe(begun.pid);
  const begins = application
    .notes()
    .filter(({ what, job }) => what === 'begin' && job === 'precious');
  expect(begins.map(({ pid }) => pid)).toEqual([begun.pid, ended.pid]);
  await until('the row to be gone', async () => (await application.rows()).length === 0, 60_000);
  expect(readOr(join(rig.folder, '.workerctl/events.ndjson'), '')).toMatch(
    /"kind":"job_lost".*"job":"job 1"/,
  );
  expect((await rig.workerctl('stop')).exitCode).toBe(0);
});
