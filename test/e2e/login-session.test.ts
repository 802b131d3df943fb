// What a command starts must not end with the login that it runs in. These use a stand-in for logind and systemd.
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { linesOf } from '../rig/files.ts';
import { finishJob, giveJob, tells } from '../rig/jobs.ts';
import { fixture } from '../rig/programs.ts';
import { createRig, type Rig, type WorkerKeys } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';
import { watching } from '../rig/watch.ts';

const idle: WorkerKeys = { command: fixture('idle'), ready: { after: '0s' } };

interface Login {
  readonly rig: Rig;
  /** Runs a command in a login session. */
  readonly inside: (...args: string[]) => ReturnType<Rig['workerctlWith']>;
  /** What systemd was asked for. */
  readonly calls: () => string[];
}

/** A login session of which logind says this; its systemd refuses to make scopes. */
function login(workers: Record<string, WorkerKeys>, said: string): Login {
  const rig = createRig(workers);
  mkdirSync(rig.path('bin'), { recursive: true });
  const program = (name: string, script: string): void => {
    writeFileSync(rig.path(`bin/${name}`), `#!/bin/sh\n${script}\n`);
    chmodSync(rig.path(`bin/${name}`), 0o755);
  };
  program('loginctl', `printf '${said}'`);
  program('busctl', `echo "$*" >>${rig.path('calls')}; echo 'Call failed: denied' >&2; exit 1`);
  const env = {
    PATH: `${rig.path('bin')}:${process.env['PATH'] ?? ''}`,
    WORKERCTL_TEST_GROUP: '/user.slice/user-1000.slice/session-5.scope',
  };
  return {
    rig,
    inside: (...args) => rig.workerctlWith(env, ...args),
    calls: () => linesOf(rig.path('calls')),
  };
}

const warning = /login: the workers belong to this login \(session-5\.scope\) and are killed/g;

test('workers that a logout will kill must be warned of, once, and a finisher not be left there', async () => {
  const { rig, inside } = login(
    { mail: { ...tells, count: 2, restart: { finisher: true } } },
    'KillUserProcesses=yes\\nLinger=no\\n',
  );
  const started = await inside('start');
  expect(started.exitCode, started.all).toBe(0);
  const pid = await giveJob(rig, rig.instance('mail.1'), 'job 1');
  const restarted = await inside('restart', 'mail.1', '--wait', '300ms');
  expect(restarted.exitCode, restarted.all).toBe(124);
  expect(restarted.all).toContain('the next bootcheck');
  expect(restarted.all).not.toContain('a background process');
  // As root it was tried, and refused.
  for (const { all } of [started, restarted]) expect(all.match(warning)).toHaveLength(1);
  finishJob(rig, pid);
});

test('a command that starts nothing, and one beside a watch, must not ask systemd for anything', async () => {
  const { rig, inside, calls } = login({ mail: idle }, 'KillUserProcesses=yes\\nLinger=yes\\n');
  await rig.start();
  const watch = await watching(rig);
  for (const words of [['hold'], ['unhold'], ['stop'], ['start'], ['restart'], ['bootcheck']]) {
    const { exitCode, all } = await inside(...words);
    expect(exitCode, all).toBe(0);
    expect(all).not.toMatch(warning);
  }
  expect(calls()).toEqual([]);
  watch.send('SIGTERM');
  await watch.running;
  const stopped = await inside('stop');
  expect(stopped.exitCode, stopped.all).toBe(0);
  expect(calls()).toEqual([]);
});

test('a user who lingers must get a scope, or the reason why not', async () => {
  const { inside, calls } = login({ mail: idle }, 'KillUserProcesses=yes\\nLinger=yes\\n');
  const { exitCode, all } = await inside('start');
  expect(exitCode, all).toBe(0);
  expect(all).toContain('a scope of their own could not be made: Call failed: denied');
  expect(calls()).toHaveLength(1);
  expect(calls()[0]).toMatch(
    /StartTransientUnit .* workerctl-start-[0-9a-f]{8}\.scope ignore-dependencies 7 /,
  );
  expect(calls()[0]).toMatch(
    / Before as 1 workerctl\.slice .*TimeoutStopUSec t 18446744073709551615 PIDs au 1 \d+ 0$/,
  );
});

test('workers that a logout leaves must be warned of a shutdown, and a finisher be left there', async () => {
  const { rig, inside } = login(
    { mail: { ...tells, restart: { finisher: true } } },
    'KillUserProcesses=no\\nLinger=no\\n',
  );
  const started = await inside('start');
  expect(started.exitCode, started.all).toBe(0);
  expect(started.all.match(/ login: .*a shutdown of the host kills them/g)).toHaveLength(1);
  const pid = await giveJob(rig, rig.instance('mail.1'), 'job 1');
  const restarted = await inside('restart', '--wait', '300ms');
  expect(restarted.exitCode, restarted.all).toBe(124);
  expect(restarted.all).toContain('a background process');
  finishJob(rig, pid);
  await until('the finisher to restart it', () => rig.journal('rollout_finished').length === 1);
});

describe('an operation', () => {
  test('must get a scope of its own, also beside a watch, which knows nothing of it', async () => {
    const { rig, inside, calls } = login({ mail: idle }, 'KillUserProcesses=yes\\nLinger=yes\\n');
    await rig.start();
    const watch = await watching(rig);
    for (const command of ['restart', 'stop']) {
      const { exitCode, all } = await inside(command, `--op=${command}`);
      expect(exitCode, all).toBe(0);
      expect(calls().at(-1)).toContain(` workerctl-${command}-`);
    }
    expect(calls()).toHaveLength(2);
    expect((await inside('op', 'attach', 'stop')).exitCode).toBe(0);
    expect((await inside('stop', '--op=stop')).exitCode).toBe(0);
    expect(calls(), 'nothing is begun for a known id').toHaveLength(2);
    watch.send('SIGTERM');
    await watch.running;
  });

  test('that a logout will end must be begun all the same, and say so once', async () => {
    const { rig, inside } = login({ mail: tells }, 'KillUserProcesses=yes\\nLinger=no\\n');
    await rig.start();
    const begun = await inside('restart', '--op=a', '--detach');
    expect(begun.exitCode, begun.all).toBe(0);
    expect(begun.stderr.match(warning)).toHaveLength(1);
    const attached = await inside('op', 'attach', 'a');
    expect(attached.exitCode, attached.all).toBe(0);
    expect(rig.instance('mail.1').boots()).toHaveLength(2);
  });
});
