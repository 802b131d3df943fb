// Links that others have prepared where workerctl writes or reads. Needs root; skipped without.
import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  mkdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { expect, test } from 'vitest';
import { readOr } from '../rig/files.ts';
import { fixture, isRoot } from '../rig/programs.ts';
import { createRig, type Rig } from '../rig/rig.ts';

const idle = { command: fixture('idle') };
const eve = 54321;

/** A directory of another user, and a file of root that must keep its text. */
function rigOfTwo(keys: object = {}, top: Readonly<Record<string, unknown>> = {}): Rig {
  const rig = createRig();
  rig.configure({ mail: { ...idle, ...keys } }, top);
  mkdirSync(rig.path('eve'));
  chownSync(rig.path('eve'), eve, eve);
  writeFileSync(rig.path('secret'), 'of root\n', { mode: 0o600 });
  return rig;
}

function prepare(rig: Rig, name: string, target: string): void {
  symlinkSync(target, rig.path(name));
  lchownSync(rig.path(name), eve, eve);
}

test.runIf(isRoot).each([
  ['the log', { log: { file: 'eve/%n.log' } }, 'eve/mail.1.log', 'secret'],
  ['a log that does not exist', { log: { file: 'eve/%n.log' } }, 'eve/mail.1.log', 'made'],
  ['the directory of logs', { log: { file: 'eve/log/%n.log' } }, 'eve/log', '.'],
  ['an env file', { env_files: ['eve/.env'] }, 'eve/.env', 'secret'],
])('%s behind a link of another user must be refused', async (_, keys, link, target) => {
  const rig = rigOfTwo(keys);
  prepare(rig, link, rig.path(target));
  const { exitCode, all } = await rig.workerctl('start');
  expect(exitCode, all).toBe(1);
  expect(all).toContain(`the link ${rig.path(link)}, and it belongs to #${eve}`);
  expect(readOr(rig.path('secret'), '')).toBe('of root\n');
  for (const made of ['made', 'mail.1.log']) expect(existsSync(rig.path(made)), made).toBe(false);
});

test.runIf(isRoot)('a linked log directory of our own must be followed', async () => {
  const rig = rigOfTwo({ log: { file: 'log/%n.log' } });
  mkdirSync(rig.path('shared'));
  symlinkSync('shared', rig.path('log'));
  await rig.start();
  expect(existsSync(rig.path('shared/mail.1.log'))).toBe(true);
});

test.runIf(isRoot)(
  '--trust-config must trust the links of those who can write the config',
  async () => {
    const rig = rigOfTwo({ log: { file: 'log/%n.log' } });
    mkdirSync(rig.path('shared'));
    symlinkSync('shared', rig.path('log'));
    await rig.shell(`chown -h ${eve} log . workerctl.yaml`);
    const { exitCode, all } = await rig.workerctl('start', '--trust-config', 'workerctl.yaml');
    expect(exitCode, all).toBe(0);
  },
);

test.runIf(isRoot)('a state directory behind a link of another user must be refused', async () => {
  const rig = rigOfTwo({}, { state_dir: 'eve/state' });
  mkdirSync(rig.path('other'));
  prepare(rig, 'eve/state', rig.path('other'));
  const { exitCode, all } = await rig.workerctl('start');
  expect(exitCode, all).toBe(73);
  expect(all).toContain(`the link ${rig.path('eve/state')}`);
});

test.runIf(isRoot)('links prepared beside a pidfile must not be followed', async () => {
  const rig = rigOfTwo({ pidfile: 'eve/%n.pid' });
  for (const name of ['mail.1.pid', 'mail.1.pid.new'])
    prepare(rig, `eve/${name}`, rig.path('secret'));
  const { exitCode, all } = await rig.workerctl('start');
  expect(exitCode, all).toBe(0);
  expect(readOr(rig.path('secret'), '')).toBe('of root\n');
  expect(readOr(rig.path('eve/mail.1.pid'), '')).toMatch(/^\d+\n$/);
});

test.runIf(isRoot).each([
  ['every user', 0o666, 'o-w'],
  ['the members of a group', 0o664, 'g-w'],
])('an env file that %s can write must be refused', async (_, mode, right) => {
  const rig = rigOfTwo({ env_files: ['.env'] });
  writeFileSync(rig.path('.env'), 'A=1\n');
  chownSync(rig.path('.env'), 0, eve);
  chmodSync(rig.path('.env'), mode);
  const { exitCode, all } = await rig.workerctl('start');
  expect(exitCode, all).toBe(1);
  expect(all).toContain(`chmod ${right} ${rig.path('.env')}`);
  chmodSync(rig.path('.env'), 0o644);
  await rig.start();
});
