// Each command is killed behind each of its effects. The workers note how often they were asked to stop, the kernel tells
// what lives; nothing of workerctl's own files is believed.

import { expect, test } from 'vitest';
import {
  counts,
  crashEverywhere,
  logged,
  noting,
  oneOf,
  starting,
  steps,
  two,
  type Scenario,
} from '../rig/crash.ts';
import { until } from '../rig/wait.ts';

const scenarios: Readonly<Record<string, Scenario>> = {
  'a start of one that was stopped and one that never ran': {
    workers: { mail: noting({ count: 2, ready: logged }) },
    prepare: async (rig) => {
      await starting('mail.1')(rig);
      await rig.workerctl('stop', 'mail.1');
    },
    command: ['start'],
    verdict: (rig) => oneOf(counts(rig, 'boots'), [1, 1], [2, 1]),
    wanted: (verdict) => (verdict === 'all' ? two : ['mail.2']),
  },
  'a quiet': {
    workers: { mail: noting({ count: 2, stop: steps }) },
    prepare: starting(...two),
    command: ['quiet'],
    verdict: (rig) => oneOf(counts(rig, 'quiets'), [0, 0], [1, 1]),
    wanted: () => two,
  },
  'a resume': {
    workers: { mail: noting({ count: 2, stop: steps }) },
    prepare: async (rig) => {
      await starting(...two)(rig);
      await rig.workerctl('quiet');
      await until('both to be quiet', () => counts(rig, 'quiets').join() === '1,1');
    },
    command: ['resume'],
    // A worker that is told twice to go on only goes on.
    verdict: (rig) => {
      const told = counts(rig, 'resumes').map((count) => count > 0);
      return oneOf(told, [false, false], [true, true]);
    },
    wanted: () => two,
  },
};

for (const [what, scenario] of Object.entries(scenarios)) {
  test(`${what} that is killed behind any of its effects must be carried on by bootcheck`, async () => {
    expect(await crashEverywhere(scenario)).toBeGreaterThan(3);
  }, 180_000);
}
