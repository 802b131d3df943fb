// What Tab finds: by itself, and in bash at a terminal. zsh and fish: test/real/completion.test.ts.
import { chownSync, existsSync, readdirSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { completedRig, promptOf } from '../rig/completing.ts';
import { fixture, isRoot } from '../rig/programs.ts';
import { createRig, type Rig } from '../rig/rig.ts';

/** The words that fit the last of these. */
async function fitting(rig: Rig, ...words: readonly string[]): Promise<string[]> {
  const { stdout, stderr, exitCode } = await rig.workerctl('complete', '--', ...words);
  expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split('\t')[0] ?? '');
}

test.each<[words: string[], found: string[]]>([
  [['jo'], ['jobs']],
  [
    ['stop', 'ma'],
    ['mail', 'mail.1', 'mail.2'],
  ],
  [['stop', 'mail.1', 'mail.'], ['mail.2']],
  [
    ['stop', '@'],
    ['@slow', '@cheap'],
  ],
  [
    ['-c', 'workerctl.yaml', 'stop', 'fs'],
    ['fsck', 'fsck.daily'],
  ],
  [['stop', '--unt'], ['--until-boot']],
  [
    ['stop', '--no'],
    ['--no-wait', '--now'],
  ],
  [['stop', '--wait', '3s', '--wa'], []],
  [['stop', '--', '--no'], []],
  [['status', '--state', 'rea'], ['ready']],
  [['status', '--state=ready,mis'], ['--state=ready,missing']],
  [['status', '--state', 'ready,rea'], []],
  [['events', '--kind', 'job_'], ['job_lost']],
  [['stop', '--except', 'mail.1,mail.'], ['mail.1,mail.2']],
  [['want', '3', 'm'], ['mail']],
  [['adopt', 'f'], ['fsck.daily']],
  [
    ['signal', 'US'],
    ['USR1', 'USR2'],
  ],
  [
    ['signal', 'USR1', 'fs'],
    ['fsck', 'fsck.daily'],
  ],
  [
    ['exec', '-w', 'mail.'],
    ['mail.1', 'mail.2'],
  ],
  [['exec', '-w', 'mail', '--', 'ma'], []],
  [['rollout', 'p'], ['pause']],
  [['install', 'c'], ['cron']],
  [
    ['completion', ''],
    ['bash', 'zsh', 'fish'],
  ],
  [['finish'], []],
  [['no-such-command', ''], []],
  [['-c', ''], [':files']],
  [['export', 'nomad', '--out', ''], [':directories']],
  [['-c', 'no-such-file', 'stop', ''], []],
])('behind workerctl %j there must be %j', async (words, found) => {
  expect(await fitting(completedRig(), ...words)).toEqual(found);
});

test('the help of what fits must be there, on one line, for shells that show it', async () => {
  const { stdout } = await createRig().workerctl('complete', '--', '');
  expect(stdout).toMatch(/^status\t[A-Z].*\.$/m);
  expect(stdout).not.toContain('finisher');
  for (const line of stdout.trimEnd().split('\n')) expect(line).toMatch(/^[a-z]+\t[A-Z].*\.$/);
});

test('of many instances those of a worker must be listed once it is named', async () => {
  const rig = createRig({ mail: { command: fixture('idle'), count: 300 }, a: { command: ['b'] } });
  expect(await fitting(rig, 'stop', '')).toEqual(['mail', 'a']);
  expect(await fitting(rig, 'stop', 'mail.29')).toHaveLength(11);
});

test.each(['', 'workers: [', 'workers: {mail: {command: 7}}'])(
  'with the config %j Tab must find no names and say nothing, and still find options',
  async (text) => {
    const rig = createRig();
    rig.writeConfig(text);
    expect(await fitting(rig, 'stop', '')).toEqual([]);
    expect(await fitting(rig, 'stop', '--unt')).toEqual(['--until-boot']);
  },
);

test('Tab must write nothing', async () => {
  const rig = completedRig();
  const before = readdirSync(rig.folder);
  for (const words of [['stop', ''], ['status', '--'], [''], ['-c', '']])
    await fitting(rig, ...words);
  expect(readdirSync(rig.folder)).toEqual(before);
});

describe.runIf(isRoot)('in the directory of another user', () => {
  test('Tab must read the config and run nothing from it', async () => {
    const runs = (what: string) => ['/bin/sh', '-c', `: >"$0/ran-${what}"; echo r2`, rig.folder];
    const rig = createRig();
    rig.configure(
      { mail: { command: fixture('idle'), ready: { command: runs('ready'), timeout: '10s' } } },
      { release: { command: runs('release') } },
    );
    const eve = 54321;
    chownSync(rig.path('workerctl.yaml'), eve, eve);
    chownSync(rig.folder, eve, eve);
    expect(await fitting(rig, 'stop', 'm')).toEqual(['mail', 'mail.1']);
    expect(existsSync(rig.path('ran-release')) || existsSync(rig.path('ran-ready'))).toBe(false);
  });
});

describe.runIf(existsSync('/bin/bash'))('bash', () => {
  test('must complete at a terminal', async () => {
    const rig = completedRig();
    writeFileSync(rig.path('other config.yaml'), 'workers: {else: {command: [sleep, "1"]}}\n');
    const prompt = await promptOf(rig, {
      command: 'env PS1=">> " bash --norc --noprofile -i',
      setUp: 'bind "set bell-style none"; eval "$(workerctl completion bash)"',
    });
    await prompt.completes('workerctl jo', 'workerctl jobs');
    await prompt.completes('workerctl stop ima', 'workerctl stop images');
    await prompt.completes('workerctl stop fsck.', 'workerctl stop fsck.daily');
    await prompt.completes('workerctl stop @sl', 'workerctl stop @slow');
    await prompt.completes('workerctl status --state=back', 'workerctl status --state=backoff');
    await prompt.completes(
      'workerctl status --state ready,back',
      'workerctl status --state ready,backoff',
    );
    await prompt.completes('workerctl stop --unt', 'workerctl stop --until-boot');
    await prompt.completes('workerctl -c wor', 'workerctl -c workerctl.yaml');
    await prompt.completes('workerctl --config=wor', 'workerctl --config=workerctl.yaml');
    await prompt.completes('workerctl -c oth', 'workerctl -c other\\ config.yaml');
    await prompt.lists('workerctl stop mail', ['mail.1', 'mail.2']);
    await prompt.lists('workerctl install ', ['cron', 'systemd', 'logrotate']);
    await prompt.end();
  });
});
