import { expect, test } from 'vitest';
import { finishJob, giveJob, put, tells } from '../rig/jobs.ts';
import { eventsIn, resultIn } from '../rig/output.ts';
import { fixture, heard } from '../rig/programs.ts';
import { createRig, type Rig } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';

const actions = { GITHUB_ACTIONS: 'true' };

async function running(count = 2): Promise<Rig> {
  const rig = createRig({ mail: { ...tells, count } });
  await rig.start();
  return rig;
}

test('in a GitHub workflow a failure must be annotated with its log, and only that', async () => {
  const rig = await running();
  put(rig, 'broken');
  const { exitCode, stdout } = await rig.workerctlWith(actions, 'restart');
  expect(exitCode).toBe(1);
  const annotations = stdout.split('\n').filter((line) => line.startsWith('::'));
  expect(annotations).toHaveLength(1);
  expect(annotations[0]).toMatch(
    /^::error title=workerctl%3A mail\.1::mail\.1: .*%0A.*mail\.1\.log.*%0Acannot load the new code$/,
  );
});

test('in a GitHub workflow a restart without a failure must have no annotation', async () => {
  const rig = await running();
  const { exitCode, stdout } = await rig.workerctlWith(actions, 'restart');
  expect(exitCode).toBe(0);
  expect(stdout).not.toContain('::');
});

test('elsewhere, and with --json, there must be no annotation', async () => {
  const rig = createRig({ mail: { ...tells, command: fixture('dies-at-boot') } });
  const plain = await rig.workerctl('start');
  expect(plain.exitCode).toBe(1);
  expect(plain.stdout).not.toContain('::');
  const json = await rig.workerctlWith(actions, 'restart', '--json');
  expect(json.exitCode).toBe(1);
  expect(json.stdout).not.toContain('::');
  expect(resultIn(json.stdout)).toMatchObject({ exit_code: 1 });
});

test('without a terminal restart must print dated lines without escapes, at once', async () => {
  const rig = await running();
  const old = await giveJob(rig, rig.instance('mail.1'), 'job 1');
  const restarting = rig.workerctl('restart');
  const said = heard(restarting);
  await until('the line while it goes on', () => /mail\.1: .*\n/.test(said()));
  finishJob(rig, old);
  const { exitCode, stdout } = await restarting;
  expect(exitCode).toBe(0);
  expect(stdout).not.toContain('\x1b');
  const lines = stdout.split('\n');
  for (const line of lines.slice(0, -1)) expect(line).toMatch(/^\d\d:\d\d:\d\d mail\.\d[: ]/);
  expect(lines.at(-1)).toMatch(/^2 of 2 .*none killed$/);
});

test('--json must print each event as a line when it happens, and one result at the end', async () => {
  const rig = await running();
  const old = await giveJob(rig, rig.instance('mail.1'), 'job 1');
  const restarting = rig.workerctl('restart', '--json');
  const said = heard(restarting);
  await until('the event while it goes on', () =>
    /"kind":"draining".*"instance":"mail\.1"|"instance":"mail\.1".*"kind":"draining"/.test(said()),
  );
  expect(said()).not.toContain('"kind":"result"');
  finishJob(rig, old);
  const { exitCode, stdout, stderr } = await restarting;
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  expect(resultIn(stdout)).toMatchObject({
    command: 'restart',
    outcome: 'done',
    exit_code: 0,
    draining: [],
    pending: [],
  });
  for (const event of eventsIn(stdout)) {
    expect(event.at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    // That the restart is over is told of the worker.
    expect(event.instance).toMatch(event.kind === 'rollout_finished' ? /^mail$/ : /^mail\.[12]$/);
  }
});

test('--json must have one result, too, for a restart that was aborted, and for one whose wait is over', async () => {
  const rig = await running();
  put(rig, 'broken');
  const aborted = await rig.workerctl('restart', '--json');
  expect(aborted.exitCode).toBe(1);
  expect(resultIn(aborted.stdout)).toMatchObject({
    outcome: 'aborted',
    exit_code: 1,
    pending: ['mail.2'],
  });
  expect(eventsIn(aborted.stdout).at(-1)).toMatchObject({
    kind: 'rollout_aborted',
    pending_count: 1,
  });

  const old = await giveJob(rig, rig.instance('mail.2'), 'job 2');
  const over = await rig.workerctl('stop', '--json', '--wait', '300ms', 'mail.2');
  expect(over.exitCode).toBe(124);
  expect(resultIn(over.stdout)).toMatchObject({
    command: 'stop',
    outcome: 'timed_out',
    exit_code: 124,
    draining: [{ instance: 'mail.2', pid: old, activity: { state: 'busy', job: 'job 2' } }],
  });
});

test('--json must print an error as one line of JSON, and words to standard error', async () => {
  const rig = await running(1);
  const { exitCode, stdout, stderr } = await rig.workerctl('restart', '--json', 'images');
  expect(exitCode).toBe(2);
  expect(stdout.split('\n')).toHaveLength(1);
  expect(JSON.parse(stdout)).toMatchObject({ schema: 2, error: { code: 'usage' }, exit_code: 2 });
  expect(stderr).toContain('workerctl: target "images"');
});
