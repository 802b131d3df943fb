// The command that shows an operation, and the process that runs it, are killed at 20 moments each, and the same request is
// sent again: no instance may be restarted twice.
import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { crashedRunners, request, sendAgain, started } from '../rig/crash-operations.ts';
import { endProcess, signal } from '../rig/kernel.ts';
import { runnersOf } from '../rig/operations.ts';
import { pause, until } from '../rig/wait.ts';

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

test('a process killed behind any of its effects must leave a restart that is not begun again', async () => {
  const answers = await crashedRunners(1);
  const killed = answers.filter(({ exitCode }) => exitCode === 4);
  expect(answers.length).toBeGreaterThan(20);
  expect(killed.length).toBeGreaterThan(10);
  expect(killed.some(({ restarted }) => restarted === 0)).toBe(true);
  expect(killed.some(({ restarted }) => restarted === 2)).toBe(true);
});
