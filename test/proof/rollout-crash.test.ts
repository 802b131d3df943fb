import { rmSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';

import { randomFrom } from './random.ts';
import {
  crashEverywhere,
  expectSound,
  noting,
  settle,
  starting,
  type Scenario,
} from '../rig/crash.ts';
import { createRig, type Rig } from '../rig/rig.ts';
import { until } from '../rig/wait.ts';

// The long ones of test/e2e/crash.test.ts: a rollout has many effects. And commands that are killed one after the other.

const rounds = Number(process.env['PROOF_ROUNDS'] ?? 10);
const seed = Number(process.env['PROOF_SEED'] ?? Date.now() % 1_000_000);

const two = ['mail.1', 'mail.2'];
const three = [...two, 'mail.3'];
const shown = { file: '%n.up' };

const bootsOf = (rig: Rig, names: readonly string[]): number[] =>
  names.map((name) => rig.instance(name).boots().length);
const termsOf = (rig: Rig, names: readonly string[]): number[] =>
  names.map((name) => rig.instance(name).terms().length);

/** Each was replaced once, or none was. */
const replacedOnce = (names: readonly string[]) => (rig: Rig) => {
  const boots = bootsOf(rig, names);
  if (boots.every((count) => count === 1)) return 'nothing';
  expect(boots).toEqual(names.map(() => 2));
  return 'all';
};

const scenarios: Readonly<Record<string, Scenario>> = {
  'a restart with a canary, one of three being busy': {
    workers: { mail: noting({ count: 3, ready: shown }) },
    prepare: async (rig) => {
      await starting(...three)(rig);
      writeFileSync(rig.path('mail.2.stays'), '1\n');
    },
    command: ['restart'],
    verdict: replacedOnce(three),
    wanted: () => three,
  },
  'a restart with an overlap': {
    workers: { mail: noting({ count: 2, ready: shown }, { OVERLAPS: '1' }) },
    // Longer than a start waits for a lock.
    prepare: async (rig) => {
      await starting(...two)(rig);
      for (const name of two) writeFileSync(rig.path(`${name}.stays`), '2.5\n');
    },
    command: ['restart', '--overlap'],
    verdict: replacedOnce(two),
    wanted: () => two,
  },
  'a restart with an overlap, looked after late': {
    workers: { mail: noting({ count: 2, ready: shown }, { OVERLAPS: '1' }) },
    prepare: starting(...two),
    command: ['restart', '--overlap'],
    isLookedAfterLate: true,
    verdict: replacedOnce(two),
    wanted: () => two,
  },
  'a restart of busy ones that are made quiet first': {
    workers: { mail: noting({ count: 2, stop: { quiet: 'USR1' } }, { BUSY: '1' }) },
    prepare: starting(...two),
    command: ['restart', '--no-canary'],
    verdict: replacedOnce(two),
    wanted: () => two,
  },
  'a restart whose first replacement dies, and one that follows': {
    workers: { mail: noting({ count: 3 }) },
    prepare: async (rig) => {
      await starting(...three)(rig);
      writeFileSync(rig.path('broken'), '');
    },
    command: ['restart'],
    afterwards: async (rig) => {
      expect(termsOf(rig, three).filter((count) => count > 0).length).toBeLessThanOrEqual(1);
      rmSync(rig.path('broken'));
      expect((await rig.workerctl('restart')).exitCode).toBe(0);
    },
    verdict: (rig) => {
      expect(bootsOf(rig, three)).toEqual([2, 2, 2]);
      expect(termsOf(rig, three)).toEqual([1, 1, 1]);
      return 'all';
    },
    wanted: () => three,
  },
  'a restart that takes another one over': {
    workers: { mail: noting({ count: 2 }) },
    prepare: async (rig) => {
      await starting(...two)(rig);
      await rig.workerctl('restart', '--no-wait');
      await until('the first TERM', () => termsOf(rig, two).includes(1));
    },
    command: ['restart'],
    verdict: (rig) => {
      for (const count of bootsOf(rig, two)) expect([2, 3]).toContain(count);
      return 'all';
    },
    wanted: () => two,
  },
};

for (const [what, scenario] of Object.entries(scenarios)) {
  test(`${what}: killed after any of its effects, it must be continued by bootcheck`, async () => {
    const startedAt = performance.now();
    const effects = await crashEverywhere(scenario);
    const wall = (performance.now() - startedAt) / 1000;
    process.stdout.write(`proof: ${what}: ${effects} effects, ${wall.toFixed(1)} s\n`);
  });
}

test(`${rounds} rounds of commands that are killed one after the other must lose nothing`, async () => {
  const random = randomFrom(seed);
  process.stdout.write(`proof: seed ${seed} (PROOF_SEED), ${rounds} rounds (PROOF_ROUNDS)\n`);
  const rig = createRig({ mail: noting({ count: 3, ready: shown }, { OVERLAPS: '1' }) });
  await starting(...three)(rig);
  for (let round = 1; round <= rounds; round += 1) {
    const before = new Map(three.map((name) => [name, rig.instance(name).processes()[0]]));
    const log: string[] = [];
    const dieAfter = async (count: number, ...args: string[]): Promise<void> => {
      const { all } = await rig.workerctlWith({ WORKERCTL_TEST_DIE_AFTER: String(count) }, ...args);
      log.push(`${args.join(' ')}, killed after effect ${count}: ${all}`);
    };
    const how = random.pick(['--no-canary', '--canary', '--overlap']);
    // The request is on disk after three effects: lock, text, name.
    await dieAfter(3 + random.below(12), 'restart', how);
    for (let more = random.below(6); more > 0; more -= 1)
      await dieAfter(1 + random.below(9), random.pick(['bootcheck', 'start', 'bootcheck']));
    log.push(...(await settle(rig, 30_000)));
    const after = new Map(three.map((name) => [name, rig.instance(name).processes()[0]]));
    for (const name of three)
      expect(after.get(name), `round ${round}: ${name}\n${log.join('\n')}`).not.toBe(
        before.get(name),
      );
    await expectSound(rig, three);
  }
});
