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

/** One instance each that runs, that drains, that has died, that was stopped, and that is surplus. */
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

interface Estimate {
  readonly usual_drain_seconds: number;
}

/** The actions of a plan in JSON: `stop mail.1`. */
const planIn = (text: string): string[] =>
  (JSON.parse(text) as { plan: { action: string; instance: string }[] }).plan.map(
    ({ action, instance }) => `${action} ${instance}`,
  );

/** What a command would do. */
const planOf = async (rig: Rig, ...args: string[]): Promise<string[]> =>
  planIn((await rig.workerctl(...args, '--dry-run', '--json')).stdout);

test('--dry-run must print the plan and change nothing', async () => {
  const { rig, names } = await allKinds();
  const look = () => ({
    files: filesOf(rig),
    processes: names.map((name) => rig.instance(name).processes()),
    terms: names.map((name) => rig.instance(name).terms()),
    boots: names.map((name) => rig.instance(name).boots()),
  });
  const before = look();
  const expected: [string, string[]][] = [
    ['bootcheck', ['stop many.2', 'start died.1']],
    ['start', ['start died.1', 'start halted.1']],
    ['stop', ['stop runs.1', 'stop many.1', 'stop many.2']],
    ['restart', ['stop many.2', 'stop runs.1', 'stop many.1', 'start died.1']],
  ];
  for (const [verb, plan] of expected) {
    expect({ verb, plan: await planOf(rig, verb) }).toEqual({ verb, plan });
    const { exitCode, stdout, stderr } = await rig.workerctl(verb, '--dry-run');
    const refused = verb === 'start' ? ['busy.1: still draining'] : [];
    expect({ verb, exitCode, stderr }).toEqual({ verb, exitCode: refused.length, stderr: '' });
    const lines = [...plan.map((action) => action.split(' ')[1] ?? ''), ...refused];
    for (const [index, line] of stdout.split('\n').entries())
      expect(line).toContain(lines[index] ?? 'no such line');
    expect({ verb, ...look() }).toEqual({ verb, ...before });
  }
});

test('--dry-run --json must print the plan as JSON', async () => {
  const rig = createRig({ mail: drains });
  const { exitCode, stdout } = await rig.workerctl('start', '--dry-run', '--json');
  expect(exitCode).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    schema: 2,
    later: [],
    plan: [{ action: 'start', instance: 'mail.1', cause: expect.any(String) as string }],
  });
});

test('restart --dry-run must list what is asked now, and what is asked later', async () => {
  const rig = createRig({ mail: { ...drains, count: 3 } });
  await rig.start();
  const { stdout } = await rig.workerctl('restart', '--dry-run', '--json');
  expect(JSON.parse(stdout)).toMatchObject({
    plan: [{ action: 'stop', instance: 'mail.1' }],
    later: ['mail.2', 'mail.3'],
  });
  expect(await planOf(rig, 'restart', '--no-canary')).toEqual(
    ['mail.1', 'mail.2', 'mail.3'].map((name) => `stop ${name}`),
  );
  const { stdout: text } = await rig.workerctl('restart', '--dry-run');
  expect(text).toMatch(/mail\.1.*\n.*mail\.2, mail\.3/);
  expect(rig.instance('mail.1').terms()).toEqual([]);
});

test('restart --dry-run must say how long the drains will take once three of the worker are known', async () => {
  const script =
    "trap 'sleep 0.4; exit 0' TERM; echo $$ >>$RIG/$WORKERCTL_INSTANCE.boots; while :; do sleep 0.1; done";
  const rig = createRig({ mail: { command: ['sh', '-c', script], count: 3 }, other: drains });
  await rig.start();
  const estimates = async (...options: string[]): Promise<unknown> => {
    const { stdout } = await rig.workerctl('restart', '--dry-run', '--json', ...options);
    return (JSON.parse(stdout) as { estimates?: unknown }).estimates;
  };
  expect(await estimates(), 'before any drain').toEqual([]);
  await rig.workerctl('stop', '--now', 'mail.1');
  await rig.start('mail.1');
  await rig.workerctl('restart', 'mail.2', 'mail.3', 'other');
  for (const name of ['mail.2', 'mail.3']) await booted(rig.instance(name));
  expect(await estimates(), 'two drains, and one that was killed').toEqual([]);
  expect((await rig.workerctl('restart', 'mail')).exitCode).toBe(0);

  const [{ usual_drain_seconds: usual } = { usual_drain_seconds: 0 }] =
    (await estimates()) as Estimate[];
  expect(usual).toBeGreaterThanOrEqual(0.4);
  const worker = 'mail';
  for (const [options, rounds] of [
    [['--no-canary', '--batch', '3'], 1],
    [['--batch', '3'], 2],
    [['--batch', '1'], 3],
    [['--no-canary', 'mail.1'], 1],
  ] as const)
    expect(await estimates(...options), options.join(' ')).toEqual([
      {
        worker,
        usual_drain_seconds: usual,
        total_seconds: expect.closeTo(rounds * usual, 5) as number,
      },
    ]);
  const { stdout } = await rig.workerctl('restart', '--dry-run', '--batch', '1');
  expect(stdout).toMatch(/^mail: the drains take about \S+; one usually takes \S+$/m);
  expect(stdout).not.toMatch(/^other: the drains/m);
});

test('hold and unhold --dry-run must list what would be held, until when, and what no longer', async () => {
  const rig = createRig({ mail: { ...drains, count: 2 } });
  await rig.start();
  expect(await planOf(rig, 'hold', 'mail.1')).toEqual(['hold mail.1']);
  expect(await planOf(rig, 'hold', '--for', '1h')).toEqual(['hold mail.1', 'hold mail.2']);
  expect(await planOf(rig, 'unhold')).toEqual([]);
  await rig.workerctl('hold', 'mail.2');
  expect(await planOf(rig, 'unhold')).toEqual(['unhold mail.2']);
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

test('--dry-run must say so if there is nothing to do', async () => {
  const rig = createRig({ mail: drains });
  await rig.start();
  for (const verb of ['start', 'bootcheck']) expect(await planOf(rig, verb), verb).toEqual([]);
});

test('--dry-run must not wait for a pass that is at work', async () => {
  const rig = createRig({ mail: drains });
  await rig.start();
  const { exitCode, stdout } = await rig.shell(
    'flock .workerctl/pass.lock workerctl start --dry-run --json',
  );
  expect({ exitCode, plan: planIn(stdout) }).toEqual({ exitCode: 0, plan: [] });
});

test('a restart of instances that are all stopped must be refused by its dry run too', async () => {
  const rig = createRig({ mail: { ...drains, count: 2 } });
  await rig.workerctl('start');
  await rig.workerctl('stop', 'mail.1');
  expect((await rig.workerctl('restart', '--dry-run')).exitCode).toBe(0);
  await rig.workerctl('stop');
  for (const options of [['--dry-run'], []])
    expect((await rig.workerctl('restart', ...options)).exitCode).toBe(1);
  const { stdout } = await rig.workerctl('restart', '--dry-run');
  expect(stdout).toBe(
    'nothing would be restarted: mail.1, mail.2 are stopped on purpose (workerctl start)',
  );
});
