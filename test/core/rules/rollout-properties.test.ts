import { planned, nextChange } from '../builders.ts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { applyGoal } from '../../../src/core/rules/apply-goal.ts';
import { formatPlan } from '../../../src/core/model/plan.ts';
import { goodFate, isAlive, type Fate } from '../world/being.ts';
import { newChronicle, type Chronicle } from '../world/chronicle.ts';
import { configs, histories } from '../world/histories.ts';
import { check, lived } from '../world/live.ts';
import { look } from '../world/look.ts';
import { pass } from '../world/pass.ts';
import { newWorld, nextEventIn, wait, wantedNames } from '../world/world.ts';

/** How many times as many histories are tried as usual. */
const times = Number(process.env['WORKERCTL_TEST_TIMES'] ?? 1);

/** Whether nothing is left to do. */
function isCalm({ world }: Chronicle): boolean {
  const observation = look(world, wantedNames(world));
  const { desired, ledger } = applyGoal(world.config, world, check, observation);
  return planned(world.config, desired, observation, ledger).length === 0;
}

/** Passes at one moment until nothing is left to do in it: an instance can be asked, killed and started in one. */
function calm(chronicle: Chronicle): void {
  const rounds = 8 + 3 * wantedNames(chronicle.world).length;
  for (let round = 0; round < rounds; round += 1)
    if (pass(chronicle, check, wantedNames(chronicle.world)).length === 0) return;
  expect(chronicle.breaches).toEqual([]); // they tell more
  throw new Error('passes go on for ever at one moment');
}

const untilTick = (ms: number): number => Math.ceil(ms / 10) * 10;

/** How long the plan stays as it is, as the passes believe. */
function believedCalm({ world }: Chronicle): number | undefined {
  const observation = look(world, wantedNames(world));
  const { desired, ledger } = applyGoal(world.config, world, check, observation);
  const length = nextChange(world.config, desired, observation, ledger);
  if (length !== undefined && Number.isNaN(length)) throw new Error('changesIn: not a number');
  return length;
}

/** Good code from now on; looks only when something happens, and when the last look said so. */
function settle(chronicle: Chronicle): void {
  const { world } = chronicle;
  world.isPeaceful = true;
  for (let round = 0; round < 500; round += 1) {
    calm(chronicle);
    const next = Math.min(nextEventIn(world) ?? Infinity, believedCalm(chronicle) ?? Infinity);
    if (next === Infinity) return;
    wait(world, untilTick(next));
  }
  throw new Error(`it never settles: ${formatPlan(pass(chronicle, check, wantedNames(world)))}`);
}

test('whatever happens, the rules must be kept', () => {
  fc.assert(
    fc.property(histories, (history) => {
      const chronicle = lived(history);
      settle(chronicle);
      expect(chronicle.breaches).toEqual([]);
    }),
    { numRuns: times * 1500 },
  );
});

test('it must settle: all that is wanted runs, and no restart is left but the aborted ones', () => {
  fc.assert(
    fc.property(histories, (history) => {
      const chronicle = lived(history);
      settle(chronicle);
      const { world, stopped, held, restarts } = chronicle;
      expect(isCalm(chronicle)).toBe(true);
      for (const name of wantedNames(world).filter((one) => !held.has(one))) {
        const being = world.places.get(name);
        expect([name, being !== undefined && isAlive(being)]).toEqual([name, !stopped.has(name)]);
      }
      expect([...world.places.values()].filter(({ isRetiring }) => isRetiring)).toEqual([]);
      for (const { aborted, replaces } of world.desired.rollouts)
        if (!Object.keys(replaces).some((name) => held.has(name))) expect(aborted).toBeDefined();
      const over = restarts.filter(({ id, mayHaveFailed }) => {
        const rollout = world.desired.rollouts.find((one) => one.id === id);
        return rollout === undefined && !mayHaveFailed;
      });
      for (const { members, everReleased } of over)
        for (const [name, pid] of members)
          if (!everReleased.has(name)) expect(world.places.get(name)?.pid).not.toBe(pid);
    }),
    { numRuns: times * 600 },
  );
});

test('between two moments that a look names nothing must change by itself', () => {
  fc.assert(
    fc.property(histories, fc.double({ min: 0, max: 1, noNaN: true }), (history, part) => {
      const chronicle = lived(history);
      calm(chronicle);
      const { world } = chronicle;
      const next = Math.min(nextEventIn(world) ?? 60_000, believedCalm(chronicle) ?? 60_000);
      const length = Math.floor((next * part) / 10) * 10;
      if (length >= next) return;
      wait(world, length);
      expect(isCalm(chronicle)).toBe(true);
    }),
    { numRuns: times * 1200 },
  );
});

test('new code that fails must leave the others at work, and good code must reach them all', () => {
  fc.assert(
    fc.property(configs, fc.boolean(), (config, isGood) => {
      const bad: Fate = { ...goodFate, readyIn: null, crashIn: 0 };
      const names = config.workers.flatMap(({ identifiers }) => identifiers).length;
      const world = newWorld(config, [
        ...Array.from({ length: names }, () => goodFate),
        ...Array.from({ length: 200 }, () => (isGood ? goodFate : bad)),
      ]);
      const chronicle = newChronicle(world);
      const all = wantedNames(world);
      const restart = { kind: 'restart', id: 'ann', by: 'ann', instances: all } as const;
      pass(chronicle, check, all);
      wait(world, 10_000);
      const before = new Map(all.map((name) => [name, world.places.get(name)]));
      pass(chronicle, { ...restart, options: { canary: true }, releases: {} }, all);
      for (let round = 0; round < 100; round += 1) {
        pass(chronicle, check, all);
        wait(world, 500);
      }
      const untouched = all.filter((name) => world.places.get(name) === before.get(name));
      const areSlow = config.workers.every(
        ({ ready, stop, restart: { patience } }) =>
          (ready.kind !== 'after' || ready.after > 0) &&
          (typeof stop.quiet !== 'object' || patience >= 1000),
      );
      if (isGood) expect(untouched).toEqual([]);
      else if (areSlow) expect(untouched).toHaveLength(all.length - config.workers.length);
    }),
    { numRuns: times * 150 },
  );
});
