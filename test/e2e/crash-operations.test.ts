// The command that shows an operation, and the process that runs it, are killed at many moments. The same request is sent
// again until there is an answer: each instance must have been restarted once at most, and never behind an answer of 0.
// The workers note how often they were booted and asked to stop; nothing of workerctl's own files is believed.
import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { counts, drained, expectSound, noting, settle, starting, two } from '../rig/crash.ts';
import { endProcess, signal } from '../rig/kernel.ts';
import { operationFile, runnersOf } from '../rig/operations.ts';
import { resultIn } from '../rig/output.ts';
import type { Running, Variables } from '../rig/programs.ts';
import { createRig, type Rig } from '../rig/rig.ts';
import { pause, until } from '../rig/wait.ts';

const request = ['restart', '--op=a', '--no-canary', '--json'];

const workers = { mail: noting({ count: 2 }, { LINGER: '0.1' }) };

/** How often instances were restarted in the end, and what was said about it. */
interface Answer {
  readonly exitCode: number | undefined;
  readonly restarted: number;
}

/** Sends the request until there is an answer, and lets bootcheck complete what was begun. */
async function sendAgain(rig: Rig): Promise<Answer> {
  const { exitCode, stdout, all } = await rig.workerctl(...request);
  expect([0, 4], all).toContain(exitCode);
  expect(resultIn(stdout), all).toMatchObject({ exit_code: exitCode });
  const before = counts(rig, 'boots');
  if (exitCode === 0) expect(before, all).toEqual([2, 2]);
  await drained(rig);
  await settle(rig);
  const again = await rig.workerctl(...request);
  expect({ exitCode: again.exitCode, stdout: again.stdout }).toEqual({ exitCode, stdout });
  expect(runnersOf(rig, 'a')).toEqual([]);
  const boots = counts(rig, 'boots');
  for (const each of boots) expect([1, 2], `boots of an instance: ${all}`).toContain(each);
  expect(counts(rig, 'terms')).toEqual(boots.map((each) => each - 1));
  await expectSound(rig, two);
  return { exitCode, restarted: boots.filter((each) => each === 2).length };
}

async function started(): Promise<Rig> {
  const rig = createRig(workers);
  await starting(...two)(rig);
  return rig;
}

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

test.each([
  ['the command', false],
  ['the command and its process', true],
])('%s killed at twenty moments must restart nothing twice', async (_, withRunner) => {
  const moments = Array.from({ length: 20 }, (__, number) => 40 + number * 45);
  const lane = async (): Promise<void> => {
    for (let ms = moments.shift(); ms !== undefined; ms = moments.shift()) {
      const rig = await started();
      const attached = rig.workerctl(...request);
      await pause(ms); // any moment will do
      signal(attached.pid ?? 0);
      const runners = withRunner ? runnersOf(rig, 'a') : [];
      for (const pid of runners) await endProcess(pid);
      await attached;
      // What a zombie has left half written counts as that of a living process.
      for (const pid of runners)
        await until('its parent to reap it', () => !existsSync(`/proc/${pid}`));
      const { exitCode, restarted } = await sendAgain(rig);
      if (!withRunner) expect({ exitCode, restarted }).toEqual({ exitCode: 0, restarted: 2 });
    }
  };
  await Promise.all([lane(), lane()]);
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
