// A waiting command comes to its end, whatever else happens in the state directory, and whatever other commands do meanwhile.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { readOr } from '../rig/files.ts';
import { fixture } from '../rig/programs.ts';
import { createRig } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';

/** Changes a file two hundred times a second. */
const noisy = `
const fd = require('node:fs').openSync(process.argv[1], 'a');
setInterval(() => require('node:fs').writeSync(fd, 'noise'), 5);
console.log('noisy');`;

test('restart must see a death that no file tells of, while other files change all the time', async () => {
  const rig = createRig({ mail: { command: fixture('drains-after-job') } });
  await rig.start();
  const mail = rig.instance('mail.1');
  await mail.giveJob();
  const [old = 0] = mail.boots();
  const restart = rig.shell('workerctl restart --no-canary >told');
  await mail.asked();
  const noise = spawn(process.execPath, ['-e', noisy, `${rig.stateDir}/other`]);
  await once(noise.stdout, 'data');
  try {
    const shim = Number(/"shim_pid":(\d+)/.exec(readOr(`${rig.stateDir}/mail.1.json`, ''))?.[1]);
    process.kill(shim, 'SIGKILL');
    // It also looks whenever it has something to report.
    await until('its first report', () => readOr(rig.path('told'), '').includes('waiting for'));
    mail.finishJob();
    await until('its replacement', () => mail.pid() !== old && mail.boots().length === 2);
    const { exitCode, all } = await restart;
    expect(exitCode, all).toBe(0);
    expect(mail.terms()).toEqual([old]);
  } finally {
    noise.kill('SIGKILL');
  }
});

test('restart must end if fewer are wanted meanwhile, and leave the surplus one alone', async () => {
  const rig = createRig({ mail: { command: fixture('drains-after-job'), count: 2 } });
  await rig.start();
  const [one, two] = ['mail.1', 'mail.2'].map((name) => rig.instance(name));
  for (const mail of [one, two]) await mail?.giveJob();
  const restart = rig.act('restart', '--no-canary');
  for (const mail of [one, two]) await mail?.asked();
  expect((await rig.workerctl('want', '1', 'mail')).exitCode).toBe(0);
  for (const mail of [one, two]) mail?.finishJob();
  const { exitCode, all, story } = await restart;
  expect(exitCode, all).toBe(0);
  expect(story('skipped_surplus')).toEqual(['skipped_surplus mail.2']);
  expect(one?.boots()).toHaveLength(2);
  expect(two?.boots()).toHaveLength(1);
});

test('stop must end with 1 if another command starts what it waits for', async () => {
  const rig = createRig({ mail: { command: fixture('drains-after-job'), count: 2 } });
  await rig.start();
  const [one, two] = ['mail.1', 'mail.2'].map((name) => rig.instance(name));
  await one?.giveJob();
  const stop = rig.act('stop');
  await one?.asked();
  await until('the idle one to exit', () => two?.pid() === undefined);
  expect((await rig.workerctl('start', 'mail.1')).exitCode).toBe(1);
  const { exitCode, all, story } = await stop;
  expect(exitCode, all).toBe(1);
  expect(story('started_again')).toEqual(['started_again mail.1']);
  one?.finishJob();
  await until('it to exit', () => one?.processes().length === 0);
  await rig.workerctl('bootcheck');
  await until('bootcheck to start it', () => one?.boots().length === 2);
  expect(two?.processes()).toEqual([]);
});
