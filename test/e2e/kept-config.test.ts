// What the config means is kept in the state directory for as long as its text is the same.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readOr } from '../rig/files.ts';
import { launcher } from '../rig/programs.ts';
import { createRig, type Rig } from '../rig/rig.ts';

const configOf = (count: number, keys = ''): string =>
  `${keys}workers: {mail: {command: [sleep, "1000"], count: ${count}, env: {TOKEN: secret}}}\n`;

const keptIn = (stateDir: string): string => `${stateDir}/.new/config`;

/** A worker that runs: its start, which has made the state directory, has kept its config. */
async function createStarted(keys = ''): Promise<Rig> {
  const rig = createRig({});
  rig.writeConfig(configOf(1, keys));
  const { exitCode, all } = await rig.workerctl('start');
  expect(exitCode, all).toBe(0);
  return rig;
}

const wantedIn = async (rig: Rig, ...words: string[]): Promise<unknown> => {
  const { stdout } = await rig.workerctl('status', '--json', ...words);
  return (JSON.parse(stdout) as { wanted: number }).wanted;
};

test('a look must take what the last one has kept, wherever the state directory is', async () => {
  for (const [keys, folder] of [
    ['', '.workerctl'],
    ['state_dir: var/run\n', 'var/run'],
  ] as const) {
    const rig = await createStarted(keys);
    const kept = keptIn(rig.path(folder));
    // Only to see that it is read: nobody else would know what the text means.
    const changed = readFileSync(kept, 'utf8').replaceAll('["1"]', '["1","2"]');
    writeFileSync(kept, changed);
    expect(await wantedIn(rig)).toBe(2);
  }
});

test('another text must count at once, whatever its size and times, and the one before as well', async () => {
  const rig = await createStarted();
  const path = rig.path('workerctl.yaml');
  const { atime, mtime } = statSync(path);
  for (const count of [3, 2, 3, 1]) {
    rig.writeConfig(configOf(count));
    utimesSync(path, atime, mtime);
    expect(await wantedIn(rig)).toBe(count);
    await rig.workerctl('bootcheck');
    expect(await wantedIn(rig), 'and once more').toBe(count);
  }
});

test('a config that is wrong must be refused, though a right one is kept', async () => {
  const rig = await createStarted();
  rig.writeConfig(configOf(1).replace('count', 'cuont'));
  for (let round = 0; round < 2; round += 1) {
    const { exitCode, all } = await rig.workerctl('status');
    expect(exitCode).toBe(78);
    expect(all).toContain('count');
  }
});

test('one that not everybody may read must not be written down a second time', async () => {
  const rig = createRig({});
  rig.writeConfig(configOf(1));
  chmodSync(rig.path('workerctl.yaml'), 0o640);
  for (const verb of ['start', 'bootcheck', 'status'])
    expect((await rig.workerctl(verb)).exitCode).toBe(0);
  expect(existsSync(keptIn(rig.stateDir))).toBe(false);
});

test('what is kept of one that is hidden from now on must not be used, and be gone with the next boot check', async () => {
  const rig = await createStarted();
  expect(readOr(keptIn(rig.stateDir), '')).toContain('secret');
  chmodSync(rig.path('workerctl.yaml'), 0o600);
  expect((await rig.workerctl('bootcheck')).exitCode).toBe(0);
  expect(existsSync(keptIn(rig.stateDir))).toBe(false);
});

test('who only looks must keep nothing', async () => {
  const rig = await createStarted();
  rig.writeConfig(configOf(2));
  const before = readFileSync(keptIn(rig.stateDir), 'utf8');
  for (const words of [['status'], ['check'], ['doctor'], ['bootcheck', '--dry-run'], ['logs']])
    await rig.workerctl(...words);
  expect(readFileSync(keptIn(rig.stateDir), 'utf8')).toBe(before);
});

test.each(['status', 'bootcheck'])(
  '%s of what runs must load no part of Node.js that is slow to load',
  async (verb) => {
    const rig = await createStarted();
    // With an option such as --require, the launcher asks V8 under which name it keeps what has been compiled.
    const script = rig.path('list-modules.cjs');
    const list = `process.on('exit', () => require('fs').writeFileSync('modules', process.moduleLoadList.join('\\n')));`;
    writeFileSync(script, `${list}\nrequire(${JSON.stringify(launcher)});\n`);
    const folder = rig.path('.');
    const { status } = spawnSync(process.execPath, [script, verb], {
      cwd: folder,
      stdio: 'ignore',
    });
    expect(status).toBe(0);
    const loaded = readFileSync(rig.path('modules'), 'utf8')
      .split('\n')
      .map((each) => each.replace('NativeModule ', ''));
    expect(loaded).toContain('vm');
    const slow = [
      'assert',
      'child_process',
      'crypto',
      'http',
      'net',
      'readline',
      'stream',
      'tty',
      'worker_threads',
      'zlib',
    ];
    expect(loaded.filter((name) => slow.includes(name))).toEqual([]);
  },
);
