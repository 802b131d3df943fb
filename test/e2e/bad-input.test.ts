import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { booted } from '../rig/instance.ts';
import { environmentOf } from '../rig/kernel.ts';
import { problemOf } from '../rig/output.ts';
import { fixture, isRoot } from '../rig/programs.ts';
import { createRig, type Rig } from '../rig/rig.ts';
import { watching } from '../rig/watch.ts';

const drains = { command: fixture('drains-after-job') };
const verbs = ['status', 'start', 'stop', 'restart', 'bootcheck'] as const;

const stackTrace = /^\s+at .+:\d+:\d+\)?$|this is a bug/m;

/** Runs it, which must end with this code and a message on standard error, without a stack trace, and do nothing. */
async function expectRefusal(rig: Rig, code: number, ...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr, all } = await rig.workerctl(...args);
  expect({ args, exitCode }, all).toEqual({ args, exitCode: code });
  expect({ args, stdout }).toEqual({ args, stdout: '' });
  expect(stderr).toMatch(/^workerctl: /);
  expect(all).not.toMatch(stackTrace);
  return stderr;
}

const configErrors: [string, string, RegExp][] = [
  ['an empty file', '', /workerctl\.yaml:1:1: /],
  ['only a comment', '# nothing\n', /workerctl\.yaml:\d+:\d+: /],
  ['a list', '- a\n', /workerctl\.yaml:1:1: .*list/],
  ['no workers', 'workers: {}\n', /workerctl\.yaml:1:10: workers: /],
  [
    'a worker without a command',
    'workers:\n  mail: {count: 2}\n',
    /:2:\d+: workers\.mail\.command: /,
  ],
  [
    'a wrong type',
    'workers:\n  mail:\n    command: true-ish\n    count: many\n',
    /:4:12: workers\.mail\.count: .*"many"/,
  ],
  [
    'an unknown key',
    'workers:\n  mail:\n    command: x\n    directroy: /srv\n',
    /:4:5: workers\.mail\.directroy: .*directory/,
  ],
  ['a key of another tool', 'workers: {mail: {command: x, numprocs: 3}}\n', /numprocs.*count/],
  [
    'a bad duration',
    'workers: {mail: {command: x, ready: {after: soon}}}\n',
    /ready\.after.*"soon"/,
  ],
  ['a broken text', 'workers: {mail: [\n', /workerctl\.yaml:\d+:\d+: /],
  [
    'the same key twice',
    'workers:\n  mail: {command: x}\n  mail: {command: y}\n',
    /workerctl\.yaml:3:\d+: /,
  ],
  [
    'an unclosed quote in a command',
    'workers: {mail: {command: "ab \'cd"}}\n',
    /workers\.mail\.command: /,
  ],
  ['a NUL in a command', 'workers: {mail: {command: ["a\\0b"]}}\n', /workers\.mail\.command/],
  [
    'a NUL in a variable',
    'workers: {mail: {command: x, env: {A: "x\\0y"}}}\n',
    /workers\.mail\.env/,
  ],
  [
    'a NUL in a path',
    'workers: {mail: {command: x, directory: "x\\0y"}}\n',
    /workers\.mail\.directory/,
  ],
  [
    'a NUL in the state directory',
    'state_dir: "x\\0y"\nworkers: {mail: {command: x}}\n',
    /state_dir/,
  ],
  ['a name with a dot', 'workers: {mail.x: {command: x}}\n', /mail\.x/],
];

for (const [what, text, words] of configErrors) {
  test(`${what} in the config must end with 78 and its place`, async () => {
    const rig = createRig();
    rig.writeConfig(text);
    expect(await expectRefusal(rig, 78, 'start')).toMatch(words);
  });
}

test('a wrong config must end every command with 78', async () => {
  const rig = createRig();
  rig.writeConfig('');
  for (const verb of verbs) await expectRefusal(rig, 78, verb);
});

test('a config that is not there must end with 78 and say how to get one', async () => {
  const rig = createRig();
  expect(await expectRefusal(rig, 78, 'status', '--config', 'nowhere.yaml')).toContain(
    rig.path('nowhere.yaml'),
  );
  expect(await expectRefusal(rig, 78, 'status', '-c', 'bin')).toContain(rig.path('bin'));
});

test('a config must be found from a folder below it, and by WORKERCTL_CONFIG', async () => {
  const rig = createRig({ mail: drains });
  expect((await rig.shell('mkdir -p a/b && cd a/b && workerctl status --json')).exitCode).toBe(3);
  const { exitCode } = await rig.shell(
    'cd / && WORKERCTL_CONFIG="$RIG/workerctl.yaml" workerctl status',
  );
  expect(exitCode).toBe(3);
});

const usageErrors: [string[], RegExp][] = [
  [['nonsense'], /nonsense/],
  [['statsu'], /statsu.*status/],
  [['start', '--no-wiat'], /wiat/],
  [['start', '-x'], /-?x/],
  [['status', '--wait', '5s'], /wait/],
  [['stop', '--wait', 'soon'], /--wait.*soon/],
  [['restart', '--wait', '5'], /--wait/],
  [['restart', '--wait=-5s'], /--wait/],
  [['restart', '--wait='], /--wait/],
  [['restart', '--no-graceful'], /graceful/],
  [['bootcheck', 'mail'], /mail/],
  [['status', '--config'], /config/],
  [['--frobnicate'], /./],
  [['status', '--', '--frob'], /--frob/],
  [['status', ''], /""/],
  [['start', '[a'], /\[a/],
  [['start', 'mail.'], /mail\./],
  [['__proto__'], /__proto__/],
  [['constructor'], /constructor/],
];

test('wrong usage must end with 2 and a message', async () => {
  const rig = createRig({ mail: drains });
  for (const [args, words] of usageErrors)
    expect(await expectRefusal(rig, 2, ...args), args.join(' ')).toMatch(words);
  expect((await rig.shell('ls -A')).stdout.split('\n')).toEqual(['bin', 'workerctl.yaml']);
});

test('--json behind -- must be a target, and the error no JSON', async () => {
  const rig = createRig({ mail: drains });
  expect(await expectRefusal(rig, 2, 'status', '--', '--json')).toContain('"--json"');
});

test('help and version must end with 0 on standard output, without a config', async () => {
  const rig = createRig();
  for (const args of [
    ['--help'],
    ['help'],
    ['-h'],
    [],
    ['--version'],
    ['-c', 'workerctl.yaml', '--help'],
    ['-c', 'workerctl.yaml', '--version'],
    ['--config', 'workerctl.yaml', 'help', 'status'],
    ['help', '-c', 'workerctl.yaml'],
    ...verbs.flatMap((verb) => [
      [verb, '--help'],
      ['help', verb],
    ]),
  ]) {
    const { exitCode, stdout, stderr } = await rig.workerctl(...args);
    expect({ args, exitCode, stderr }).toEqual({ args, exitCode: 0, stderr: '' });
    expect(stdout).not.toBe('');
  }
});

test('the config must be taken in each way of writing it, before and behind the command', async () => {
  const rig = createRig({ mail: drains });
  await rig.shell('mkdir etc && mv workerctl.yaml etc/other.yaml');
  const ways = [['-c', 'etc/other.yaml'], ['-cetc/other.yaml'], ['--config=etc/other.yaml']];
  for (const way of ways) {
    for (const args of [
      [...way, 'check'],
      ['check', ...way],
    ]) {
      const { exitCode, stdout, stderr } = await rig.workerctl(...args);
      expect({ args, exitCode, stderr }).toEqual({ args, exitCode: 0, stderr: '' });
      expect(stdout).toContain('etc/other.yaml');
    }
  }
  expect((await rig.workerctl('-cetc/other.yaml', '--version')).stdout).toMatch(/^\d+\.\d+/);
  expect(await expectRefusal(rig, 2, '-c', 'etc/other.yaml')).toMatch(/command/);
});

test('--json must print errors as JSON alone on standard output', async () => {
  const rig = createRig({ mail: drains });
  const cases: [string[], number, string][] = [
    [['status', 'mial', '--json'], 2, 'usage'],
    [['--json', 'nonsense'], 2, 'usage'],
    [['start', '--json', '--frobnicate'], 2, 'usage'],
    [['start', '--json', '-c', 'nowhere.yaml'], 78, 'config'],
  ];
  for (const [args, code, kind] of cases) {
    const { exitCode, stdout } = await rig.workerctl(...args);
    expect({ args, exitCode }).toEqual({ args, exitCode: code });
    expect(JSON.parse(stdout)).toEqual({
      schema: 2,
      error: {
        code: kind,
        message: expect.any(String) as string,
        hint: expect.anything() as string,
      },
      exit_code: code,
    });
  }
});

test('a state directory that is a file must end every command with 73', async () => {
  const rig = createRig({ mail: drains });
  writeFileSync(rig.stateDir, '');
  for (const verb of verbs) expect(await expectRefusal(rig, 73, verb)).toContain(rig.stateDir);
});

test('a state directory below a file must end every acting command with 73', async () => {
  const rig = createRig({ mail: drains }, { state_dir: 'a-file/state' });
  rig.configure({ mail: drains });
  writeFileSync(rig.path('a-file'), '');
  for (const verb of verbs) await expectRefusal(rig, 73, verb);
});

test('a state directory that all users can write must end every command with 73', async () => {
  const rig = createRig({ mail: drains });
  mkdirSync(rig.stateDir);
  chmodSync(rig.stateDir, 0o777);
  for (const verb of verbs) expect(await expectRefusal(rig, 73, verb)).toContain(rig.stateDir);
  for (const verb of ['start', 'stop', 'restart', 'bootcheck'])
    await expectRefusal(rig, 73, verb, '--dry-run');
  expect(rig.instance('mail.1').boots()).toEqual([]);
});

test.skipIf(isRoot)(
  'a state directory that we cannot write must end every acting command with 73',
  async () => {
    const rig = createRig({ mail: drains });
    mkdirSync(rig.stateDir, { mode: 0o555 });
    for (const verb of ['start', 'stop', 'restart', 'bootcheck'])
      expect(await expectRefusal(rig, 73, verb)).toContain(rig.stateDir);
  },
);

test.skipIf(isRoot)(
  'a state directory that we cannot read must end every command with 73',
  async () => {
    const rig = createRig({ mail: drains });
    mkdirSync(rig.stateDir, { mode: 0o300 });
    try {
      for (const verb of verbs) expect(await expectRefusal(rig, 73, verb)).toContain(rig.stateDir);
    } finally {
      chmodSync(rig.stateDir, 0o700);
    }
  },
);

for (const text of [
  '',
  '{',
  '[]',
  '{"version":2,"stopped":{}}',
  '{"version":1,"stopped":{"mail.1":1}}',
  '\0\0\0',
]) {
  test(`two copies of state.json with ${JSON.stringify(text)} must end every command that acts with 73 and leave the workers alone`, async () => {
    const rig = createRig({ mail: drains });
    await rig.start();
    const pid = await booted(rig.instance('mail.1'));
    for (const name of ['state.json', 'state.copy']) writeFileSync(`${rig.stateDir}/${name}`, text);
    for (const verb of verbs.filter((one) => one !== 'status')) {
      const said = await expectRefusal(rig, 73, verb);
      expect(said).toContain(`${rig.stateDir}/state.json`);
    }
    expect(rig.instance('mail.1').terms()).toEqual([]);
    expect(rig.instance('mail.1').boots()).toEqual([pid]);
  });
}

test('a variable too long for the kernel must fail the start of that instance only, with a message', async () => {
  const rig = createRig({ long: { ...drains, env: { LONG: 'x'.repeat(200_000) } }, mail: drains });
  const { exitCode, all, of } = await rig.act('start');
  expect(all).not.toMatch(stackTrace);
  expect(exitCode).toBe(1);
  expect(of('start_failed')).toMatchObject([{ instance: 'long.1' }]);
  expect(problemOf(of('start_failed')[0])).toContain('E2BIG');
  expect(rig.instance('mail.1').processes()).toHaveLength(1);
});

test('an env file that is not there must fail the start with a message', async () => {
  const rig = createRig({ mail: { ...drains, env_files: ['.env'] } });
  const { exitCode, all, of } = await rig.act('start');
  expect(exitCode).toBe(1);
  expect(of('start_failed')).toMatchObject([{ instance: 'mail.1' }]);
  expect(problemOf(of('start_failed')[0])).toMatch(/\.env.*ENOENT/);
  expect(all).not.toMatch(stackTrace);
});

test('an env file that sh would read differently must be refused by check and by a start, in the same words', async () => {
  const rig = createRig({ mail: { ...drains, env_files: ['.env'] } });
  const words = `${rig.path('.env')}:2:4: B: found an unquoted blank; write B='x y'`;
  writeFileSync(rig.path('.env'), 'A=1\nB=x y\n');
  expect(await expectRefusal(rig, 78, 'check')).toBe(`workerctl: ${words}`);
  const { exitCode, of } = await rig.act('start');
  expect(exitCode).toBe(1);
  expect(problemOf(of('start_failed')[0])).toBe(words);
  writeFileSync(rig.path('.env'), "A=1\nB='x y'\n");
  expect((await rig.act('start')).exitCode).toBe(0);
  expect(environmentOf(rig.instance('mail.1').pid() ?? 0)['B']).toBe('x y');
});

test('an env file that is a FIFO must be refused at once', async () => {
  const rig = createRig({ mail: { ...drains, env_files: ['.env'] } });
  await rig.shell('mkfifo .env');
  expect(await expectRefusal(rig, 78, 'check')).toContain(
    '.env:1:1: expected a file, found a FIFO',
  );
  const { exitCode, of } = await rig.act('start');
  expect(exitCode).toBe(1);
  expect(problemOf(of('start_failed')[0])).toContain('expected a file, found a FIFO');
});

test.each([
  ['mkfifo app.log', 'a FIFO'],
  ['mkdir app.log', 'a directory'],
  ['ln -s /dev/zero app.log', 'a device'],
  ['mkfifo pipe && ln -s pipe app.log', 'a FIFO'],
])('a log made by %s must be refused at once, and cost no running worker', async (make, kind) => {
  const rig = createRig({ mail: { ...drains, log: { file: 'app.log' } } });
  await rig.start();
  const mail = rig.instance('mail.1');
  const pid = await booted(mail);
  await rig.shell(`rm app.log && ${make}`);
  expect(await expectRefusal(rig, 78, 'check')).toMatch(
    new RegExp(`:\\d+:\\d+: workers\\.mail\\.log\\.file: expected a file, .*found ${kind}`),
  );
  const restart = await rig.act('restart');
  expect(restart.exitCode).toBe(1);
  expect(restart.all).not.toEqual([]);
  expect([mail.pid(), mail.terms()]).toEqual([pid, []]);
  expect((await rig.workerctl('stop')).exitCode).toBe(0);
  const start = await rig.act('start');
  expect(start.exitCode).toBe(1);
  expect(problemOf(start.of('start_failed')[0])).toContain(`found ${kind}`);
  const found = await rig.workerctl('doctor');
  expect(found.stdout).toMatch(new RegExp(`^problem .*log\\.file: .*found ${kind}`, 'm'));
});

test('a watch must not hang on a log that is a FIFO', async () => {
  const rig = createRig({ mail: { ...drains, log: { file: 'app.log' } }, other: drains });
  await rig.shell('mkfifo app.log');
  const watch = await watching(rig);
  await watch.reports('start_failed', { instance: 'mail.1' });
  await watch.reports('started', { instance: 'other.1' });
  const ended = new Promise((resolve) => watch.running.once('exit', resolve));
  watch.send('SIGTERM');
  expect(await ended).toBe(0);
});

test.each(['/dev/null', '/dev/stdout', '/proc/self/fd/2'])(
  '%s must be allowed as a log',
  async (file) => {
    const rig = createRig({ mail: { ...drains, log: { file } } });
    expect((await rig.workerctl('check')).exitCode).toBe(0);
    expect((await rig.shell('workerctl start >out 2>err')).exitCode).toBe(0);
    await booted(rig.instance('mail.1'));
  },
);

test.each(['/dev/stdout', '/dev/stderr', '/proc/self/fd/1'])(
  '%s as a log must fail the start with what works instead if it is a socket, as under systemd',
  async (file) => {
    const rig = createRig({ mail: { ...drains, log: { file } } });
    const onSocket = `use Socket; socketpair(A, B, AF_UNIX, SOCK_STREAM, 0); open STDOUT, '>&', B;
      open STDERR, '>&', B; exit(system @ARGV) if !fork; wait; shutdown B, 2; close B; print {$out} <A>`;
    const { stdout } = await rig.shell(
      `perl -e 'open our $out, ">&", STDOUT; ${onSocket.replace(/'/g, `'"'"'`)}' workerctl start`,
    );
    expect(stdout).toMatch(/mail\.1: start failed: log \/\S+: .*systemd-cat -t %n/);
    expect(rig.instance('mail.1').boots()).toEqual([]);
  },
);

test('output that cannot be written must fail the command, unless its reader wanted no more', async () => {
  const rig = createRig({ mail: drains });
  await rig.start();
  for (const args of ['status', 'status --json', 'check', '--help', 'start']) {
    const { exitCode, stderr } = await rig.shell(`workerctl ${args} > /dev/full`);
    expect({ args, exitCode, stderr }).toEqual({
      ...{ args, exitCode: 1 },
      stderr: expect.stringContaining('workerctl: standard output: ENOSPC') as string,
    });
  }
  const read = await rig.shell('(workerctl status; echo $? >&2) | true');
  expect(read.stderr).toMatch(/^0$/m);
});

test('a working directory that is gone must not matter if the config is named, and must end with 78 otherwise', async () => {
  const rig = createRig({ mail: drains });
  const from = (command: string) =>
    rig.shell(`mkdir gone && cd gone && rmdir ../gone && ${command}`);
  const named = await from('workerctl status -c "$RIG/workerctl.yaml"');
  expect(named.all).not.toMatch(stackTrace);
  expect(named.exitCode).toBe(3);
  const searched = await from('workerctl status');
  expect(searched.all).not.toMatch(stackTrace);
  expect(searched.exitCode).toBe(78);
});

test.each(['exit', 'stop', 'ready', 'kill', 'left'])(
  'a folder in place of mail.1.%s must be named, and keep no other instance from starting',
  async (kind) => {
    const rig = createRig({ mail: { command: fixture('idle'), count: 2 } });
    const path = `${rig.stateDir}/mail.1.${kind}`;
    mkdirSync(path, { recursive: true });
    const { exitCode, all } = await rig.workerctl('bootcheck');
    expect(all).not.toContain('bug');
    if (kind === 'left') expect(exitCode).toBe(0);
    else {
      expect(exitCode).toBe(1);
      expect(all).toContain(path);
    }
    await booted(rig.instance('mail.2'));
  },
);

test('a file in place of the folder of shims must be named', async () => {
  const rig = createRig({ mail: { command: fixture('idle') } });
  mkdirSync(rig.stateDir);
  writeFileSync(`${rig.stateDir}/.new`, '');
  const { exitCode, all } = await rig.workerctl('bootcheck');
  expect(exitCode).toBe(1);
  expect(all).toContain(`${rig.stateDir}/.new`);
});

test('the demo must name the place where it could not make its folder', async () => {
  const rig = createRig();
  const { exitCode, all } = await rig.workerctlWith({ TMPDIR: '/nonexistent' }, 'demo');
  expect(exitCode).toBe(1);
  expect(all).toMatch(/\/nonexistent.*ENOENT|ENOENT.*\/nonexistent/);
});
