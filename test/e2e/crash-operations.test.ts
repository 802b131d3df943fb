// The command that shows an operation, and the process that runs it, are killed at many moments. The same request is sent
// again until there is an answer: each instance must have been restarted once at most, and never behind an answer of 0.
// The workers note how often they were booted and asked to stop; nothing of workerctl's own files is believed.
import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { counts } from '../rig/crash.ts';
import { request, sendAgain, started, type Answer } from '../rig/crash-operations.ts';
import { operationFile, runnersOf } from '../rig/operations.ts';
import type { Running, Variables } from '../rig/programs.ts';
import type { Rig } from '../rig/rig.ts';
import { pause, until } from '../rig/wait.ts';

/** Kills it behind its first effect, behind its second, and so on until it survives. */
async function crashes(
  run: (rig: Rig, env: Variables) => PromiseLike<Awaited<Running>>,
): Promise<Answer[]> {
  const answers: Answer[] = [];
  const through = new AbortController();
  const faults = (function* (): Generator<number> {
    for (let fault = 1; !through.signal.aborted; fault += 1) yield fault;
  })();
  const lane = async (): Promise<void> => {
    for (const fault of faults) {
      const rig = await started();
      const env = { WORKERCTL_TEST_DIE_AFTER: String(fault) };
      const { exitCode, signal: by, all } = await run(rig, env);
      if (exitCode === 0) through.abort();
      else expect(by, all).toBe('SIGKILL');
      answers.push(await sendAgain(rig));
    }
  };
  await Promise.all([lane(), lane()]);
  return answers;
}

test('a command killed behind any of its effects must not keep the next from the one restart', async () => {
  const answers = await crashes((rig, env) => rig.workerctlWith(env, ...request));
  expect(answers.length).toBeGreaterThan(2);
  for (const answer of answers) expect(answer).toEqual({ exitCode: 0, restarted: 2 });
});

test('a process killed behind any of its effects must leave a restart that is not begun again', async () => {
  const answers = await crashes(async (rig, env) => {
    // Behind its second effect the request is on disk, and nothing was started. Writing the config down comes first, once.
    while (!existsSync(operationFile(rig, 'a', 'operation.json')))
      await rig.workerctlWith({ WORKERCTL_TEST_DIE_AFTER: '2' }, ...request);
    expect(existsSync(operationFile(rig, 'a', 'runner.json'))).toBe(false);
    return rig.workerctlWith(env, 'operation', `${rig.stateDir}/operations/a`);
  });
  const killed = answers.filter(({ exitCode }) => exitCode === 4);
  expect(answers.length).toBeGreaterThan(20);
  expect(killed.length).toBeGreaterThan(10);
  expect(killed.some(({ restarted }) => restarted === 0)).toBe(true);
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
