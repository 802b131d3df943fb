import { expect, test } from 'vitest';
import { durationOf, momentOf } from '../../../src/core/basics/time.ts';
import { cpuSample, withCpuNow } from '../../../src/core/views/cpu-now.ts';
import { instanceOf, statusOfAll } from '../../output/status/statuses.ts';

const look = (at: number, ownCpu: number, pid = 5841) =>
  statusOfAll(
    [instanceOf('mail.1', { pid, ownCpu: durationOf(ownCpu), cpu: durationOf(99_000) })],
    {
      at: momentOf(at),
    },
  );

test.each([
  ['half of a CPU', look(0, 1_000), look(2_000, 2_000), 500],
  ['nothing', look(0, 1_000), look(2_000, 1_000), 0],
  ['two CPUs', look(0, 0), look(1_000, 2_000), 2_000],
  ['not known: another process', look(0, 1_000, 1), look(2_000, 2_000, 2), undefined],
  ['not known: no time has passed', look(5, 1_000), look(5, 2_000), undefined],
  ['not known: the clock was set back', look(5_000, 1_000), look(5, 2_000), undefined],
])('what a process takes must be %s', (_what, before, after, cpu) => {
  expect(withCpuNow(after, cpuSample(before)).instances[0]?.cpu).toBe(cpu);
});

test('at the first look it must not be known', () => {
  expect(withCpuNow(look(0, 1_000), undefined).instances[0]?.cpu).toBeUndefined();
});
