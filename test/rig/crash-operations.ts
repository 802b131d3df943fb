// A request with an id that is sent again, whatever has become of the command or the process of its operation.
import { existsSync } from 'node:fs';
import { expect } from 'vitest';
import { counts, drained, expectSound, noting, settle, starting, two } from './crash.ts';
import { operationFile, runnersOf } from './operations.ts';
import { resultIn } from './output.ts';
import type { Running, Variables } from './programs.ts';
import { createRig, type Rig } from './rig.ts';

/** Sent again and again. */
export const request = ['restart', '--op=a', '--no-canary', '--json'];

const workers = { mail: noting({ count: 2 }, { LINGER: '0.1' }) };

/** How often instances were restarted in the end, and what was said about it. */
export interface Answer {
  readonly exitCode: number | undefined;
  readonly restarted: number;
}

/** Sends the request until there is an answer, and lets bootcheck complete what was begun. */
export async function sendAgain(rig: Rig): Promise<Answer> {
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

export async function started(): Promise<Rig> {
  const rig = createRig(workers);
  await starting(...two)(rig);
  return rig;
}

/** Kills it behind its first effect, and so on by this step until it survives. */
export async function crashes(
  step: number,
  run: (rig: Rig, env: Variables) => PromiseLike<Awaited<Running>>,
): Promise<Answer[]> {
  const answers: Answer[] = [];
  const through = new AbortController();
  const faults = (function* (): Generator<number> {
    for (let fault = 1; !through.signal.aborted; fault += step) yield fault;
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

/** The same of the process that runs an operation. */
export const crashedRunners = (step: number): Promise<Answer[]> =>
  crashes(step, async (rig, env) => {
    // Behind its second effect the request is on disk, and nothing was started. Writing the config down comes first, once.
    while (!existsSync(operationFile(rig, 'a', 'operation.json')))
      await rig.workerctlWith({ WORKERCTL_TEST_DIE_AFTER: '2' }, ...request);
    expect(existsSync(operationFile(rig, 'a', 'runner.json'))).toBe(false);
    return rig.workerctlWith(env, 'operation', `${rig.stateDir}/operations/a`);
  });
