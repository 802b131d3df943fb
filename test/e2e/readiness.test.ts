import { existsSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { booted, successor } from '../rig/instance.ts';
import { letGo, put, tells } from '../rig/jobs.ts';
import { eventsIn } from '../rig/output.ts';
import { fixture } from '../rig/programs.ts';
import { createRig, expectQuiet, statesOf, statusOf, type Rig } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';

/** Each way in which the program that tells its work can show that it is ready. */
const kinds = {
  log: () => ({ log: '^ready to work$', timeout: '40s' }),
  file: () => ({ file: '%n.up', timeout: '40s' }),
  command: (rig: Rig) => ({ command: ['test', '-e', rig.path('%n.up')], timeout: '40s' }),
} as const;

for (const kind of ['log', 'file', 'command'] as const) {
  test(`start must wait until a worker is ready by its ${kind}, and status tell starting from ready`, async () => {
    const rig = createRig();
    rig.configure({ mail: { ...tells, ready: kinds[kind](rig) } });
    put(rig, 'slow');
    const mail = rig.instance('mail.1');
    const starting = rig.workerctl('start', '--json');
    const pid = await booted(mail);
    expect((await rig.workerctl('status')).exitCode).toBe(3);
    expect(await statesOf(rig)).toEqual(['mail.1 starting']);
    expect(await statusOf(rig)).toMatchObject({ wanted: 1, up: 1, ready: 0 });

    letGo(rig, pid);
    const { exitCode, all } = await starting;
    expect(exitCode, all).toBe(0);
    expect(eventsIn(all).map((event) => event.kind)).toEqual(['started', 'ready']);
    expect((await rig.workerctl('status')).exitCode).toBe(0);
    expect(await statesOf(rig)).toEqual(['mail.1 ready']);
  });
}

test('start must wait until a worker has been running for ready.after', async () => {
  const rig = createRig({ mail: { ...tells, ready: { after: '700ms' } } });
  const { exitCode, all } = await rig.workerctl('start', '--json');
  expect(exitCode, all).toBe(0);
  const ready = eventsIn(all).find(({ kind }) => kind === 'ready');
  const startedAt = Date.parse(String(rig.instance('mail.1').record()['started_at']));
  expect(Date.parse(ready?.at ?? '') - startedAt).toBeGreaterThanOrEqual(700);
});

test('a line that the predecessor wrote to the log must not make a process ready', async () => {
  const rig = createRig({ mail: tells });
  await rig.start();
  const mail = rig.instance('mail.1');
  const old = await booted(mail);
  process.kill(old, 'SIGKILL');
  await mail.left(old);
  put(rig, 'slow');
  const starting = rig.workerctl('start');
  const fresh = await successor(mail, old);
  expect(mail.log()).toBe('ready to work\n');
  expect(await statesOf(rig)).toEqual(['mail.1 starting']);
  letGo(rig, fresh);
  expect((await starting).exitCode).toBe(0);
});

test('a file that is older than the process must not make it ready', async () => {
  const rig = createRig({ mail: { ...tells, ready: kinds.file() } });
  writeFileSync(rig.path('mail.1.up'), '');
  utimesSync(rig.path('mail.1.up'), new Date(), new Date(Date.now() - 5_000));
  put(rig, 'slow');
  const starting = rig.workerctl('start');
  const pid = await booted(rig.instance('mail.1'));
  expect(await statesOf(rig)).toEqual(['mail.1 starting']);
  letGo(rig, pid);
  expect((await starting).exitCode).toBe(0);
});

test('a worker that shows nothing in time must end start with 1 and be late, and be left alone', async () => {
  const rig = createRig({ mail: { ...tells, ready: { ...kinds.log(), timeout: '300ms' } } });
  put(rig, 'slow');
  const { exitCode, story } = await rig.act('start');
  expect(exitCode).toBe(1);
  expect(story('start_failed')).toEqual(['start_failed mail.1']);
  const pid = await booted(rig.instance('mail.1'));
  expect((await rig.workerctl('status')).exitCode).toBe(3);
  expect(await statesOf(rig)).toEqual(['mail.1 late']);
  expect(await statusOf(rig)).toMatchObject({ wanted: 1, up: 1, ready: 0 });
  await expectQuiet(rig);
  expect(rig.instance('mail.1').processes()).toEqual([pid]);
});

test('a worker that dies before it is ready must end start with 1 and its last log lines', async () => {
  const backoff = { initial: '1h', max: '1h' };
  const rig = createRig({ mail: { ...tells, command: fixture('dies-at-boot'), backoff } });
  const { exitCode, of } = await rig.act('start');
  expect(exitCode).toBe(1);
  expect(of('start_failed')).toMatchObject([{ instance: 'mail.1' }]);
  const log = of('start_failed')[0]?.['log'] as string[];
  expect(log.slice(-2)).toEqual(['boot line 14', 'cannot reach the queue']);
  expect(await statesOf(rig)).toEqual(['mail.1 backoff']);
});

test('wanted, up and ready must be three numbers', async () => {
  const rig = createRig({ mail: { ...tells, count: 3 } });
  await rig.start('mail.1');
  put(rig, 'slow');
  await rig.workerctl('start', '--no-wait', 'mail.2');
  await booted(rig.instance('mail.2'));
  const status = await statusOf(rig);
  expect(status).toMatchObject({ wanted: 3, up: 2, ready: 1, ok: false });
  expect(status.instances.map(({ state }) => state)).toEqual(['ready', 'starting', 'missing']);
  const { exitCode, stdout } = await rig.workerctl('status');
  expect(exitCode).toBe(3);
  expect(stdout).toContain('3 wanted, 2 up, 1 ready');
});

test('an instance that was ready must stay so if its log is rotated or its file removed', async () => {
  const rig = createRig({ mail: tells, images: { ...tells, ready: kinds.file() } });
  await rig.start();
  renameSync(rig.path('log/mail.1.log'), rig.path('log/mail.1.log.1'));
  writeFileSync(rig.path('log/mail.1.log'), '');
  rmSync(rig.path('images.1.up'));
  expect(await statesOf(rig)).toEqual(['mail.1 ready', 'images.1 ready']);
  await expectQuiet(rig);
});

test('a readiness command must run in the directory and the environment of its worker', async () => {
  const rig = createRig();
  const command = ['sh', '-c', 'echo "$PWD $GREETING $WORKERCTL_INSTANCE" >"$RIG/%i.seen"'];
  rig.configure({ mail: { ...tells, env: { GREETING: 'hello' }, ready: { command } } });
  await rig.start();
  expect(existsSync(rig.path('1.seen'))).toBe(true);
  const { stdout } = await rig.shell('cat 1.seen');
  expect(stdout).toBe(`${rig.folder} hello mail.1`);
});

for (const kind of ['log', 'file', 'command'] as const)
  test(`with ready.stay a worker must be starting for that long after its ${kind}`, async () => {
    const rig = createRig();
    rig.configure({ mail: { ...tells, ready: { ...kinds[kind](rig), stay: '700ms' } } });
    put(rig, 'slow');
    const mail = rig.instance('mail.1');
    const starting = rig.workerctl('start', '--json');
    const pid = await booted(mail);
    const letGoAt = Date.now();
    letGo(rig, pid);
    const { exitCode, all } = await starting;
    expect(exitCode, all).toBe(0);
    const ready = eventsIn(all).find((event) => event.kind === 'ready');
    expect(Date.parse(ready?.at ?? '') - letGoAt).toBeGreaterThanOrEqual(700);
    expect(await statesOf(rig)).toEqual(['mail.1 ready']);
  });

test('with ready.stay looks alone must find it ready: no pass may come for a minute', async () => {
  const command = ['sh', '-c', 'echo up; exec sleep 1000'];
  const rig = createRig({ mail: { command, ready: { log: '^up$', stay: '1s' } } });
  await rig.workerctl('bootcheck');
  await until('status to say so', async () => (await statesOf(rig)).join() === 'mail.1 ready');
});

/** A master that is up before its workers, and exits when these have died. */
const master = '[ -e bad ] && { echo up; sleep 0.2; exit 3; }; echo up; exec sleep 1000';

test.each([{ log: '^up$' }, { after: '1ms' }])(
  'with ready.stay a master whose workers die at boot must abort a restart: %j',
  async (ready) => {
    const keys = { command: ['sh', '-c', master], count: 2, backoff: { initial: '1m' } };
    const rig = createRig({ mail: { ...keys, ready } });
    expect((await rig.workerctl('start')).exitCode).toBe(0);
    const before = await pidsOf(rig);
    for (const name of ['mail.1', 'mail.2'])
      await until(`${name} to be up`, () => rig.instance(name).log().includes('up'));
    writeFileSync(rig.path('bad'), '');
    rig.configure({ mail: { ...keys, ready: { ...ready, stay: '40s' } } });
    const { exitCode, all } = await rig.workerctl('restart');
    expect(exitCode, all).toBe(1);
    const after = await pidsOf(rig);
    expect(after.filter((pid) => before.includes(pid))).toHaveLength(1);
  },
);

async function pidsOf(rig: Rig): Promise<(number | null)[]> {
  return (await statusOf(rig)).instances.map(({ pid }) => pid);
}
