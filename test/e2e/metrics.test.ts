import { mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { booted, successor } from '../rig/instance.ts';
import { freePort } from '../rig/port.ts';
import { fixture, type Running } from '../rig/programs.ts';
import { createRig, type Rig } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';
import { watching } from '../rig/watch.ts';

const idle = { command: fixture('idle') };
const success = 'workerctl_bootcheck_last_success_timestamp_seconds';

/** The value of a sample with these labels, besides the config; undefined where there is none. */
function sample(text: string, name: string, labels = ''): number | undefined {
  const line = text
    .split('\n')
    .find((one) => one.startsWith(`${name}{`) && one.includes(labels.replaceAll("'", '"')));
  return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(' ')));
}

const started = (text: string): number | undefined =>
  sample(text, 'workerctl_events_total', "kind='started'");

test('status --format=prometheus must show what status shows', async () => {
  const rig = createRig({ mail: { ...idle, count: 2 }, maps: idle });
  await rig.start('mail');
  const { exitCode, stdout, stderr } = await rig.workerctl('status', '--format=prometheus');
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  for (const [name, labels, value] of [
    ['instances_wanted', "worker='mail'", 2],
    ['instances_ready', "worker='mail'", 2],
    ['instances_missing', "worker='mail'", 0],
    ['instances_missing', "worker='maps'", 1],
    ['instance_state', "worker='mail',identifier='2',state='ready'", 1],
    ['instance_state', "worker='maps',identifier='1',state='missing'", 1],
    ['instance_state', "worker='maps',identifier='1',state='frozen'", 0],
    ['rollouts', "state='in_progress'", 0],
  ] as const)
    expect(sample(stdout, `workerctl_${name}`, labels), `${name} ${labels}`).toBe(value);
  expect(stdout).not.toContain(success);
  for (const line of stdout.split('\n').filter((one) => !/^(#|$)/.test(one)))
    expect(line).toMatch(/^workerctl_\w+\{config="[^"]+workerctl\.yaml"(,\w+="[^"]*")*\} \S+$/);
  const some = await rig.workerctl('status', '--format=prometheus', 'mail');
  expect(some.exitCode).toBe(2);
});

test('bootcheck --metrics must write a file for all to read, whose counters go on', async () => {
  const rig = createRig({ mail: idle });
  const folder = rig.path('collector');
  const file = rig.path('collector/app.prom');
  mkdirSync(folder);
  const bootcheck = async (): Promise<string> => {
    const { exitCode, all } = await rig.shell(`umask 077; workerctl bootcheck --metrics ${file}`);
    expect(exitCode, all).toBe(0);
    return readFileSync(file, 'utf8');
  };
  const before = Date.now() / 1000;
  const first = await bootcheck();
  expect(statSync(file).mode & 0o777).toBe(0o644);
  expect(started(first)).toBe(1);
  expect(sample(first, success)).toBeGreaterThanOrEqual(Math.floor(before));
  expect(sample(first, success)).toBeLessThanOrEqual(Date.now() / 1000 + 1);

  const mail = rig.instance('mail.1');
  const old = await booted(mail);
  await until('it to be ready', async () => (await rig.workerctl('status')).exitCode === 0);
  process.kill(old, 'SIGKILL');
  await mail.left(old);
  expect(started(await bootcheck())).toBe(2);
  await successor(mail, old);
  const third = await bootcheck();
  expect(started(third), 'nothing was started').toBe(2);
  expect(sample(third, success)).toBeGreaterThan(sample(first, success) ?? Infinity);
  expect(readdirSync(folder)).toEqual(['app.prom']);
  rmSync(file);
  expect(started(await bootcheck()), 'the file is the memory').toBe(0);
});

test('a bootcheck that fails must keep the time of the last good one, and update the rest', async () => {
  const rig = createRig({ mail: idle });
  const file = rig.path('app.prom');
  const bootcheck = () => rig.workerctl('bootcheck', '--metrics', file);
  expect((await bootcheck()).exitCode).toBe(0);
  const good = sample(readFileSync(file, 'utf8'), success);
  expect(good).toBeDefined();
  rig.configure({ mail: idle, maps: { ...idle, directory: '/nowhere' } });
  expect((await bootcheck()).exitCode).toBe(1);
  const text = readFileSync(file, 'utf8');
  expect(sample(text, success)).toBe(good);
  expect(sample(text, 'workerctl_events_total', "kind='start_failed'")).toBe(1);
  expect(sample(text, 'workerctl_instances_wanted', "worker='maps'")).toBe(1);
  expect(sample(text, 'workerctl_instances_up', "worker='maps'")).toBe(0);
});

test('a reader must never see half a file while bootchecks write it', async () => {
  const rig = createRig({ mail: { ...idle, count: 20 } });
  const file = rig.path('app.prom');
  expect((await rig.workerctl('bootcheck', '--metrics', file)).exitCode).toBe(0);
  const whole = readFileSync(file, 'utf8').split('\n').length;
  let isOver = false;
  const writing = rig
    .shell(`for i in 1 2 3 4; do workerctl bootcheck --metrics ${file} || exit; done`)
    .then(({ exitCode }) => {
      isOver = true;
      return exitCode;
    });
  await until('the bootchecks to end', () => {
    expect(readFileSync(file, 'utf8').split('\n')).toHaveLength(whole);
    return isOver;
  });
  expect(await writing).toBe(0);
});

test('a metrics file that cannot be written must be reported, after the work was done', async () => {
  const rig = createRig({ mail: idle });
  const { exitCode, all } = await rig.workerctl('bootcheck', '--metrics', 'nowhere/app.prom');
  expect(exitCode).not.toBe(0);
  expect(all).toContain('nowhere/app.prom');
  await booted(rig.instance('mail.1'));
  const dry = rig.path('dry.prom');
  expect((await rig.workerctl('bootcheck', '--dry-run', '--metrics', dry)).exitCode).toBe(0);
  expect(readdirSync(rig.folder)).not.toContain('dry.prom');
});

/** A port that nobody has; another one may take it before we do. */

/** Starts a watch, and waits until it answers. */
async function watched(rig: Rig, ...args: string[]): Promise<{ running: Running }> {
  const { running } = await watching(rig, ...args);
  return { running };
}

test('watch --metrics-listen must answer a scraper with what is true now, and nothing else', async () => {
  const rig = createRig({ mail: { ...idle, count: 2 } });
  await rig.start();
  const port = await freePort();
  const { running } = await watched(rig, '--metrics-listen', `127.0.0.1:${port}`);
  const url = `http://127.0.0.1:${port}/metrics`;
  const scrape = async (): Promise<string> => {
    const response = await fetch(url);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    return response.text();
  };
  expect(sample(await scrape(), 'workerctl_instances_ready', "worker='mail'")).toBe(2);
  const mail = rig.instance('mail.1');
  const old = await booted(mail);
  process.kill(old, 'SIGKILL');
  await successor(mail, old);
  await until('the start to be counted', async () => started(await scrape()) === 1);
  expect(sample(await scrape(), 'workerctl_events_total', "kind='died'")).toBe(1);
  const pid = await booted(rig.instance('mail.2'));
  process.kill(pid, 'SIGSTOP');
  await until(
    'the frozen one to be seen',
    async () =>
      sample(await scrape(), 'workerctl_instance_state', "identifier='2',state='frozen'") === 1,
  );
  await until(
    'the other one to be ready, and the frozen one not to be',
    async () => sample(await scrape(), 'workerctl_instances_ready', "worker='mail'") === 1,
  );
  expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(404);
  expect((await fetch(url, { method: 'POST' })).status).toBe(405);
  running.kill('SIGTERM');
  expect((await running).exitCode).toBe(0);
  await expect(fetch(url)).rejects.toThrow();
});

test('metrics must be for this host only, unless --listen-unsafe is given', async () => {
  const rig = createRig({ mail: idle });
  await rig.start();
  for (const address of [
    '0.0.0.0:9464',
    '[::]:9464',
    '10.1.2.3:9464',
    'example.com:9464',
    '9464x',
  ]) {
    const { exitCode, all } = await rig.workerctl('watch', '--metrics-listen', address);
    expect({ address, exitCode }, all).toEqual({ address, exitCode: 2 });
    expect(all).toContain('--metrics-listen');
  }
  const port = await freePort();
  await watched(rig, '--metrics-listen', `0.0.0.0:${port}`, '--listen-unsafe');
  expect((await fetch(`http://127.0.0.1:${port}/metrics`)).status).toBe(200);
  const taken = await createRig({ mail: idle }).workerctl('watch', '--metrics-listen', `${port}`);
  expect(taken.exitCode, taken.all).toBe(1);
});

test.each([[['--metrics']], [['--metrics', 'app.txt']], [['--metrics=']]])(
  'bootcheck %j must be refused before anything is done',
  async (words) => {
    const rig = createRig({ mail: { command: fixture('idle') } });
    expect((await rig.workerctl('bootcheck', ...words)).exitCode).toBe(2);
    expect(rig.instance('mail.1').processes()).toEqual([]);
  },
);

test('the metrics of a watch must answer while state.json and its copy are damaged, and say that', async () => {
  const rig = createRig({ mail: { ...idle, count: 2 } });
  await rig.start();
  const port = await freePort();
  await watched(rig, '--metrics-listen', `127.0.0.1:${port}`);
  for (const name of ['state.json', 'state.copy']) writeFileSync(`${rig.stateDir}/${name}`, 'x');
  const scrape = async () => await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  await until(
    'an impaired watch',
    async () => sample(await scrape(), 'workerctl_watch_impaired') === 1,
  );
  const text = await scrape();
  expect(sample(text, 'workerctl_wanted_known')).toBe(0);
  expect(sample(text, 'workerctl_instances_up', "worker='mail'")).toBe(2);
});
