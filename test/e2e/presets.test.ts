import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { booted } from '../rig/instance.ts';
import { finishJob, giveJob, signals, tells } from '../rig/jobs.ts';
import { fixture } from '../rig/programs.ts';
import { createRig, type WorkerKeys } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';

const of = (preset: string, keys: WorkerKeys = {}): WorkerKeys => ({ ...tells, preset, ...keys });

test('check must show what came from the preset, whether it was run, and what to mind', async () => {
  const rig = createRig({
    mail: { command: 'sleep 9', preset: 'sidekiq', stop: { quiet: 'USR1' } },
  });
  const { exitCode, stdout, stderr } = await rig.workerctl('check');
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^ {4}preset: sidekiq # run with 6\.4\.1$/m);
  expect(stdout).toMatch(/^ {4}# TSTP cannot be undone/m);
  expect(stdout).toMatch(/^ {6}signal: TERM # from the preset sidekiq$/m);
  expect(stdout).toMatch(/^ {6}quiet: USR1$/m);
  expect(stdout).toMatch(/^ {6}log: Running in ruby # from the preset sidekiq$/m);
  expect(stderr).toMatch(/:\d+:\d+: workers\.mail\.command: sidekiq: it gives its jobs 25s \(its/);

  rig.configure({ mail: { command: 'sleep 9', preset: 'resque' } });
  expect((await rig.workerctl('check')).stdout).toMatch(
    /^ {4}preset: resque # not run, from its documentation$/m,
  );
  const { stdout: json } = await rig.workerctl('check', '--json');
  expect(JSON.parse(json)).toMatchObject({
    presets: [
      {
        worker: 'mail',
        preset: 'resque',
        ran_with: [],
        keys: [
          'stop.signal',
          'stop.quiet',
          'stop.resume',
          'stop.leftovers',
          'ready.after',
          'busy.title',
        ],
      },
    ],
  });
});

test('an unknown preset must be an error that names the one that was meant', async () => {
  const rig = createRig({ mail: { command: 'sleep 9', preset: 'celry' } });
  const { exitCode, stderr } = await rig.workerctl('check');
  expect(exitCode).toBe(78);
  expect(stderr).toMatch(/workers\.mail\.preset: .*found "celry"; did you mean "celery"\?/);
});

test('a worker must be asked with the signals of its preset, also by a command that reads the kept config', async () => {
  const { ready, command } = tells;
  const rig = createRig({
    mail: { command, ready, preset: 'bullmq', restart: { finisher: false } },
  });
  await rig.start();
  const mail = rig.instance('mail.1');
  const pid = await giveJob(rig, mail, 'job 1');
  expect((await rig.workerctl('bootcheck')).exitCode).toBe(0);
  const folder = join(rig.stateDir, '.new');
  expect(readdirSync(folder)).toContain('config');
  expect(readFileSync(join(folder, 'config'), 'utf8')).toMatch(/"quiet":\s*"USR2"/);
  const stopping = rig.act('stop');
  await until('its USR2', () => signals(rig, mail).length > 0);
  finishJob(rig, pid);
  const { exitCode } = await stopping;
  expect(exitCode).toBe(0);
  expect(signals(rig, mail)).toEqual([`USR2 ${pid}`, `TERM ${pid}`]);
});

test('stop must say what to mind while a job runs, once for the worker, and not if all are idle', async () => {
  const rig = createRig({ mail: of('dramatiq', { ready: tells['ready'], count: 2 }) });
  await rig.start();
  const pids = [];
  for (const name of ['mail.1', 'mail.2'])
    pids.push(await giveJob(rig, rig.instance(name), `job of ${name}`));
  const { events, exitCode } = await rig.act('stop', '--no-wait');
  expect(exitCode).toBe(0);
  expect(events.filter(({ kind }) => kind === 'trap')).toEqual([
    expect.objectContaining({
      instance: 'mail',
      preset: 'dramatiq',
      trap: expect.stringMatching(/^a second TERM kills/) as string,
    }),
    expect.objectContaining({
      trap: expect.stringMatching(/^it cuts messages 10m \(its default\)/) as string,
    }),
  ]);
  const text = await rig.workerctl('stop', '--no-wait');
  expect(text.all).toMatch(/^\S+ mail: dramatiq: a second TERM kills/m);
  for (const pid of pids) finishJob(rig, pid);
  expect((await rig.workerctl('stop')).exitCode).toBe(0);

  rig.configure({
    mail: { command: fixture('idle'), preset: 'dramatiq', ready: { after: '1ms' } },
  });
  const idle = createRig({ mail: of('dramatiq', { ready: tells['ready'] }) });
  await idle.start();
  const pid = await giveJob(idle, idle.instance('mail.1'), 'job 1');
  finishJob(idle, pid);
  await until('it to be idle', async () =>
    (await idle.workerctl('status')).stdout.includes('idle'),
  );
  const { of: kinds } = await idle.act('stop');
  expect(kinds('trap')).toEqual([]);
});

test('doctor must warn of what the config can change, and only mention the rest', async () => {
  const rig = createRig({
    mail: { command: fixture('idle'), preset: 'rq', ready: { after: '1ms' } },
  });
  await rig.start();
  await booted(rig.instance('mail.1'));
  const { stdout } = await rig.workerctl('doctor', '--json');
  const { findings } = JSON.parse(stdout) as {
    findings: { check: string; level: string; about: string; found: string }[];
  };
  const told = findings
    .filter(({ check }) => check === 'presets')
    .map(({ level, about, found }) => `${level} ${about}: ${found}`);
  expect(told).toEqual([
    'ok preset of mail: rq: run with 1.13',
    expect.stringMatching(/^warning workers\.mail\.stop\.quiet: a TERM can lose the job/),
    expect.stringMatching(/^warning workers\.mail\.command: it imports nothing of the application/),
    expect.stringMatching(/^ok preset of mail: mind: its title says that it is busy only if/),
  ]);
});

test('doctor must say which preset a command without one would have, and its traps', async () => {
  const rig = createRig({
    web: { command: ['sh', '-c', 'exec puma -w 2 --preload'], ready: { notify: true } },
    mail: { command: fixture('idle') },
  });
  const { stdout } = await rig.workerctl('doctor', '--json');
  const { findings } = JSON.parse(stdout) as {
    findings: { check: string; level: string; about: string; found: string }[];
  };
  const told = findings.filter(({ check }) => check === 'presets');
  expect(told.map(({ level, about, found }) => `${level} ${about}: ${found}`)).toEqual([
    "ok preset of web: none, but its command is Puma's: preset: puma has settings for it",
    expect.stringMatching(/^warning workers\.web\.ready\.notify: .*sends no READY=1/),
  ]);
});
