import { expect, test } from 'vitest';
import { noDesired } from '../../src/core/model/desired.ts';
import { jobCounts, jobLines } from '../../src/core/views/job-counts.ts';
import { formatMetrics } from '../../src/output/metrics/prometheus.ts';
import { aConfig, alive, aWorker, observation, statusFor } from '../core/builders.ts';

test('a worker named like a property of every object must be listed like any other', () => {
  const config = aConfig(aWorker('toString', ['1', '2']));
  const status = statusFor(config, noDesired, observation(alive('toString.1', 10)));
  expect(jobLines(jobCounts(status))).toEqual([
    'toString count 1',
    'toString desired 2',
    'toString pids 10',
  ]);
  expect(formatMetrics(status)).toContain('workerctl_instances_wanted{worker="toString"} 2\n');
});

test('a worker that is no longer in the config must not count as wanted because of its name', () => {
  const status = statusFor(aConfig(), noDesired, observation(alive('valueOf.1', 10)));
  expect(formatMetrics(status)).toContain('workerctl_instances_wanted{worker="valueOf"} 0\n');
});
