// A worker whose output goes through a true svlogd, and what logrotate and systemd say about what workerctl prints for them.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { readOr } from '../rig/files.ts';
import { until } from '../rig/wait.ts';
import { createRig, type Rig } from './rig.ts';

const has = (program: string): boolean =>
  spawnSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' }).status === 0;

let rig: Rig;
beforeEach(() => {
  rig = createRig();
});
afterEach(() => rig.end());

function configure(workers: object): void {
  writeFileSync(join(rig.folder, 'workerctl.yaml'), stringify({ workers }));
}

const numbers = [
  'sh',
  '-c',
  'i=0; while [ $i -lt 30000 ]; do echo $i; i=$((i + 1)); done; exec sleep 1000',
];

test.runIf(has('svlogd'))('svlogd must get every line and rotate its files', async () => {
  const out = join(rig.folder, 'out');
  mkdirSync(out);
  writeFileSync(join(out, 'config'), 's20000\nn100\n');
  const env = { ...rig.env, PATH: process.env['PATH'] ?? '' };
  configure({ mail: { command: numbers, env, log: { command: ['svlogd', out] } } });
  expect((await rig.workerctl('start')).exitCode).toBe(0);
  await until('the last line', () => readOr(join(out, 'current'), '').endsWith('29999\n'), 60_000);
  const files = readdirSync(out)
    .filter((file) => /^@|^current$/.test(file))
    .sort();
  expect(files.length).toBeGreaterThan(5);
  const lines = files
    .map((file) => readFileSync(join(out, file), 'utf8'))
    .join('')
    .trimEnd()
    .split('\n');
  expect(lines.findIndex((line, i) => line !== String(i))).toBe(-1);
  expect((await rig.workerctl('stop')).exitCode).toBe(0);
});

test.runIf(has('logrotate'))('logrotate must understand what is printed for it', async () => {
  mkdirSync(join(rig.folder, 'a [b] c'));
  writeFileSync(join(rig.folder, 'a [b] c/mail.1.log'), 'x\n');
  configure({ mail: { command: 'sleep 1000', log: { file: 'a [b] c/%n.log' } } });
  const { stdout } = await rig.workerctl('install', 'logrotate');
  const file = join(rig.folder, 'logrotate.conf');
  writeFileSync(file, stdout, { mode: 0o644 });
  const state = join(rig.folder, 'state');
  const { exitCode, all } = await rig.run('logrotate', ['-d', '-f', '-s', state, file]);
  expect(exitCode).toBe(0);
  expect(all).not.toMatch(/^error/m);
  expect(all).toContain(`truncating ${rig.folder}/a [b] c/mail.1.log`);
});

test.runIf(has('systemd-analyze'))('systemd must understand the unit', async () => {
  configure({ mail: { command: 'sleep 1000' } });
  const { stdout } = await rig.workerctl('install', 'systemd');
  const file = join(rig.folder, 'workerctl.service');
  writeFileSync(file, `${stdout}\n`);
  const { exitCode, all } = await rig.run('systemd-analyze', ['verify', file]);
  expect([exitCode, all]).toEqual([0, '']);
});

test.runIf(has('systemd-analyze'))('systemd must understand exported units', async () => {
  const worker = {
    command: ['/bin/sleep', 'a $HOME ${x} "q" %%', '%i'],
    env: { A: '$1 "q" %n' },
    stop: { signal: 'INT', quiet: 'USR1' },
  };
  const red = { ...worker, identifiers: ['red'], on_exit: 'on_failure' };
  configure({ mail_Out: { ...worker, count: 2 }, fsck: red });
  const out = join(rig.folder, 'units');
  expect(await rig.workerctl('export', 'systemd', '--out', out)).toMatchObject({ exitCode: 0 });
  const names = ['mail_Out@.service', 'mail_Out.target', 'fsck@.service', 'fsck.target'];
  const files = names.map((name) => join(out, `workerctl-${name}`));
  const { exitCode, all } = await rig.run('systemd-analyze', ['verify', ...files]);
  expect([exitCode, all]).toEqual([0, '']);
});
