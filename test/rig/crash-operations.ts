// A request with an id that is sent again, whatever has become of the command or the process of its operation.
import { expect } from 'vitest';
import { counts, drained, expectSound, noting, settle, starting, two } from './crash.ts';
import { runnersOf } from './operations.ts';
import { resultIn } from './output.ts';
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
