import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readOr } from '../rig/files.ts';
import { fixture, isRoot } from '../rig/programs.ts';
import { createRig, type Rig } from '../rig/rig.ts';

const idle = { command: fixture('idle') };

/** A crontab(1) of the test's own, in front of all others: the true one is left alone. */
function fakeCrontab(rig: Rig): void {
  writeFileSync(
    rig.path('bin/crontab'),
    `#!/bin/sh
if [ "$1" = -l ]; then cat "$RIG/tab" 2>/dev/null || { echo "no crontab for $USER" >&2; exit 1; }; else cat >"$RIG/tab.new" && mv "$RIG/tab.new" "$RIG/tab"; fi
`,
  );
  chmodSync(rig.path('bin/crontab'), 0o755);
}

test('install logrotate must list the logs that nothing else rotates', async () => {
  const rig = createRig({
    mail: { ...idle, count: 2 },
    img: { ...idle, log: { max_size: '1MB' } },
    web: { ...idle, log: { command: 'cat' } },
  });
  const { exitCode, stdout } = await rig.workerctl('install', 'logrotate');
  expect(exitCode).toBe(0);
  expect(stdout).toContain(`"${rig.path('log/mail.1.log')}"\n"${rig.path('log/mail.2.log')}"\n{\n`);
  expect(stdout).toContain('    copytruncate\n');
  for (const name of ['img', 'web']) {
    expect(stdout).toMatch(new RegExp(`^# .*\\b${name}\\b`, 'm'));
    expect(stdout).not.toContain(`log/${name}.1.log`);
  }
});

test('install cron must print lines with whole paths', async () => {
  const rig = createRig({ mail: idle });
  const { exitCode, stdout } = await rig.workerctl('install', 'cron');
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(
    /^\* \* \* \* \* \/\S+ \/\S+\/bin\/workerctl bootcheck --config \/\S+\/workerctl\.yaml\n@reboot \//,
  );
});

test('install cron --write must add its lines once and leave the others', async () => {
  const rig = createRig({ mail: idle });
  fakeCrontab(rig);
  const lines = (await rig.workerctl('install', 'cron')).stdout;
  expect((await rig.workerctl('install', 'cron', '--write')).exitCode).toBe(0);
  expect(readOr(rig.path('tab'), '')).toBe(`${lines}\n`);
  writeFileSync(rig.path('tab'), `0 3 * * * backup\n${lines}\n`);
  const again = await rig.workerctl('install', 'cron', '--write');
  expect(again.exitCode).toBe(0);
  expect(readOr(rig.path('tab'), '')).toBe(`0 3 * * * backup\n${lines}\n`);
});

test('install cron --remove must take out its lines only, and --dry-run must change nothing', async () => {
  const rig = createRig({ mail: idle });
  fakeCrontab(rig);
  const others =
    'MAILTO=ops\n0 3 * * * backup\n* * * * * /x/workerctl bootcheck --config /other.yaml\n';
  writeFileSync(rig.path('tab'), others);
  const lines = (await rig.workerctl('install', 'cron')).stdout;
  const shown = await rig.workerctl('install', 'cron', '--write', '--dry-run');
  expect(shown.stdout).toBe(`${others}${lines}`);
  expect(readOr(rig.path('tab'), '')).toBe(others);
  await rig.workerctl('install', 'cron', '--write');
  const left = await rig.workerctl('install', 'cron', '--remove', '--dry-run');
  expect(`${left.stdout}\n`).toBe(others);
  expect(readOr(rig.path('tab'), '')).toBe(`${others}${lines}\n`);
  for (let round = 0; round < 2; round += 1) {
    expect((await rig.workerctl('install', 'cron', '--remove')).exitCode).toBe(0);
    expect(readOr(rig.path('tab'), '')).toBe(others);
  }
  expect((await rig.workerctl('install', 'cron', '--remove', '--write')).exitCode).toBe(2);
  expect((await rig.workerctl('install', 'systemd', '--remove')).exitCode).toBe(2);
});

test('install cron --write must write nothing if the old crontab cannot be read', async () => {
  const rig = createRig({ mail: idle });
  writeFileSync(
    rig.path('bin/crontab'),
    '#!/bin/sh\necho "you are not allowed" >&2; [ "$1" = -l ] || cp /dev/stdin "$RIG/tab"; exit 1\n',
  );
  chmodSync(rig.path('bin/crontab'), 0o755);
  const { exitCode, stderr } = await rig.workerctl('install', 'cron', '--write');
  expect(exitCode).toBe(1);
  expect(stderr).toContain('you are not allowed');
  expect(readOr(rig.path('tab'), 'none')).toBe('none');
});

test('install systemd must print a unit whose workers outlive it', async () => {
  const rig = createRig({ mail: idle });
  const { exitCode, stdout } = await rig.workerctl('install', 'systemd');
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^ExecStart=\/\S+ \/\S+ watch --stop-on-exit --config \S+$/m);
  for (const line of ['Type=notify', 'KillMode=process', 'TimeoutStopSec=infinity'])
    expect(stdout.split('\n')).toContain(line);
});

test('a drain must last as long as the longest stop.timeout, if each worker has one', async () => {
  const limited = { ...idle, stop: { timeout: '40s' } };
  const rig = createRig({ mail: limited, web: { ...idle, stop: { timeout: '20s' } } });
  const unit = async (...words: string[]): Promise<string> =>
    (await rig.workerctl('install', 'systemd', ...words)).stdout;
  expect(await unit()).toContain('\nTimeoutStopSec=50\n');
  expect(await unit('--longest-job', '2h')).toContain('\nTimeoutStopSec=7200\n');
  expect(await unit('--user', '--longest-job', '2h')).toContain('\nTimeoutStopSec=110\n');
  rig.configure({ mail: limited, web: idle });
  expect(await unit()).toContain('\nTimeoutStopSec=infinity\n');
});

test('the unit of root must be that of the owner of the state directory', async (context) => {
  context.skip(!isRoot);
  const rig = createRig({ mail: idle });
  mkdirSync(rig.stateDir);
  const user = async (): Promise<string | undefined> =>
    /^User=(.*)$/m.exec((await rig.workerctl('install', 'systemd')).stdout)?.[1];
  expect(await user()).toBe('root');
  chownSync(rig.stateDir, 65534, 65534);
  expect(await user()).toBe('nobody');
});

test('install timer must print a service and a timer, and a user be told of lingering', async () => {
  const rig = createRig({ mail: idle });
  const { exitCode, stdout } = await rig.workerctl('install', 'timer');
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^ExecStart=\/\S+ \/\S+ bootcheck --config \S+$/m);
  expect(stdout.match(/^# \/etc\/systemd\/system\/\S+$/gm)).toHaveLength(2);
  expect((await rig.workerctl('install', 'systemd', '--user')).stderr).toMatch(/enable-linger/);
});

test('install timer --user --write must write both units, and no others', async () => {
  const rig = createRig({ mail: idle });
  const write = () =>
    rig.workerctlWith(
      { XDG_CONFIG_HOME: rig.path('home') },
      'install',
      'timer',
      '--user',
      '--write',
    );
  const first = await write();
  expect(first.exitCode, first.all).toBe(0);
  expect(first.stdout).toContain('systemctl --user daemon-reload');
  expect((await write()).stdout).toMatch(/up to date/);
  const timer = rig.path('home/systemd/user/workerctl-bootcheck.timer');
  expect(readOr(timer, '')).toContain('OnCalendar=minutely');
  writeFileSync(timer, '[Timer]\n');
  expect((await write()).exitCode).toBe(1);
  expect(readOr(timer, '')).toBe('[Timer]\n');
});

const refused = [
  ['systemd', '--user', '--keep-workers'],
  ['systemd', '--after', 'postgresql'],
  ['systemd', '--after', 'a.service b.service'],
  ['systemd', '--longest-job', 'ever'],
];

test('install must refuse what it does not know', async () => {
  const rig = createRig({ mail: idle });
  for (const words of [[], ['upstart'], ['cron', 'systemd'], ['systemd', '--write'], ...refused])
    expect((await rig.workerctl('install', ...words)).exitCode, words.join(' ')).toBe(2);
});

test('install --json must be JSON with the same text, and errors of --json=true too', async () => {
  const rig = createRig({ mail: idle });
  for (const what of ['logrotate', 'cron', 'systemd']) {
    const { stdout: text } = await rig.workerctl('install', what);
    const { stdout } = await rig.workerctl('install', what, '--json');
    expect(JSON.parse(stdout), what).toEqual({ schema: 2, text: `${text}\n` });
  }
  const { stdout, exitCode } = await rig.workerctl('install', '--json=true');
  expect(exitCode).toBe(2);
  expect(JSON.parse(stdout)).toMatchObject({ schema: 2, error: { code: 'usage' }, exit_code: 2 });
});

test('trigger --json must print one object, and demo --json must be refused', async () => {
  const rig = createRig({ mail: idle });
  const { stdout, exitCode } = await rig.workerctl('trigger', '--json');
  expect({ exitCode, json: JSON.parse(stdout) as unknown }).toEqual({
    exitCode: 69,
    json: { schema: 2, woken: false },
  });
  expect((await rig.workerctl('demo', '--json')).exitCode).toBe(2);
});
