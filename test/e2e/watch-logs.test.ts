// `watch --logs`: a process of its own prints the lines of the workers, so that no reader stops the watch.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readOr } from '../rig/files.ts';
import { readLinkOr, signal, strings, allPids } from '../rig/kernel.ts';
import { heard, launcher } from '../rig/programs.ts';
import { createRig, type Rig } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';

/** Says that it begins, that it is asked to end, and what it is told in between. */
const says = `echo begins; trap 'echo ends; exit 0' TERM; while :; do sleep 0.05; done`;
const talks = { command: ['sh', '-c', says], ready: { after: '0s' } };

const pidOf = (rig: Rig, name: string): number =>
  Number(readOr(rig.path(`.workerctl/${name}.pid`), '0'));

const relayOf = (rig: Rig): number | undefined =>
  allPids().find(
    (pid) =>
      strings(pid, 'cmdline').includes('relay') && readLinkOr(`/proc/${pid}/cwd`) === rig.folder,
  );

test('the first and the last line of each worker must be printed with its name, once', async () => {
  const rig = createRig({ mail: { ...talks, count: 2 }, img: talks });
  const running = rig.workerctl('watch', '--logs', '--stop-on-exit');
  const said = heard(running);
  const lines = (): string[] => said().split('\n');
  const count = (line: RegExp): number => lines().filter((one) => line.test(one)).length;
  await until('all first lines', () => count(/^(mail\.[12]|img\.1) +\| begins$/) === 3);
  const before = pidOf(rig, 'mail.1');
  signal(before);
  await until('that of the next process', () => count(/^mail\.1 +\| begins$/) === 2);
  running.kill('SIGTERM');
  expect(await running).toMatchObject({ exitCode: 0 });
  expect(count(/^(mail\.[12]|img\.1) +\| ends$/)).toBe(3);
  expect(count(/ \| begins$/)).toBe(4);
  expect(said()).toMatch(/died: 9 \(UNEXPECTED\)/);
  expect(relayOf(rig)).toBeUndefined();
});

test('with --json each line must be JSON, events and lines of workers', async () => {
  const rig = createRig({ mail: talks });
  const running = rig.workerctl('watch', '--logs', '--json');
  const said = heard(running);
  await until('its line', () => said().includes('"begins"'));
  running.kill('SIGTERM');
  await running;
  const lines = said().trim().split('\n');
  const parsed = lines.map((line) => JSON.parse(line) as { kind?: string; instance?: string });
  expect(parsed.some(({ kind }) => kind === 'started')).toBe(true);
  expect(parsed.at(-1)).toMatchObject({ kind: 'result', exit_code: 0 });
});

test('a reader that takes nothing must not stop the watch, which ends when asked', async () => {
  const floods = {
    command: ['sh', '-c', 'while :; do echo 0123456789012345678901234567890; done'],
  };
  const rig = createRig({ mail: talks, loud: floods });
  execFileSync('mkfifo', [rig.path('full')]);
  const full = openSync(rig.path('full'), 'r+');
  const watch = spawn(process.execPath, [launcher, 'watch', '--logs'], {
    cwd: rig.folder,
    stdio: ['ignore', full, 'ignore'],
  });
  const ended = once(watch, 'exit');
  await until('a relay that waits for its reader', () => {
    const relay = relayOf(rig);
    return relay !== undefined && readOr(`/proc/${relay}/wchan`, '').includes('pipe');
  });
  const before = await until('the worker', () => pidOf(rig, 'mail.1'));
  signal(before);
  await until('another process', () => ![0, before].includes(pidOf(rig, 'mail.1')));
  watch.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
  closeSync(full);
  expect(relayOf(rig)).toBeUndefined();
});

test('a relay that was killed must be replaced, and one whose watch was killed must end', async () => {
  const rig = createRig({ mail: talks });
  const running = rig.workerctl('watch', '--logs');
  const said = heard(running);
  await until('its line', () => said().includes('| begins'));
  const first = relayOf(rig) ?? 0;
  signal(first);
  await until('another relay', () => ![undefined, first].includes(relayOf(rig)));
  running.kill('SIGKILL');
  await running;
  await until('its end', () => relayOf(rig) === undefined);
});
