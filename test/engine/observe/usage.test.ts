import { expect, onTestFinished, test } from 'vitest';
import { spawn } from 'node:child_process';
import { createUsageMeter } from '../../../src/engine/observe/usage.ts';
import { until } from '../../rig/wait.ts';

/** The pids of processes that do nothing, until the test ends. */
function sleepers(count: number): number[] {
  return Array.from({ length: count }, () => {
    const child = spawn('sleep', ['600'], { stdio: 'ignore' });
    onTestFinished(() => void child.kill('SIGKILL'));
    return child.pid ?? 0;
  });
}

test('few processes must be measured at once', () => {
  const pids = sleepers(2);
  const usage = createUsageMeter(Infinity).of(pids);
  expect([...usage.keys()].sort()).toEqual(pids.sort());
  for (const { memory } of usage.values()) expect(memory).toBeGreaterThan(0);
});

test('of many processes the first must be measured at once, and the others between other work', async () => {
  const pids = sleepers(4);
  const meter = createUsageMeter(0);
  expect(meter.of(pids).size).toBe(1);
  expect(meter.of(pids).size, 'a second look does not wait for it').toBe(1);
  await until('all to be measured', () => meter.of(pids).size === pids.length);
});
