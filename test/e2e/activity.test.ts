import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { heartbeatPath } from '../../src/host/state/paths.ts';
import { readRecord } from '../../src/host/state/records.ts';
import { booted } from '../rig/instance.ts';
import { finishJob, giveJob, tells } from '../rig/jobs.ts';
import { endProcess, environmentOf } from '../rig/kernel.ts';
import { eventsIn } from '../rig/output.ts';
import { fixture, heard } from '../rig/programs.ts';
import { createRig, statusOf, type Rig } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';

/** An instance that says nothing about itself, and the file in which it could. */
async function silent(): Promise<{ rig: Rig; heartbeat: string }> {
  const rig = createRig({ mail: { command: fixture('idle') } });
  await rig.start();
  const pid = await booted(rig.instance('mail.1'));
  const { WORKERCTL_HEARTBEAT_FILE: heartbeat = '' } = environmentOf(pid);
  return { rig, heartbeat };
}

const activityOf = async (rig: Rig) => (await statusOf(rig)).instances[0]?.activity;

test('status must show what a worker wrote to its heartbeat file, and nothing if that makes no sense', async () => {
  const { rig, heartbeat } = await silent();
  expect(await activityOf(rig)).toBeNull();
  const said: readonly [text: string, state: string | null, job: string | null][] = [
    ['busy job 212\n', 'busy', 'job 212'],
    ['busy job 212', 'busy', 'job 212'],
    ['busy\n', 'busy', 'a job'],
    ['idle\n', 'idle', null],
    ['busy \x1b[31mred\x1b[0m \u202ejob\r\n', 'busy', '[31mred [0m  job'],
    ['', null, null],
    ['bus', null, null],
    ['busyness\n', null, null],
    ['idle but not really\n', null, null],
    ['\0\xff\xfe\n', null, null],
  ];
  for (const [text, state, job] of said) {
    writeFileSync(heartbeat, text);
    expect(await activityOf(rig), JSON.stringify(text)).toEqual(
      state === null ? null : expect.objectContaining({ state, job }),
    );
  }
  writeFileSync(heartbeat, `busy ${'x'.repeat(100_000)}`);
  expect((await activityOf(rig))?.job).toBe('x'.repeat(200));
});

test('a second line must say when the job began, unless that cannot be', async () => {
  const { rig, heartbeat } = await silent();
  const ago = Math.floor(Date.now() / 1000) - 3600;
  writeFileSync(heartbeat, `busy job 7\n${ago}\n`);
  expect((await rig.workerctl('status')).stdout).toMatch(/job 7.*\b1h/);
  for (const torn of ['-5', '176847', 'yesterday', '9'.repeat(30), '1e9']) {
    writeFileSync(heartbeat, `busy job 7\n${torn}\n`);
    expect((await rig.workerctl('status')).stdout, torn).toMatch(/job 7.*\b\d(\.\d)?s/);
  }
});

test('a FIFO or a folder in its place must neither hang status nor count as an answer', async () => {
  const { rig, heartbeat } = await silent();
  execFileSync('mkfifo', [heartbeat]);
  expect(await activityOf(rig)).toBeNull();
  rmSync(heartbeat);
  mkdirSync(heartbeat);
  expect(await activityOf(rig)).toBeNull();
});

test('a worker must be known to be busy by its process title', async () => {
  const rig = createRig({
    mail: {
      command: fixture('sets-its-title'),
      count: 2,
      busy: { title: '^worker \\[(\\d+ of \\d+) busy' },
    },
  });
  await rig.start();
  expect(await activityOf(rig)).toMatchObject({ state: 'idle', job: null });
  writeFileSync(rig.path('mail.1.work'), '2 of 10\n');
  await until('the title to say so', async () => (await activityOf(rig))?.state === 'busy');
  expect(await activityOf(rig)).toMatchObject({ state: 'busy', job: '2 of 10' });
  expect((await rig.workerctl('status')).stdout).toMatch(/^mail\.1 +ready .* 2 of 10$/m);

  const restarting = rig.workerctl('restart', '--json');
  await rig.instance('mail.1').asked();
  writeFileSync(rig.path('mail.1.work'), '');
  const { exitCode, all } = await restarting;
  expect(exitCode, all).toBe(0);
  const asked = eventsIn(all).filter(({ kind }) => kind === 'draining');
  expect(asked.map(({ instance }) => instance)).toEqual(['mail.2', 'mail.1']);
  const left = eventsIn(all).find(
    ({ kind, instance }) => kind === 'exited' && instance === 'mail.1',
  );
  expect(left).toMatchObject({ job: '2 of 10' });
});

test('neither the title nor the heartbeat file must hide that the other one is busy', async () => {
  const rig = createRig({
    mail: {
      command: fixture('sets-its-title'),
      busy: { title: '^worker \\[(\\d+ of \\d+) busy' },
      lost_grace: '0s',
    },
  });
  await rig.start();
  const pid = await booted(rig.instance('mail.1'));
  const record = readRecord(rig.stateDir, 'mail.1');
  if (record.kind !== 'read') throw new Error('expected a record');
  const heartbeat = heartbeatPath(rig.stateDir, 'mail.1', record.value.runId);
  writeFileSync(heartbeat, 'jobs 2\n1768474800 job 7\n1768474801 job 8\n');
  expect(await activityOf(rig)).toMatchObject({ state: 'busy', job: 'job 7', job_count: 2 });
  writeFileSync(rig.path('mail.1.work'), '2 of 10\n');
  for (const idle of ['jobs 0\n', 'idle\n', '']) {
    writeFileSync(heartbeat, idle);
    await until('its title', async () => (await activityOf(rig))?.job === '2 of 10');
  }
  writeFileSync(heartbeat, 'jobs 1\n1768474800 job 7\n');
  expect(await activityOf(rig)).toMatchObject({ state: 'busy', job: 'job 7', job_count: 1 });

  // The title of a dead process is gone, and the first version of the protocol does not count jobs.
  writeFileSync(heartbeat, 'idle\n');
  await endProcess(pid);
  await rig.act('bootcheck');
  const [loss] = rig.journal('job_lost');
  expect(loss).toMatchObject({ pid });
  expect(loss).not.toHaveProperty('job');
});

test('restart must name the job that it waits for, and the one of the longest drain', async () => {
  const rig = createRig({ mail: { ...tells, count: 2 } });
  await rig.start();
  const mail = rig.instance('mail.1');
  const old = await giveJob(rig, mail, 'job 212');
  const restarting = rig.workerctl('restart');
  const said = heard(restarting);
  await until('a sign of life', () => said().includes('waiting for'));
  expect(said()).toMatch(new RegExp(`waiting for .*\\b1 of 2\\b.*mail\\.1.*${old}.*job 212`));
  const { stdout: table } = await rig.workerctl('status');
  expect(table).toMatch(/^mail\.1 +draining .*job 212/m);
  finishJob(rig, old);
  const { exitCode, stdout } = await restarting;
  expect(exitCode).toBe(0);
  expect(stdout.split('\n').at(-1)).toMatch(/^2 of 2 .*longest .*job 212.*none killed$/);
});
