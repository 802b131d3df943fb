// A command that has waited for many processes keeps their records, so that the next look need not read them one by one.
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { createRig, statusOf, type Rig } from '../rig/rig.ts';

const count = 66;
const workers = {
  mail: { command: ['sleep', '1000'], count, ready: { after: '300ms' } },
  post: { command: ['sleep', '1000'], count: 4 },
};
const running = count + 4;

/** Whether a look that comes at once takes all from what was kept: what is written into a record in place is not seen. */
async function isKept(rig: Rig): Promise<boolean> {
  for (const instance of ['mail.3', 'post.2']) {
    const path = `${rig.stateDir}/${instance}.json`;
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, text.replace(/"release":"[^"]*"/, '"release":"other"'));
    const isSeen = (await statusOf(rig)).instances.some(({ release }) => release === 'other');
    writeFileSync(path, text);
    if (isSeen) return false;
  }
  return true;
}

test('a look just after a start or restart of many must find all records kept', async () => {
  const rig = createRig(workers);
  for (const words of [['start'], ['restart', 'mail', '--no-canary'], ['restart', '--overlap']]) {
    expect((await rig.workerctl(...words)).exitCode).toBe(0);
    expect(await isKept(rig), words.join(' ')).toBe(true);
  }
});

test('what happens after that must be seen at once', async () => {
  const rig = createRig(workers);
  expect((await rig.workerctl('start')).exitCode).toBe(0);
  expect((await rig.workerctl('stop', 'mail.5')).exitCode).toBe(0);
  expect(await statusOf(rig)).toMatchObject({ up: running - 1 });
  expect((await rig.workerctl('start', 'mail.5')).exitCode).toBe(0);
  expect(await statusOf(rig)).toMatchObject({ up: running, ready: running });
});

test('a command that does little must not read the records of all', async () => {
  const rig = createRig(workers);
  expect((await rig.workerctl('start')).exitCode).toBe(0);
  const { ino } = statSync(`${rig.stateDir}/.new/records`);
  for (const verb of ['stop', 'start'])
    expect((await rig.workerctl(verb, 'mail.5')).exitCode).toBe(0);
  expect(statSync(`${rig.stateDir}/.new/records`).ino).toBe(ino);
});

test('nothing must be kept of what has just begun', async () => {
  const rig = createRig(workers);
  expect((await rig.workerctl('start', '--no-wait')).exitCode).toBe(0);
  expect(existsSync(`${rig.stateDir}/.new/records`)).toBe(false);
});
