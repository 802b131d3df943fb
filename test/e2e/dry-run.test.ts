import { lstatSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { booted } from '../rig/instance.ts';
import { fixture } from '../rig/programs.ts';
import { createRig, type Rig } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';

const drains = { command: fixture('drains-after-job') };

/** Every file of the state directory, byte for byte, with what tells whether it was written anew. */
const filesOf = ({ stateDir }: Rig): Record<string, string> =>
  Object.fromEntries(
    readdirSync(stateDir)
      .sort()
      .map((name) => {
        const path = join(stateDir, name);
        const stats = lstatSync(path, { bigint: true });
        const content = stats.isDirectory()
          ? readdirSync(path).join()
          : readFileSync(path, 'latin1');
        return [name, `${stats.ino} ${stats.mtimeNs} ${stats.mode} ${content}`];
      }),
  );

/** One instance each that runs, that drains, that has died, that was stopped, and that is too many. */
async function allKinds(): Promise<{ rig: Rig; names: string[] }> {
  const workers = {
    runs: drains,
    busy: drains,
    died: drains,
    halted: drains,
    many: { ...drains, count: 2 },
  };
  const rig = createRig(workers);
  await rig.start();
  await rig.instance('busy.1').giveJob();
  await rig.workerctl('restart', '--no-wait', 'busy');
  await until('its TERM', () => rig.instance('busy.1').terms().length === 1);
  await rig.workerctl('stop', 'halted');
  const dead = await booted(rig.instance('died.1'));
  process.kill(dead, 'SIGKILL');
  await rig.instance('died.1').left(dead);
  rig.configure({ ...workers, many: drains });
  return { rig, names: ['runs.1', 'busy.1', 'died.1', 'halted.1', 'many.1', 'many.2'] };
}

test('--dry-run must print the plan and change nothing', async () => {
  const { rig, names } = await allKinds();
  const look = () => ({
    files: filesOf(rig),
    processes: names.map((name) => rig.instance(name).processes()),
    terms: names.map((name) => rig.instance(name).terms()),
    boots: names.map((name) => rig.instance(name).boots()),
  });
  const before = look();
  const pid = (name: string): string => String(rig.instance(name).pid());
  const startsDied = 'start died.1: pid NN died: signal 9 (SIGKILL)';
  const drainsMany = `ask many.2 pid ${pid('many.2')} to finish (TERM): the config wants 1 of many, and not this one`;
  const expected: [string, string[]][] = [
    ['bootcheck', [drainsMany, startsDied]],
    ['start', [startsDied, 'start halted.1: pid NN has left: exit status 0']],
    [
      'stop',
      [
        `ask runs.1 pid ${pid('runs.1')} to finish (TERM): stopped at TT by WHO`,
        `ask many.1 pid ${pid('many.1')} to finish (TERM): stopped at TT by WHO`,
        `ask many.2 pid ${pid('many.2')} to finish (TERM): stopped at TT by WHO`,
      ],
    ],
    [
      'restart',
      [
        drainsMany,
        `ask runs.1 pid ${pid('runs.1')} to finish (TERM): restart of TT by WHO`,
        `ask many.1 pid ${pid('many.1')} to finish (TERM): restart of TT by WHO`,
        startsDied,
      ],
    ],
  ];
  for (const [verb, plan] of expected) {
    const { exitCode, stdout, stderr } = await rig.workerctl(verb, '--dry-run');
    expect({ verb, exitCode, stderr }).toEqual({ verb, exitCode: 0, stderr: '' });
    const stable = stdout
      .replace(/pid \d+ (died|has left)/g, 'pid NN $1')
      .replace(/\d\d:\d\d:\d\d by \S+/g, 'TT by WHO');
    expect({ verb, plan: stable.split('\n') }).toEqual({ verb, plan });
    expect({ verb, ...look() }).toEqual({ verb, ...before });
  }
});

test('--dry-run --json must print the plan as JSON', async () => {
  const rig = createRig({ mail: drains });
  const { exitCode, stdout } = await rig.workerctl('start', '--dry-run', '--json');
  expect(exitCode).toBe(0);
  expect(JSON.parse(stdout)).toEqual({
    schema: 2,
    later: [],
    plan: [
      {
        action: 'start',
        instance: 'mail.1',
        cause: 'it is not running',
        words: 'start mail.1: it is not running',
      },
    ],
  });
});

test('restart --dry-run must name those who are asked now, and those whose turn comes later', async () => {
  const rig = createRig({ mail: { ...drains, count: 3 } });
  await rig.start();
  const asked = (name: string): string =>
    `ask ${name} pid ${String(rig.instance(name).pid())} to finish (TERM): restart of TT by WHO`;
  const planOf = async (...options: string[]): Promise<string[]> => {
    const { stdout } = await rig.workerctl('restart', '--dry-run', ...options);
    return stdout.replace(/\d\d:\d\d:\d\d by \S+/g, 'TT by WHO').split('\n');
  };
  expect(await planOf()).toEqual([
    asked('mail.1'),
    'later, each when it is its turn: mail.2, mail.3',
  ]);
  expect(await planOf('--no-canary')).toEqual(['mail.1', 'mail.2', 'mail.3'].map(asked));
  const { stdout } = await rig.workerctl('restart', '--dry-run', '--json');
  expect(JSON.parse(stdout)).toMatchObject({
    plan: [{ action: 'stop', instance: 'mail.1' }],
    later: ['mail.2', 'mail.3'],
  });
  expect(rig.instance('mail.1').terms()).toEqual([]);
});

test('hold and unhold --dry-run must say who would be held, until when, and who no longer', async () => {
  const rig = createRig({ mail: { ...drains, count: 2 } });
  await rig.start();
  const planOf = async (...args: string[]): Promise<string[]> => {
    const { stdout } = await rig.workerctl(...args, '--dry-run');
    return stdout
      .replace(/(?:\d{4}-\S+ )?\d\d:\d\d:\d\d/g, 'TT')
      .replace(/by \S+/g, 'by WHO')
      .split('\n');
  };
  expect(await planOf('hold', 'mail.1')).toEqual(['leave mail.1 alone: wanted by WHO']);
  expect(await planOf('hold', '--for', '1h')).toEqual(
    ['mail.1', 'mail.2'].map((name) => `leave ${name} alone until TT: wanted by WHO`),
  );
  expect(await planOf('unhold')).toEqual(['nothing to do']);
  await rig.workerctl('hold', 'mail.2');
  expect(await planOf('unhold')).toEqual(['watch mail.2 again: held by WHO']);
  const { stdout } = await rig.workerctl('hold', 'mail.1', '--for', '1h', '--dry-run', '--json');
  expect(JSON.parse(stdout)).toMatchObject({
    plan: [
      { action: 'hold', instance: 'mail.1', until: expect.stringMatching(/^\d{4}-.*Z$/) as string },
    ],
  });
});

test('--dry-run before the first start must not make the state directory', async () => {
  const rig = createRig({ mail: drains });
  for (const verb of ['start', 'stop', 'restart', 'bootcheck'])
    expect((await rig.workerctl(verb, '--dry-run')).exitCode, verb).toBe(0);
  expect((await rig.shell('ls -A')).stdout.split('\n')).toEqual(['bin', 'workerctl.yaml']);
});

test('--dry-run must say so when there is nothing to do', async () => {
  const rig = createRig({ mail: drains });
  await rig.start();
  for (const verb of ['start', 'bootcheck'])
    expect((await rig.workerctl(verb, '--dry-run')).stdout).toBe('nothing to do');
});

test('--dry-run must not wait for a pass that is at work', async () => {
  const rig = createRig({ mail: drains });
  await rig.start();
  const { exitCode, stdout } = await rig.shell(
    'flock .workerctl/pass.lock workerctl start --dry-run',
  );
  expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: 'nothing to do' });
});
