// What is reported of deaths: the journal against what the test did to real processes; hooks.
import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readOr } from '../rig/files.ts';
import { booted } from '../rig/instance.ts';
import { deathOf, problemOf, type DeathJson } from '../rig/output.ts';
import { fixture } from '../rig/programs.ts';
import { createRig, type Rig, type WorkerKeys } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';

const mortal = {
  command: fixture('dies-as-told'),
  backoff: { reset: '0s', min_run: '0s' },
  lost_grace: '0s',
};

interface Line {
  readonly kind: string;
  readonly instance: string;
  readonly [member: string]: unknown;
}

/** What the journal has of these kinds, in order. */
const told = (rig: Rig, ...kinds: string[]): Line[] =>
  readOr(join(rig.stateDir, 'events.ndjson'), '')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line)
    .filter(({ kind }) => kinds.includes(kind));

/** A worker that says this of its work, runs, and is ready. */
async function started(more: WorkerKeys = {}, says?: string): Promise<{ rig: Rig; pid: number }> {
  const rig = createRig({ mail: { ...mortal, ...more } });
  if (says !== undefined) writeFileSync(rig.path('mail.1.says'), `${says}\n`);
  await rig.start();
  return { rig, pid: await booted(rig.instance('mail.1')) };
}

/** Lets it die in this way, and the next bootcheck see it. */
async function die({ rig, pid }: { rig: Rig; pid: number }, how: string): Promise<string> {
  writeFileSync(rig.path('mail.1.how.new'), `${how}\n`);
  execFileSync('mv', [rig.path('mail.1.how.new'), rig.path('mail.1.how')]);
  await rig.instance('mail.1').left(pid);
  const { exitCode, all } = await rig.workerctl('bootcheck');
  expect(exitCode, all).toBe(0);
  return all;
}

test.each<[string, DeathJson]>([
  ['kill -KILL', { signal: 'SIGKILL' }],
  ['kill -ABRT', { signal: 'SIGABRT' }],
  ['kill -SEGV', { signal: 'SIGSEGV' }],
  ['kill -TERM', { signal: 'SIGTERM' }],
  ['exit 134', { status: 134 }],
  ['exit 3', { status: 3 }],
])('%s in a job must be reported with its job, and the job as lost', async (how, death) => {
  const one = await started({}, 'busy job 212');
  const all = await die(one, how);
  const { rig, pid } = one;
  expect(told(rig, 'died')).toEqual([
    expect.objectContaining({
      instance: 'mail.1',
      pid,
      verdict: 'unexpected',
      job: 'job 212',
    }),
  ]);
  expect(told(rig, 'died').map(deathOf)).toEqual([death]);
  expect(told(rig, 'died')[0]).toMatchObject({ log: ['last words'], command: 'bootcheck' });
  expect(told(rig, 'job_lost')).toEqual([
    expect.objectContaining({ instance: 'mail.1', pid, job: 'job 212' }),
  ]);
  expect(told(rig, 'job_lost').map(deathOf)).toEqual([death]);
  expect(all).toMatch(new RegExp(`mail\\.1: .*${pid}.*job 212`));
  // Reported once: the next bootcheck has nothing to say.
  expect((await rig.workerctl('bootcheck')).all).toBe('');
  expect(told(rig, 'died', 'job_lost')).toHaveLength(2);
});

test('exit 0 unasked must be noted, and nothing be called lost', async () => {
  const one = await started({}, 'idle');
  await die(one, 'exit 0');
  expect(told(one.rig, 'died')).toEqual([
    expect.objectContaining({ pid: one.pid, verdict: 'unexpected' }),
  ]);
  expect(told(one.rig, 'died').map(deathOf)).toEqual([{ status: 0 }]);
  expect(told(one.rig, 'job_lost')).toEqual([]);
});

test('if it is unknown whether a worker had a job, that must be called lost after the grace, and the worker must be replaced at once', async () => {
  const one = await started({ lost_grace: '1s' });
  const before = Date.now();
  await die(one, 'kill -KILL');
  const { rig, pid } = one;
  expect(await booted(rig.instance('mail.1'))).not.toBe(pid);
  await until('its job to be called lost', async () => {
    await rig.workerctl('bootcheck');
    return told(rig, 'job_lost').length > 0;
  });
  const [died, lost] = told(rig, 'died', 'job_lost');
  expect(lost).toMatchObject({ pid, run_id: died?.['run_id'] });
  expect(lost).not.toHaveProperty('job');
  // From the death on, which may be reported later than that.
  expect(Date.parse(String(lost?.['at'])) - before).toBeGreaterThanOrEqual(1_000);
});

test('a death that was asked for must be noted as requested, with its cause and without a loss', async () => {
  const { rig, pid } = await started({}, 'busy job 212');
  expect((await rig.workerctl('restart')).exitCode).toBe(0);
  expect(told(rig, 'died')).toEqual([
    expect.objectContaining({ pid, verdict: 'requested', job: 'job 212' }),
  ]);
  expect(told(rig, 'died')[0]?.['cause']).toMatch(/restart/);
  expect(told(rig, 'died').map(deathOf)).toEqual([{ status: 0 }]);
  expect(told(rig, 'job_lost')).toEqual([]);
  expect(told(rig, 'rollout_finished')).toEqual([
    expect.objectContaining({ instance: 'mail', instance_count: 1 }),
  ]);
});

test('a TERM from outside while it boots must be no loss', async () => {
  const rig = createRig({ mail: { ...mortal, ready: { after: '1h' } } });
  await rig.workerctl('start', '--no-wait');
  const pid = await booted(rig.instance('mail.1'));
  await die({ rig, pid }, 'kill -TERM');
  expect(told(rig, 'died')).toEqual([expect.objectContaining({ pid, verdict: 'requested' })]);
  expect(told(rig, 'job_lost')).toEqual([]);
});

test('a worker whose shim was killed must be noted with an unknown status, and not with a guess', async () => {
  const { rig, pid } = await started({}, 'idle');
  process.kill(Number(rig.instance('mail.1').record()['shim_pid']), 'SIGKILL');
  process.kill(pid, 'SIGKILL');
  await until('it to be gone', () => rig.instance('mail.1').process() === undefined);
  await rig.workerctl('bootcheck');
  const [died] = told(rig, 'died');
  expect(died).toMatchObject({ pid, verdict: 'unexpected' });
  expect(deathOf(died)).toEqual({ unknown: expect.stringMatching(/no report/) as string });
});

test('a stop whose job was lost to the limit must say so', async () => {
  const rig = createRig({ mail: { ...mortal, command: fixture('ignores-term') } });
  await rig.start();
  const { exitCode, all } = await rig.workerctl('stop', '--now');
  expect(exitCode, all).toBe(0);
  const [died] = told(rig, 'died');
  expect(died).toMatchObject({ verdict: 'requested' });
  expect(deathOf(died)).toEqual({ signal: 'SIGKILL' });
  expect(died?.['cause']).toMatch(/limit/);
  expect(told(rig, 'job_lost')).toHaveLength(1);
});

test('a worker that dies in a loop must be noted each time, and each pause once', async () => {
  const rig = createRig({
    mail: {
      ...mortal,
      command: ['sh', '-c', 'exit 7'],
      backoff: { initial: '500ms', max: '2s' }, // longer than a command takes on a busy machine
    },
  });
  await until('three deaths', async () => {
    await rig.workerctl('bootcheck');
    return told(rig, 'died').length >= 3;
  });
  const deaths = told(rig, 'died');
  expect(new Set(deaths.map(({ run_id: runId }) => runId)).size).toBe(deaths.length);
  for (const death of deaths) {
    expect(death).toMatchObject({ verdict: 'unexpected' });
    expect(deathOf(death)).toEqual({ status: 7 });
  }
  // A pause that was over before a command looked is not reported; the others are, each once, longer and longer.
  const pauses = told(rig, 'backoff').map(({ delay_seconds: delay }) => Number(delay));
  expect(pauses.length).toBeGreaterThan(0);
  expect(pauses).toEqual([...pauses].sort((one, other) => one - other));
  const near = (pause: unknown): number | undefined =>
    [0.5, 1, 1.6].find((least) => Number(pause) >= least && Number(pause) <= least * 1.25);
  for (const pause of pauses) expect(near(pause), String(pause)).toBeDefined();
});

test('a worker that runs out of the memory that ulimit allows must be noted with its last log lines', async () => {
  const hungry = 'echo eating; exec node -e "const a=[]; for(;;) a.push(Buffer.alloc(1e6,1))"';
  const rig = createRig({
    mail: {
      ...mortal,
      command: ['sh', '-c', `sleep 0.3; ${hungry}`],
      env: { PATH: process.env['PATH'] ?? '' },
      limits: { as: '700MB', core: 0 },
    },
  });
  await rig.workerctl('start', '--no-wait');
  await until('its death', async () => {
    await rig.workerctl('bootcheck');
    return told(rig, 'died').length > 0;
  });
  const [died] = told(rig, 'died');
  expect(died?.['verdict']).toBe('unexpected');
  expect(died).not.toHaveProperty('out_of_memory');
  expect(JSON.stringify(died?.['log'])).toContain('eating');
});

/** A hook that keeps its input. */
const keeps = {
  lost: ['sh', '-c', 'cat >>hooked; echo "$WORKERCTL_HOOK $WORKERCTL_INSTANCE $WORKERCTL_JOB"'],
};

test('the hook lost must get JSON and variables, and its output must be in the journal', async () => {
  const one = await started({ hooks: keeps }, 'busy job 212');
  await die(one, 'kill -KILL');
  const { rig, pid } = one;
  expect(JSON.parse(readFileSync(rig.path('hooked'), 'utf8'))).toMatchObject({
    kind: 'job_lost',
    instance: 'mail.1',
    pid,
    job: 'job 212',
  });
  expect(told(rig, 'hook_run')).toEqual([
    expect.objectContaining({ hook: 'lost', output: ['lost mail.1 job 212'] }),
  ]);
  await rig.workerctl('bootcheck');
  expect(told(rig, 'hook_run')).toHaveLength(1);
  expect(existsSync(join(rig.stateDir, 'hooks'))).toBe(false);
});

test('all jobs of a process must be lost with it, in one event and one call of the hook', async () => {
  const names = Array.from({ length: 7 }, (_, index) => `job ${index + 1}`);
  const lines = names.map((name, index) => `${1_768_474_800 + index} ${name}`);
  const script = 'cat >>hooked; echo "$WORKERCTL_JOB"; echo "$WORKERCTL_JOBS" | wc -l';
  const set = `jobs 7\n${lines.toReversed().join('\n')}`;
  const one = await started({ hooks: { lost: ['sh', '-c', script] } }, set);
  const { stdout } = await one.rig.workerctl('status');
  expect(stdout).toMatch(/^mail\.1 .* job 1 for \S+( \S+)? \+6$/m);
  await die(one, 'kill -KILL');
  const { rig, pid } = one;
  const jobs = { pid, job: 'job 1', jobs: names, job_count: 7 };
  expect(told(rig, 'died')).toEqual([expect.objectContaining(jobs)]);
  expect(told(rig, 'job_lost')).toEqual([expect.objectContaining(jobs)]);
  expect(JSON.parse(readFileSync(rig.path('hooked'), 'utf8'))).toMatchObject(jobs);
  expect(told(rig, 'hook_run')).toEqual([
    expect.objectContaining({ hook: 'lost', output: ['job 1', '7'] }),
  ]);
});

test('a hook whose command was killed half way must be run again, and no other command must wait for it', async () => {
  const slow = '[ -e again ] || { : >began; exec sleep 1000; }; : >ran';
  const one = await started({ hooks: { lost: ['sh', '-c', slow] } }, 'busy job 212');
  const { rig, pid } = one;
  writeFileSync(rig.path('mail.1.how'), 'kill -KILL\n');
  await rig.instance('mail.1').left(pid);
  const first = rig.workerctl('bootcheck');
  await until('the hook to run', () => existsSync(rig.path('began')));
  // The pass is over: others find their worker up, and do not run the same hook beside.
  expect((await rig.workerctl('bootcheck')).exitCode).toBe(0);
  expect((await rig.workerctl('restart')).exitCode).toBe(0);
  first.kill('SIGKILL');
  await first;
  writeFileSync(rig.path('again'), '');
  expect((await rig.workerctl('bootcheck')).exitCode).toBe(0);
  expect(existsSync(rig.path('ran'))).toBe(true);
  expect(told(rig, 'hook_run')).toHaveLength(1);
});

test('a hook that does not end must be killed and reported as failed', async () => {
  const hooks = { lost: ['sh', '-c', 'echo begun; sleep 1000'], timeout: '300ms' };
  const one = await started({ hooks }, 'busy job 212');
  const all = await die(one, 'kill -KILL');
  expect(all).toMatch(/mail\.1: .*hook lost/);
  const [run] = told(one.rig, 'hook_run');
  expect(run).toMatchObject({ output: ['begun'] });
  expect(problemOf(run)).toContain('0.3s');
});

test('a hook that cannot be run must be reported, and stop nothing', async () => {
  const one = await started({ hooks: { lost: ['/nowhere/hook'] } }, 'busy job 212');
  const all = await die(one, 'kill -KILL');
  expect(all).toMatch(/mail\.1: .*hook lost/);
  expect(one.rig.instance('mail.1').boots()).toHaveLength(2);
});

test('the hooks backoff and rollout must be run', async () => {
  const says = ['sh', '-c', 'cat >>hooked'];
  const rig = createRig({
    mail: {
      ...mortal,
      ready: { after: '1s' },
      command: ['sh', '-c', '[ -e fine ] && exec sleep 1000; exit 7'],
      hooks: { backoff: says, rollout: says },
    },
  });
  const kinds = (): string[] =>
    readOr(rig.path('hooked'), '')
      .split('\n')
      .filter(Boolean)
      .map((line) => (JSON.parse(line) as Line).kind);
  await until('the hook backoff', async () => {
    await rig.workerctl('bootcheck');
    return kinds().includes('backoff');
  });
  writeFileSync(rig.path('fine'), '');
  await rig.workerctl('restart');
  await rig.workerctl('restart');
  expect(kinds()).toContain('rollout_finished');
});

test('the state directory must hold no hook of a worker that has none', async () => {
  const one = await started({}, 'busy job 212');
  await die(one, 'kill -KILL');
  expect(readdirSync(one.rig.stateDir).filter((name) => name.startsWith('hooks'))).toEqual([]);
});

test('an error far above the last lines must be shown, and 40 lines kept', async () => {
  const one = await started();
  const frames = Array.from({ length: 60 }, (_, n) => `\tat shop.Mail.send${n}(Mail.java:${n})`);
  const trace = `shop.DownException: no \u001b[31mqueue\nat all redis://:s3cr3t@db\n${frames.join('\n')}\n`;
  appendFileSync(one.rig.path('log/mail.1.log'), trace);
  const all = await die(one, 'exit 1');
  const error = 'shop.DownException: no queue';
  expect(all).toContain(`status 1; its log says: ${error}\n`);
  const [died] = told(one.rig, 'died');
  expect(died).toMatchObject({ log_error: error, log: frames.slice(-40) });
  for (const command of ['events', 'status'] as const)
    expect((await one.rig.workerctl(command, 'mail.1')).stdout).toContain(error);
});

test('a start that fails must say why, above the last lines', async () => {
  const frames = Array.from({ length: 20 }, (_, n) => `\tfrom w.rb:${n}:in \`each'`).join('\n');
  const command = ['sh', '-c', 'cat trace; exit 1'];
  const rig = createRig({ mail: { command, ready: { after: '10s' } } });
  writeFileSync(rig.path('trace'), `w.rb:1:in \`run': no queue (RuntimeError)\n${frames}\n`);
  const { exitCode, all } = await rig.workerctl('start');
  expect(exitCode, all).toBe(1);
  expect(all).toContain("its log says: w.rb:1:in `run': no queue (RuntimeError)\n");
  expect(all).toContain("  | \tfrom w.rb:19:in `each'\n");
});
