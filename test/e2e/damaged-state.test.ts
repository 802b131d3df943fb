// state.json has a second copy: one that is damaged costs nothing, and with both damaged one can still look.
import { chmodSync, chownSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { booted } from '../rig/instance.ts';
import { problemOf } from '../rig/output.ts';
import { fixture } from '../rig/programs.ts';
import { createRig, expectQuiet, statesOf, statusOf, type Rig } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';
import { watching } from '../rig/watch.ts';

const files = ['state.json', 'state.copy'] as const;

const write = (rig: Rig, name: string, text: string): void => {
  writeFileSync(`${rig.stateDir}/${name}`, text);
};

/** Three instances, of which one was stopped on purpose, and one is held. */
async function oneStopped(): Promise<Rig> {
  const rig = createRig({ mail: { command: fixture('idle'), count: 3 } });
  await rig.start();
  expect((await rig.workerctl('stop', 'mail.2')).exitCode).toBe(0);
  expect((await rig.workerctl('hold', 'mail.3')).exitCode).toBe(0);
  return rig;
}

const looks = ['status', 'status --json', 'jobs', 'events', 'logs', 'doctor', 'status mail.2'];

test.each([
  ['empty', ''],
  ['not JSON', 'x'],
  ['of another version', '{"schema": 99}'],
  ['zeros', '\0'.repeat(500)],
])(
  'a state.json that is %s must be reported once, be kept, and what was asked for must hold',
  async (_, text) => {
    const rig = await oneStopped();
    const states = await statesOf(rig);
    write(rig, 'state.json', text);
    expect(await statesOf(rig)).toEqual(states);
    for (const look of looks) {
      const { all } = await rig.shell(`workerctl ${look}`);
      expect(all, look).toMatch(/state\.json.* is damaged/);
    }
    const { exitCode, all, of } = await rig.act('bootcheck');
    expect(exitCode, all).toBe(0);
    expect(of('warning').map(problemOf)).toEqual([
      expect.stringMatching(/state\.json is damaged .*its second copy is used/) as unknown,
    ]);
    await expectQuiet(rig);
    expect(await statesOf(rig)).toEqual(states);
    expect(readFileSync(`${rig.stateDir}/state.damaged.1`, 'utf8')).toBe(text);
    const [first, second] = files.map((name) => readFileSync(`${rig.stateDir}/${name}`, 'utf8'));
    expect(first).toBe(second);
    expect(rig.instance('mail.2').processes()).toEqual([]);
  },
);

test('a state.json that was removed must come back, by a watch as well', async () => {
  const rig = await oneStopped();
  rmSync(`${rig.stateDir}/state.json`);
  await watching(rig);
  await until('state.json', () => existsSync(`${rig.stateDir}/state.json`));
  expect(rig.journal('warning').map(({ instance }) => instance)).toEqual(['state.json']);
  expect(rig.instance('mail.2').processes()).toEqual([]);
});

test('with both copies damaged one must be able to look, and be told that stops are unknown', async () => {
  const rig = await oneStopped();
  const pid = rig.instance('mail.1').pid();
  for (const name of files) write(rig, name, 'x');
  for (const look of looks) {
    const { exitCode, all } = await rig.shell(`workerctl ${look}`);
    expect(all, look).toMatch(/state\.json.* is damaged/);
    const codes = { status: 73, jobs: 73, doctor: 1 } as Record<string, number>;
    expect(exitCode, look).toBe(codes[look.split(' ')[0] ?? ''] ?? 0);
  }
  const table = await rig.workerctl('status');
  expect(table.stdout).toMatch(/^mail\.1 +ready +/m);
  expect(table.stdout).toContain('stops, holds, counts and restarts are unknown');
  const status = await statusOf(rig);
  expect(status).toMatchObject({ ok: false, wanted_is_known: false });
  expect(status.instances[0]).toMatchObject({ state: 'ready', pid });
  const metrics = await rig.workerctl('status', '--format=prometheus');
  expect(metrics.exitCode).toBe(73);
  expect(metrics.stdout).toContain('workerctl_wanted_known{');
  for (const verb of ['start', 'stop', 'restart', 'hold', 'bootcheck']) {
    const { exitCode, stderr } = await rig.workerctl(verb);
    expect({ verb, exitCode }).toEqual({ verb, exitCode: 73 });
    expect(stderr).toContain('lost: stops, holds');
  }
  expect(rig.instance('mail.1').processes()).toEqual([pid]);

  const { stderr } = await rig.workerctl('bootcheck');
  const moved = await rig.shell(/mv .*$/m.exec(stderr)?.[0] ?? 'false');
  expect(moved.exitCode, moved.all).toBe(0);
  const again = await rig.workerctl('bootcheck');
  expect(again.exitCode, again.all).toBe(0);
  expect(rig.instance('mail.1').processes()).toEqual([pid]);
});

test('with both copies damaged rollout must not say that no restart is in progress', async () => {
  const rig = await oneStopped();
  write(rig, 'state.json', 'x');
  const warned = await rig.workerctl('rollout');
  expect(warned.exitCode, warned.stderr).toBe(0);
  expect(warned.stderr).toMatch(/state\.json is damaged .*its second copy is used/);
  for (const name of files) write(rig, name, 'x');
  for (const words of [['rollout'], ['rollout', '--json']]) {
    const { exitCode, all } = await rig.workerctl(...words);
    expect(exitCode, all).toBe(73);
    expect(all).toContain('stops, holds, counts and restarts are unknown');
  }
});

test('a status in which all that runs is ready must not be a success if stops are unknown', async () => {
  const rig = createRig({ mail: { command: fixture('idle') } });
  await rig.start();
  await booted(rig.instance('mail.1'));
  for (const name of files) write(rig, name, '');
  const { exitCode, stdout } = await rig.workerctl('status');
  expect(exitCode, stdout).toBe(73);
});

test.runIf(process.geteuid?.() === 0)(
  'missing rights must be named as such, and never be followed by a hint to move or remove a file',
  async () => {
    const rig = await oneStopped();
    for (const name of files) chmodSync(`${rig.stateDir}/${name}`, 0o600);
    chmodSync(rig.folder, 0o755);
    chownSync(rig.stateDir, 65_534, 65_534);
    const asNobody = (words: string) =>
      rig.shell(`exec setpriv --reuid 65534 --regid 65534 --clear-groups workerctl ${words}`);
    for (const words of ['status', 'events', 'logs', 'doctor', 'stop']) {
      const { all } = await asNobody(words);
      expect(all, words).toContain('state.json');
      expect(all, words).toContain('cannot be read: EACCES: permission denied');
      expect(all.split('\n').filter((line) => /\b(?:move|remove)\b/.test(line))).toEqual([]);
    }
    chownSync(rig.stateDir, 0, 0);
  },
);
