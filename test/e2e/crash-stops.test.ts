// Each command is killed behind each of its effects. The workers note how often they were asked to stop, the kernel tells
// what lives; nothing of workerctl's own files is believed.
import { rmSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import {
  counts,
  crashEverywhere,
  drained,
  membersOf,
  noting,
  oneOf,
  shimOf,
  starting,
  two,
  type Scenario,
} from '../rig/crash.ts';

const scenarios: Readonly<Record<string, Scenario>> = {
  'a stop': {
    workers: { mail: noting({ count: 2 }) },
    prepare: starting(...two),
    command: ['stop'],
    verdict: (rig) => oneOf(counts(rig, 'terms'), [0, 0], [1, 1]),
    wanted: (verdict) => (verdict === 'all' ? [] : two),
  },
  'a stop that kills': {
    workers: { mail: noting() },
    prepare: async (rig) => {
      await starting('mail.1')(rig);
      writeFileSync(rig.path('mail.1.stays'), '1000\n');
    },
    command: ['stop', '--kill-after', '400ms'],
    verdict: (rig) => {
      const [pid = 0] = rig.instance('mail.1').boots();
      const verdict = oneOf(counts(rig, 'terms'), [0, 0], [1, 0]);
      if (verdict === 'all') expect(membersOf(pid), 'the rest of its session').toEqual([]);
      return verdict;
    },
    wanted: (verdict) => (verdict === 'all' ? [] : ['mail.1']),
  },
  'a bootcheck after the state directory was deleted': {
    workers: { mail: noting({ count: 2 }) },
    prepare: async (rig) => {
      await starting(...two)(rig);
      rmSync(rig.stateDir, { recursive: true });
    },
    command: ['bootcheck'],
    verdict: (rig) => oneOf(counts(rig, 'boots'), undefined, [1, 1]),
    wanted: () => two,
  },
  'a bootcheck that repairs one pidfile and removes another': {
    workers: { mail: noting({ count: 2 }) },
    prepare: async (rig) => {
      await starting(...two)(rig);
      process.kill(shimOf(rig, 'mail.1'), 'SIGKILL');
      await rig.workerctl('stop', '--no-wait', 'mail.1');
      await drained(rig);
      writeFileSync(`${rig.stateDir}/mail.2.pid`, '1\n');
    },
    command: ['bootcheck'],
    verdict: (rig) => oneOf(counts(rig, 'boots'), undefined, [1, 1]),
    wanted: () => ['mail.2'],
  },
};

for (const [what, scenario] of Object.entries(scenarios)) {
  test(`${what} that is killed behind any of its effects must be carried on by bootcheck`, async () => {
    expect(await crashEverywhere(scenario)).toBeGreaterThan(3);
  }, 180_000);
}
