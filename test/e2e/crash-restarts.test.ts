// Each command is killed behind each of its effects. The workers note how often they were asked to stop, the kernel tells
// what lives; nothing of workerctl's own files is believed.
import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { expect, test } from 'vitest';
import {
  counts,
  crashEverywhere,
  drained,
  logged,
  noting,
  oneOf,
  starting,
  two,
  type Scenario,
} from '../rig/crash.ts';

const scenarios: Readonly<Record<string, Scenario>> = {
  'a restart': {
    workers: { mail: noting({ count: 2 }) },
    prepare: starting(...two),
    command: ['restart', '--no-canary'],
    verdict: (rig) => oneOf(counts(rig, 'boots'), [1, 1], [2, 2]),
    wanted: () => two,
  },
  'a bootcheck that carries on a restart': {
    workers: { mail: noting({ count: 2, ready: logged }) },
    prepare: async (rig) => {
      await starting(...two)(rig);
      await rig.workerctl('restart', '--no-canary', '--no-wait');
      await drained(rig);
    },
    command: ['bootcheck'],
    verdict: (rig) => oneOf(counts(rig, 'boots'), undefined, [2, 2]),
    wanted: () => two,
  },
  'a bootcheck that recycles': {
    workers: {
      mail: noting({
        count: 2,
        directory: 'current',
        ready: { after: '0s' },
        recycle: { outdated: true, min_age: '0s' },
      }),
    },
    prepare: async (rig) => {
      for (const release of ['a1', 'b2']) mkdirSync(rig.path(release));
      symlinkSync('a1', rig.path('current'));
      await starting(...two)(rig);
      rmSync(rig.path('current'));
      symlinkSync('b2', rig.path('current'));
    },
    command: ['bootcheck'],
    verdict: (rig) => oneOf(counts(rig, 'boots'), undefined, [2, 2]),
    wanted: () => two,
  },
};

for (const [what, scenario] of Object.entries(scenarios)) {
  test(`${what} that is killed behind any of its effects must be carried on by bootcheck`, async () => {
    expect(await crashEverywhere(scenario)).toBeGreaterThan(3);
  }, 180_000);
}
