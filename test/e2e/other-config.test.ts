import { copyFileSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { expect, test } from 'vitest';
import { booted } from '../rig/instance.ts';
import { fixture } from '../rig/programs.ts';
import { createRig, type Rig } from '../rig/rig.ts';
import { watching } from '../rig/watch.ts';
import { until } from '../rig/wait.ts';

const idle = { command: fixture('idle'), ready: { after: '0.1s' } };

/** Three instances of workerctl.yaml, and a copy that wants one. */
async function copied(copy = 'copy.yaml'): Promise<Rig> {
  const rig = createRig({ mail: { ...idle, count: 1 } }, { state_dir: '/' });
  rig.configure({ mail: { ...idle, count: 1 } }, { state_dir: rig.stateDir });
  if (copy.includes('/')) mkdirSync(rig.path(copy.replace(/\/[^/]*$/, '')), { recursive: true });
  copyFileSync(rig.path('workerctl.yaml'), rig.path(copy));
  rig.configure({ mail: { ...idle, count: 3 } }, { state_dir: rig.stateDir });
  await rig.start();
  return rig;
}

const up = (rig: Rig): number =>
  [1, 2, 3].filter((id) => rig.instance(`mail.${id}`).processes().length === 1).length;

test('a copy with a lower count must drain nothing, and say so', async () => {
  const rig = await copied();
  for (let pass = 0; pass < 2; pass += 1) {
    const { exitCode, stdout } = await rig.workerctl('bootcheck', '-c', 'copy.yaml');
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: '' });
  }
  await rig.workerctl('start', '-c', 'copy.yaml');
  expect((await rig.workerctl('status', '-c', 'copy.yaml')).stdout).toMatch(
    /mail\.3 +surplus .*started by \S+\/workerctl\.yaml.*left alone; workerctl stop mail\.3 drains it/,
  );
  expect((await rig.workerctl('doctor', '-c', 'copy.yaml')).stdout).toMatch(
    /^warning +config .*copy\.yaml: mail\.1, mail\.2, mail\.3 started by .*\/workerctl\.yaml/m,
  );
  for (const id of [1, 2, 3]) expect(rig.instance(`mail.${id}`).terms()).toEqual([]);
  expect(up(rig)).toBe(3);
  expect((await rig.workerctl('doctor')).stdout).not.toContain('started by');
});

test('a watch with the copy must drain nothing, and warn once', async () => {
  const rig = await copied();
  const watch = await watching(rig, '-c', 'copy.yaml');
  await watch.quiet();
  const warnings = (): string[] =>
    rig
      .journal('warning')
      .map(({ instance }) => instance)
      .filter((name) => name.startsWith('mail'));
  await until('its warnings', () => warnings().length >= 2);
  await rig.workerctl('trigger');
  await watch.quiet();
  expect(warnings().sort()).toEqual(['mail.2', 'mail.3']);
  expect(up(rig)).toBe(3);
});

test.each([
  ['a restart', ['restart']],
  ['a count', ['want', '2', 'mail']],
  ['a stop', ['stop', 'mail.2', 'mail.3']],
])('with the copy %s must still drain: it is asked for', async (_, words) => {
  const rig = await copied();
  await rig.workerctl(...words, '-c', 'copy.yaml');
  const left = words[0] === 'want' ? 2 : 1;
  await until('the others to be left', async () => {
    await rig.workerctl('bootcheck', '-c', 'copy.yaml');
    return up(rig) === left;
  });
});

test('a config that was moved must drain what it does not want', async () => {
  const rig = await copied();
  rmSync(rig.path('workerctl.yaml'));
  renameSync(rig.path('copy.yaml'), rig.path('moved.yaml'));
  await booted(rig.instance('mail.3'));
  await rig.workerctl('bootcheck', '-c', 'moved.yaml');
  await until('one to be left', () => up(rig) === 1);
});

test('the config of the next release is the same config', async () => {
  const rig = createRig();
  const keys = { directory: rig.folder, state_dir: rig.stateDir };
  for (const [release, count] of [
    ['1', 3],
    ['2', 1],
  ] as const) {
    mkdirSync(rig.path(`releases/${release}/config`), { recursive: true });
    rig.configure(
      { mail: { ...idle, count, directory: keys.directory } },
      { state_dir: keys.state_dir },
    );
    copyFileSync(rig.path('workerctl.yaml'), rig.path(`releases/${release}/config/workerctl.yaml`));
  }
  await rig.workerctl('start', '-c', 'releases/1/config/workerctl.yaml');
  expect(up(rig)).toBe(3);
  await rig.workerctl('bootcheck', '-c', 'releases/2/config/workerctl.yaml');
  await until('one to be left', () => up(rig) === 1);
});
