// A person's command in the place of a worker: exec, shell and env.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readOr } from '../rig/files.ts';
import { booted } from '../rig/instance.ts';
import { environmentOf, isAlive, signal } from '../rig/kernel.ts';
import { fixture, isRoot } from '../rig/programs.ts';
import { createRig, statesOf, type Rig, type WorkerKeys } from '../rig/rig.ts';
import { atTerminal } from '../rig/terminal.ts';
import { until } from '../rig/wait.ts';

const idle = { command: fixture('idle') };

/** A worker with all that a launch sets. */
const full = (rig: Rig): WorkerKeys => ({
  ...idle,
  count: 2,
  directory: 'app',
  umask: '027',
  nice: 3,
  oom_score_adj: 200,
  limits: { nofile: 321, core: 0 },
  no_new_privs: true,
  env: { GREETING: "it's\t%i", RIG: rig.folder },
  env_files: ['app.env'],
  pass_env: ['NOTIFY_SOCKET', 'PASSED'],
  heartbeat: { timeout: '1h' },
});

function rigInFull(): Rig {
  const rig = createRig();
  mkdirSync(rig.path('app'));
  writeFileSync(rig.path('app/app.env'), 'FROM_FILE="a b"\n');
  writeFileSync(rig.path('app.env'), 'FROM_FILE="a b"\n');
  rig.configure({ mail: full(rig) });
  return rig;
}

const caller = {
  NOTIFY_SOCKET: '/nowhere',
  PASSED: 'on',
  WORKERCTL_CONFIG: '',
  SECRET: 'of-shell',
};

/** What a process is, besides its environment, as /proc has it. */
const facts = `for file in limits oom_score_adj; do cat /proc/self/$file; done; pwd; umask; nice
grep -E '^(NoNewPrivs|Uid|Gid|Groups|SigIgn|SigBlk)' /proc/self/status`;

test('exec must be what a worker is, but for what marks a worker', async () => {
  const rig = rigInFull();
  writeFileSync(rig.path('app/facts'), facts);
  const shows = ['sh', '-c', 'sh ./facts >facts.worker; exec sleep 1000000'];
  rig.configure({ mail: { ...full(rig), command: shows, count: 1 } });
  const started = await rig.workerctlWith(caller, 'start');
  expect(started.exitCode, started.all).toBe(0);
  const pid = rig.instance('mail.1').pid() ?? 0;
  await until('its facts', () => existsSync(rig.path('app/facts.worker')));
  const { stdout, exitCode } = await rig.workerctlWith(
    caller,
    ...['exec', '--', 'sh', '-c', 'sh ./facts; cmp facts.worker facts.worker; env >env.mine'],
  );
  expect(exitCode).toBe(0);
  const worker = await rig.shell('cat app/facts.worker');
  expect(stdout).toBe(worker.stdout);
  expect(stdout).toMatch(/Max open files +321 /);

  const mine = (await rig.shell('cat app/env.mine')).stdout.split('\n');
  const isMarker = (name: string): boolean => /^(WORKERCTL_|NOTIFY_SOCKET|WATCHDOG_)/.test(name);
  const expected = Object.entries(environmentOf(pid)).filter(([name]) => !isMarker(name));
  const own = new Set(['PWD', 'OLDPWD', '_', 'SHLVL']);
  expect(mine.filter((line) => !own.has(line.split('=')[0] ?? '')).sort()).toEqual(
    expected.flatMap(([name, value]) => (own.has(name) ? [] : [`${name}=${value}`])).sort(),
  );
  expect(mine).toEqual(expect.arrayContaining(["GREETING=it's\t1", 'FROM_FILE=a b', 'PASSED=on']));
});

test('a console must not be taken for a worker, nor keep one from being started', async () => {
  const rig = createRig({ mail: idle });
  const running = rig.workerctl('exec', '--', 'sh', '-c', 'echo $$ >here; exec sleep 1000000');
  const mine = await until('the command', () => Number(readOr(rig.path('here'), '')));
  expect(await statesOf(rig)).toEqual(['mail.1 missing']);
  expect(rig.instance('mail.1').processes()).toEqual([]);
  await rig.start();
  const pid = await booted(rig.instance('mail.1'));
  expect((await rig.workerctl('stop', '--now')).exitCode).toBe(0);
  expect(mine).not.toBe(pid);
  expect(isAlive(mine)).toBe(true);
  signal(running.pid ?? 0, 'SIGTERM');
  expect((await running).exitCode).toBe(128 + 15);
  expect(isAlive(mine)).toBe(false);
});

test.each([
  [['sh', '-c', 'exit 7'], 7],
  [['true'], 0],
  [['sh', '-c', 'kill -KILL $$'], 128 + 9],
  [['sh', '-c', 'kill -INT $$'], 128 + 2],
  [['no-such-program'], 127],
  [['./not-executable'], 127],
  [['sh', '-c', 'exec /no/such'], 127],
])('exec of %j must end with %i', async (words, code) => {
  const rig = createRig({ mail: idle });
  writeFileSync(rig.path('not-executable'), '');
  const { exitCode, stdout } = await rig.workerctl('exec', '--', ...words);
  expect(exitCode).toBe(code);
  expect(stdout).toBe('');
});

test('the options behind -- are those of the command, and its words arrive as they are', async () => {
  const rig = createRig({ mail: { ...idle, count: 2 }, fsck: { ...idle, count: 0 } });
  const words = ['printf', '%s|', '--json', '-w', 'a b', '--', '', '*', '$HOME', "it's"];
  const { stdout } = await rig.workerctl('exec', '-w', 'mail.2', '--', ...words);
  expect(stdout).toBe("--json|-w|a b|--||*|$HOME|it's|");
  const none = await rig.workerctl('exec', '-w', 'fsck', '--', 'echo', 'up');
  expect(none).toMatchObject({ exitCode: 0, stdout: 'up' });
});

test.each([
  [['exec', 'mail', '--', 'true'], /expected -- before its command, found mail/],
  [['exec', 'true'], /expected -- before its command, found true/],
  [['exec', '-w', 'mail'], /expected a command behind --, found none/],
  [['exec', '--', 'true'], /expected one worker or instance, found mail, fsck/],
  [['exec', '-w', 'mial', '--', 'true'], /did you mean mail\?/],
  [['exec', '-w', 'mail.9', '--', 'true'], /target "mail\.9": expected a worker/],
  [['exec', '--json', '-w', 'mail', '--', 'true'], /has no JSON output/],
  [['shell', 'mail', 'fsck'], /expected one instance, found several/],
  [['env', '*'], /expected one worker or instance, found mail, fsck/],
])('%j must be wrong usage', async (words, problem) => {
  const rig = createRig({ mail: idle, fsck: idle });
  const { exitCode, stderr } = await rig.workerctl(...words);
  expect(stderr).toMatch(problem);
  expect(exitCode).toBe(2);
});

test('what a start would refuse must be refused, with the same words', async () => {
  const rig = createRig();
  for (const [keys, problem] of [
    [{ directory: 'gone' }, /directory .*\/gone: .*(ENOENT|no such)/],
    [{ env_files: ['gone.env'] }, /env file .*\/gone\.env: /],
    ...(isRoot ? ([[{ user: 'no-such-user' }, /user/]] as const) : []),
  ] as const) {
    rig.configure({ mail: { ...idle, ...keys } });
    const { exitCode, stderr } = await rig.workerctl('exec', '--', 'echo', 'ran');
    expect(stderr).toMatch(problem);
    expect([1, 78]).toContain(exitCode);
  }
});

test('Ctrl-C must reach the command alone, which decides what it means', async () => {
  const rig = createRig({ mail: idle });
  const session = atTerminal(
    rig,
    `workerctl exec -- sh -c "trap \\"echo caught\\" INT; echo ready in \\$TERM; until [ -e end ]; do sleep 0.05; done; exit 9"`,
  );
  await until('the command', () => session.said().includes('ready in xterm'));
  session.type('\x03');
  await until('its handler', () => session.said().includes('caught'));
  writeFileSync(rig.path('end'), '');
  expect(await session.end()).toBe(9);
});

test('a command that Ctrl-C ends must end exec with 130', async () => {
  const rig = createRig({ mail: idle });
  const session = atTerminal(rig, 'workerctl exec -- sh -c "echo ready; exec sleep 1000000"');
  await until('the command', () => session.said().includes('ready'));
  session.type('\x03');
  expect(await session.end()).toBe(130);
});

test('shell at a terminal must be interactive, and say where it is', async () => {
  const rig = createRig({ mail: { ...idle, count: 2, env: { WHO: '%n' } } });
  writeFileSync(rig.path('.bashrc'), 'export FROM_STARTUP_FILE=1\n');
  const session = atTerminal(rig, 'workerctl shell mail.2');
  await until('the prompt', () => session.said().includes('[mail.2] '));
  session.type('echo "I am $WHO" $((6 * 7)) "${FROM_STARTUP_FILE-unset}"\n');
  await until('the answer', () => session.said().includes('I am mail.2 42 unset'));
  session.type('exit 4\n');
  expect(await session.end()).toBe(4);
});

test('shell must read commands from a pipe', async () => {
  const rig = createRig({ mail: { ...idle, limits: { nofile: 99 }, env: { SHELL: '/bin/sh' } } });
  const { stdout, exitCode } = await rig.shell("echo 'ulimit -n; exit 3' | workerctl shell");
  expect({ stdout, exitCode }).toEqual({ stdout: '99', exitCode: 3 });
});

test('env must print what sh can read, and hide secrets unless asked', async () => {
  const rig = rigInFull();
  rig.configure({ mail: { ...full(rig), env: { API_TOKEN: 'sesam', GREETING: "it's\n%n" } } });
  const { stdout } = await rig.workerctlWith(caller, 'env', 'mail.2');
  expect(stdout).toMatch(/^# mail\.2$/m);
  expect(stdout).not.toMatch(/sesam|NOTIFY_SOCKET|WORKERCTL|of-shell/);
  expect(stdout).toContain('# API_TOKEN is hidden: --show-secrets');
  const read = await rig.shell(
    'eval "$(workerctl env mail.2 --show-secrets)"; printf %s "$GREETING|$API_TOKEN|$FROM_FILE"',
  );
  expect(read.stdout).toBe("it's\nmail.2|sesam|a b");
  const { stdout: json } = await rig.workerctl('env', 'mail', '--json');
  expect(JSON.parse(json)).toMatchObject({
    schema: 2,
    instance: 'mail.1',
    variables: { FROM_FILE: 'a b', GREETING: "it's\nmail.1" },
    hidden: ['API_TOKEN'],
  });
});
