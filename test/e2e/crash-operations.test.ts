// The command that shows an operation, and the process that runs it, are killed at many moments. The same request is sent
// again until there is an answer: each instance must have been restarted once at most, and never behind an answer of 0.
// The workers note how often they were booted and asked to stop; nothing of workerctl's own files is believed.
import { expect, test } from 'vitest';
import { counts } from '../rig/crash.ts';
import { crashedRunners, crashes, request, started } from '../rig/crash-operations.ts';
import { runnersOf } from '../rig/operations.ts';
import { pause, until } from '../rig/wait.ts';

test('a command killed behind any of its effects must not keep the next from the one restart', async () => {
  const answers = await crashes(1, (rig, env) => rig.workerctlWith(env, ...request));
  expect(answers.length).toBeGreaterThan(2);
  for (const answer of answers) expect(answer).toEqual({ exitCode: 0, restarted: 2 });
});

test('a process killed behind every fourth of its effects must leave a restart that is not begun again', async () => {
  const answers = await crashedRunners(4);
  const killed = answers.filter(({ exitCode }) => exitCode === 4);
  expect(answers.length).toBeGreaterThan(5);
  expect(killed.length).toBeGreaterThan(2);
  expect(killed.some(({ restarted }) => restarted === 2)).toBe(true);
});

test('two of three controllers killed while they ask must not keep the third from its one restart', async () => {
  for (const ms of [60, 90, 120, 150]) {
    const rig = await started();
    const all = [0, 1, 2].map(() => rig.workerctl(...request));
    await pause(ms); // any moment will do
    for (const one of all.slice(0, 2)) one.kill('SIGKILL');
    const [, , third] = await Promise.all(all);
    expect(third?.exitCode, third?.all).toBe(0);
    expect(counts(rig, 'boots')).toEqual([2, 2]);
    await until('all to end', () => runnersOf(rig, 'a').length === 0);
  }
});
