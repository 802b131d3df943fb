import { basename } from 'node:path';
import { expect, test } from 'vitest';
import { booted } from '../rig/instance.ts';
import { stateOf } from '../rig/kernel.ts';
import type { StatusJson } from '../rig/output.ts';
import { fixture } from '../rig/programs.ts';
import { createRig, statesOf, statusOf } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';

const drains = { command: fixture('drains-after-job') };
const escape = String.fromCharCode(27);

test('status must show a line for each instance, a summary, and end with 0 when all are ready', async () => {
  const rig = createRig({
    mail: { ...drains, count: 2 },
    images: { ...drains, identifiers: ['a'] },
  });
  await rig.start();
  const { exitCode, stdout, stderr } = await rig.workerctl('status');
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  const lines = stdout.split('\n');
  expect(lines[0]).toMatch(/^INSTANCE +STATE +PID +UPTIME/);
  for (const [index, name] of ['mail.1', 'mail.2', 'images.a'].entries()) {
    const pid = String(rig.instance(name).pid());
    expect(lines[index + 1]).toMatch(new RegExp(`^${name} +ready +${pid} +\\d\\S*s`));
  }
  expect(lines.at(-1)).toBe('3 wanted, 3 up, 3 ready');
});

test('status --json must have the same, under schema 2', async () => {
  const rig = createRig({ mail: drains });
  await rig.start();
  const { exitCode, stdout } = await rig.workerctl('status', '--json');
  expect(exitCode).toBe(0);
  expect(JSON.parse(stdout)).toEqual({
    schema: 2,
    wanted_is_known: true,
    state_problem: null,
    wanted: 1,
    up: 1,
    ready: 1,
    quiet: 0,
    done: 0,
    ok: true,
    instances: [
      {
        instance: 'mail.1',
        worker: 'mail',
        state: 'ready',
        pid: rig.instance('mail.1').pid(),
        uptime_seconds: expect.any(Number) as number,
        release: basename(rig.folder),
        outdated: false,
        activity: null,
        usual_seconds: null,
        restarts: 0,
        restarts_unexpected: 0,
        cpu_seconds: expect.any(Number) as number,
        rss_bytes: expect.any(Number) as number,
        memory_bytes: null,
        unit: null,
        leftovers: [],
        failures: 0,
        start_problem: null,
        log_problem: null,
        starts_at: null,
        detail: '',
      },
    ],
    counts: [],
    releases: { mail: basename(rig.folder) },
    rollouts: [],
    pins: [],
    not_run: [],
    distrust: null,
  });
  const asVariable = await rig.workerctlWith({ WORKERCTL_JSON: '1' }, 'status');
  expect(JSON.parse(asVariable.stdout)).toMatchObject({ schema: 2 });
});

test('status must know ready, starting, draining, stopped, missing and surplus, and end with 3', async () => {
  const workers = {
    healthy: drains,
    starting: { ...drains, ready: { after: '1h' } },
    draining: drains,
    stopped: drains,
    missing: drains,
    surplus: { ...drains, count: 2 },
  };
  const rig = createRig(workers);
  expect((await rig.workerctl('start', '--no-wait')).exitCode).toBe(0);
  for (const name of Object.keys(workers)) await booted(rig.instance(`${name}.1`));
  await rig.instance('draining.1').giveJob();
  await rig.workerctl('restart', '--no-wait', 'draining');
  await rig.workerctl('stop', 'stopped');
  const dead = await booted(rig.instance('missing.1'));
  process.kill(dead, 'SIGKILL');
  await rig.instance('missing.1').left(dead);
  rig.configure({ ...workers, surplus: drains });

  const { exitCode, stdout } = await rig.workerctl('status', '--json');
  expect(exitCode).toBe(3);
  const status = JSON.parse(stdout) as StatusJson;
  expect(
    Object.fromEntries(status.instances.map(({ instance, state }) => [instance, state])),
  ).toEqual({
    'healthy.1': 'ready',
    'starting.1': 'starting',
    'draining.1': 'draining',
    'stopped.1': 'stopped',
    'missing.1': 'missing',
    'surplus.1': 'ready',
    'surplus.2': 'surplus',
  });
  expect(status).toMatchObject({ wanted: 5, up: 5, ready: 2, ok: false });
  const detail = new Map(status.instances.map((each) => [each.instance, each.detail]));
  for (const [name, fact] of [
    ['draining.1', /restart/],
    ['stopped.1', /\S+@\S+/],
    ['missing.1', new RegExp(`${dead}.*SIGKILL`)],
  ] as const)
    expect(detail.get(name), name).toMatch(fact);

  const table = await rig.workerctl('status');
  expect(table.exitCode).toBe(3);
  expect(table.stdout).toMatch(/^missing\.1 +missing +- +- /m);
  for (const count of ['5 wanted', '5 up', '2 ready', '1 starting', '1 draining', '1 missing'])
    expect(table.stdout).toContain(count);
});

test('status before the first start must show all missing, end with 3 and make no file', async () => {
  const rig = createRig({ mail: drains });
  const { exitCode, stdout, stderr } = await rig.workerctl('status');
  expect({ exitCode, stderr }).toEqual({ exitCode: 3, stderr: '' });
  expect(stdout).toMatch(/^mail\.1 +missing /m);
  expect((await rig.shell('ls -A')).stdout.split('\n')).toEqual(['bin', 'workerctl.yaml']);
});

test('an instance that was stopped on purpose must not make status fail', async () => {
  const rig = createRig({ mail: { ...drains, count: 2 } });
  await rig.start();
  await rig.workerctl('stop', 'mail.2');
  expect((await rig.workerctl('status')).exitCode).toBe(0);
  expect(await statusOf(rig)).toMatchObject({ wanted: 1, up: 1, ready: 1, ok: true });
  expect(await statesOf(rig)).toEqual(['mail.1 ready', 'mail.2 stopped']);
});

test('a worker that SIGSTOP has stopped must be frozen, and not ready', async () => {
  const rig = createRig({ mail: drains });
  await rig.start();
  const pid = await booted(rig.instance('mail.1'));
  process.kill(pid, 'SIGSTOP');
  await until('it to stop', () => stateOf(pid) === 'T');
  const { exitCode, stdout } = await rig.workerctl('status');
  expect(exitCode).toBe(3);
  expect(stdout).toMatch(/^mail\.1 +frozen .*kill -CONT/m);
  expect(await statusOf(rig)).toMatchObject({ wanted: 1, up: 1, ready: 0, ok: false });
});

test('status must mark instances that will be replaced and were not asked yet', async () => {
  const rig = createRig({ mail: { ...drains, count: 2 } });
  await rig.start();
  await rig.instance('mail.1').giveJob();
  await rig.workerctl('restart', '--no-wait');
  const { stdout } = await rig.workerctl('status', '--json');
  expect(JSON.parse(stdout)).toMatchObject({
    instances: [
      { state: 'draining', outdated: true },
      { state: 'ready', outdated: true },
    ],
    rollouts: [{ aborted: null }],
  });
  const table = await rig.workerctl('status');
  expect(table.stdout).toMatch(/^mail\.1 +draining /m);
  expect(table.stdout).toMatch(/^mail\.2 +ready .*outdated/m);
});

test('status of an instance must show only a restart that it is in, with something behind its colon', async () => {
  const rig = createRig({ mail: { ...drains, count: 2 }, maps: drains });
  await rig.start();
  await rig.instance('mail.1').giveJob();
  await rig.workerctl('restart', '--no-wait', 'mail.1');
  expect((await rig.workerctl('status')).stdout).toMatch(/^restart of .*: 1 under way$/m);
  expect((await rig.workerctl('status', 'mail.1')).stdout).toMatch(/^restart of .*: 1 under way$/m);
  for (const target of ['mail.2', 'maps']) {
    expect((await rig.workerctl('status', target)).stdout).not.toMatch(/restart of .*:/);
    expect((await statusOf(rig, target)).rollouts).toEqual([]);
  }
});

test('targets and globs must choose what status shows', async () => {
  const rig = createRig({ mail: { ...drains, count: 2 }, maps: drains, images: drains });
  const shown = async (...targets: string[]): Promise<string[]> =>
    (await statusOf(rig, ...targets)).instances.map(({ instance }) => instance);
  expect(await shown()).toEqual(['mail.1', 'mail.2', 'maps.1', 'images.1']);
  expect(await shown('mail')).toEqual(['mail.1', 'mail.2']);
  expect(await shown('mail.2', 'images')).toEqual(['mail.2', 'images.1']);
  expect(await shown('ma*')).toEqual(['mail.1', 'mail.2', 'maps.1']);
  expect(await shown('*.1')).toEqual(['mail.1', 'maps.1', 'images.1']);
  expect(await shown('ma?s')).toEqual(['maps.1']);
});

test('an unknown target must end with 2 and list what there is', async () => {
  const rig = createRig({ mail: { ...drains, count: 2 } });
  for (const verb of ['status', 'start', 'stop', 'restart']) {
    const { exitCode, stdout, stderr } = await rig.workerctl(verb, 'mial');
    expect({ verb, exitCode, stdout }).toEqual({ verb, exitCode: 2, stdout: '' });
    expect(stderr).toMatch(/mial[^]*mail/);
  }
  expect((await rig.workerctl('status', 'mail.3')).exitCode).toBe(2);
});

test('status whose reader has gone must not break', async () => {
  const rig = createRig({ mail: { ...drains, count: 50 } });
  const { exitCode, all } = await rig.shell(
    '{ workerctl status; echo "$?" >code; } | true; cat code',
  );
  expect({ exitCode, all }).toEqual({ exitCode: 0, all: '3' });
});

test('restart whose reader has gone must go on to its end', async () => {
  const rig = createRig({ mail: { ...drains, count: 3 } });
  await rig.start();
  const { all } = await rig.shell('{ workerctl restart; echo "$?" >code; } | head -1; cat code');
  expect(all).toMatch(/^\d\d:\d\d:\d\d mail\.1: .*\n0$/);
  for (const name of ['mail.1', 'mail.2', 'mail.3'])
    expect(rig.instance(name).boots()).toHaveLength(2);
});

test('no escape codes must reach a pipe', async () => {
  const rig = createRig({ mail: drains });
  for (const args of [['status'], ['start'], ['restart'], ['bootcheck', '-v'], ['--help']])
    expect((await rig.workerctl(...args)).all).not.toContain(escape);
});

test('a terminal must get colours, unless NO_COLOR is set, and whole lines', async () => {
  const rig = createRig({ mail: drains });
  const onTerminal = (command: string) =>
    rig.shell(`TERM=xterm-256color script --quiet --return --command '${command}' /dev/null`);
  const coloured = await onTerminal('workerctl status');
  expect(coloured.exitCode).toBe(3);
  expect(coloured.stdout).toContain(`${escape}[31mmissing${escape}[39m`);
  const plain = await onTerminal('NO_COLOR=1 workerctl status');
  expect(plain.stdout).not.toContain(escape);
  expect(plain.stdout).toMatch(/^mail\.1 +missing /m);
});

test('--state and -q must choose what is shown, and the exit code must stay that of all', async () => {
  const rig = createRig({ mail: { ...drains, count: 3 } });
  await rig.start('mail.1', 'mail.2');
  const none = await rig.workerctl('status', '--state', 'backoff');
  expect(none.stdout).toMatch(/^no instance is backoff\n\n3 wanted, 2 up, 2 ready, 1 missing$/);
  expect(none.exitCode).toBe(3);
  const names = await rig.workerctl('status', '-q', '--state', 'ready', '--sort', 'uptime');
  expect(names.stdout.split('\n').sort()).toEqual(['mail.1', 'mail.2']);
  const json = await rig.workerctl('status', '--json', '--state', 'missing,late');
  expect(JSON.parse(json.stdout)).toMatchObject({
    wanted: 3,
    ready: 2,
    instances: [{ instance: 'mail.3', state: 'missing' }],
  });
  const one = await rig.workerctl('status', 'mail.1', '--state', 'late');
  expect(one.stdout).toMatch(/^no instance is late\n/);
  const chosen = await rig.workerctl('status', '--columns', 'state,instance', '--sort', 'state');
  expect(chosen.stdout).toMatch(/^STATE +INSTANCE\nmissing +mail\.3\nready +mail\.[12]\n/);
});

test.each([
  [['--sort', 'age'], /--sort: expected one of instance, state/],
  [['--columns', 'instance,uptme'], /found "uptme"; did you mean uptime\?/],
  [['--columns', ''], /--columns: expected columns, found ""/],
  [['--format', 'json', '--wide'], /expected no --wide/],
  [['--json', '-q'], /expected no --quiet/],
  [['--format=prometheus', 'mail'], /expected no targets, found mail/],
  [['-q', '--columns', 'state'], /expected -q or --columns/],
])('status %j must be refused, and nothing printed', async (words, problem) => {
  const { exitCode, stdout, stderr } = await createRig({ mail: drains }).workerctl(
    'status',
    ...words,
  );
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(problem);
  if (!words.includes('--json')) expect(stdout).toBe('');
});

test('a check plugin must have the codes of a plugin, and 3 for every error of workerctl', async () => {
  const rig = createRig({ mail: { ...drains, count: 2 } });
  await rig.start('mail.1');
  const check = async (...words: string[]) => {
    const { exitCode, stdout } = await rig.workerctl('status', '--format', 'nagios', ...words);
    expect(stdout.split('\n')).toHaveLength(1);
    return [exitCode, /^WORKERCTL (\w+) - /.exec(stdout)?.[1]];
  };
  expect(await check('mail.1')).toEqual([0, 'OK']);
  expect(await check()).toEqual([2, 'CRITICAL']);
  expect(await check('mial')).toEqual([3, 'UNKNOWN']);
  expect(await check('--nope')).toEqual([3, 'UNKNOWN']);
  expect(await check('--state', 'ready')).toEqual([3, 'UNKNOWN']);
  rig.writeConfig('workers: [');
  expect(await check()).toEqual([3, 'UNKNOWN']);
  expect(await check('--config', 'none.yaml')).toEqual([3, 'UNKNOWN']);
});

test('memory must be that of the process, and of its whole session for a single instance', async () => {
  const rig = createRig({ mail: drains });
  await rig.start();
  const [found] = (await statusOf(rig)).instances;
  expect(found).toMatchObject({ memory_bytes: null, rss_bytes: expect.any(Number) as number });
  const [one] = (await statusOf(rig, 'mail.1')).instances;
  expect(one?.memory_bytes).toEqual(expect.any(Number));
});
