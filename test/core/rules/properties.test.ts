import fc from 'fast-check';
import { expect, test } from 'vitest';
import { applyGoal, type Goal } from '../../../src/core/rules/apply-goal.ts';
import { isStopped, noDesired, rolloutOf, type Desired } from '../../../src/core/model/desired.ts';
import { noLedger, type Ledger } from '../../../src/core/model/ledger.ts';
import {
  liveProcess,
  sentStop,
  type Observation,
  type ObservedInstance,
} from '../../../src/core/model/observation.ts';
import { formatAction, type Plan } from '../../../src/core/model/plan.ts';
import {
  absent,
  aConfig,
  alive,
  aWorker,
  dead,
  observation,
  planned,
  stopOf,
  stray,
} from '../builders.ts';

/**
 * A world in miniature: passes act on it as `apply` does, and between them things happen as they do to real workers.
 * Properties are checked against what the world was through, not against what the passes believed.
 */
const wanted = ['mail.1', 'mail.2', 'mail.3'];
const all = [...wanted, 'mail.4'];
const config = aConfig(aWorker('mail', ['1', '2', '3']));

interface World {
  readonly places: Map<string, ObservedInstance>;
  readonly termsOf: Map<number, number>;
  nextPid: number;
  desired: Desired;
  ledger: Ledger;
}

const newWorld = (): World => ({
  places: new Map(all.map((name) => [name, absent(name)])),
  termsOf: new Map(),
  nextPid: 100,
  desired: noDesired,
  ledger: noLedger,
});

const see = (world: World): Observation => observation(...world.places.values());

function pass(world: World, goal: Goal): Plan {
  Object.assign(world, applyGoal(config, world, goal, see(world)));
  const plan = planned(config, world.desired, see(world), world.ledger);
  for (const action of plan) carryOut(world, action);
  return plan;
}

function carryOut(world: World, action: Plan[number]): void {
  const { instance } = action;
  const before = world.places.get(instance);
  if (before === undefined) throw new Error(`not observed: ${instance}`);
  switch (action.kind) {
    case 'adopt':
      world.places.set(instance, alive(instance, action.process.pid));
      return;
    case 'write_pidfile':
      world.places.set(instance, { ...before, pidfile: { kind: 'holds', pid: action.pid } });
      return;
    case 'remove_pidfile':
      world.places.set(instance, { ...before, pidfile: { kind: 'absent' } });
      return;
    case 'stop': {
      const { pid } = action.process;
      expect(liveProcess(before)?.pid, 'only an observed identity may be signalled').toBe(pid);
      world.termsOf.set(pid, (world.termsOf.get(pid) ?? 0) + 1);
      world.places.set(instance, alive(instance, pid, { stop: stopOf(pid) }));
      return;
    }
    case 'start':
      expect(liveProcess(before), 'a place must be free before it is filled').toBeUndefined();
      world.nextPid += 1;
      world.places.set(instance, alive(instance, world.nextPid));
      return;
    case 'clean_up':
    case 'leftovers':
    case 'limit':
    case 'kill':
    case 'dump':
    case 'quiet':
    case 'resume':
    case 'retire':
    case 'rotate':
      throw new Error(`nobody wanted that: ${formatAction(action)}`);
  }
}

/** What can happen to an instance between two passes. */
type Mishap = 'dies' | 'loses its pidfile' | 'loses its record' | 'becomes a stray';

function befall(world: World, name: string, mishap: Mishap): void {
  const observed = world.places.get(name);
  const process = observed && liveProcess(observed);
  if (process === undefined) {
    if (mishap === 'becomes a stray') {
      world.nextPid += 1;
      world.places.set(name, stray(name, world.nextPid));
    } else if (mishap === 'loses its record') world.places.set(name, absent(name));
    return;
  }
  const { pid } = process;
  const stop = observed && sentStop(observed);
  if (mishap === 'dies') world.places.set(name, dead(name, pid, stop ? { stop } : {}));
  if (mishap === 'loses its pidfile')
    world.places.set(name, { ...observed, pidfile: { kind: 'absent' } } as ObservedInstance);
  // A process whose stop was noted keeps that note: it is another file than the record.
  if (mishap === 'loses its record' && stop === undefined) world.places.set(name, stray(name, pid));
}

const by = 'ann@web1';
let restarts = 0;

/** The ids differ: that is all that matters of them. */
const restartOf = (instances: readonly string[]): Goal => ({
  kind: 'restart',
  id: `restart-${(restarts += 1)}`,
  instances,
  by,
  options: {},
  releases: {},
});

const names = fc.subarray(wanted, { minLength: 1 });
const goals: fc.Arbitrary<Goal> = fc.oneof(
  fc.constant<Goal>({ kind: 'check' }),
  names.map((instances): Goal => ({ kind: 'start', instances, by })),
  names.map((instances): Goal => ({ kind: 'stop', instances, by })),
  names.map(restartOf),
);
const mishaps = fc.record({
  name: fc.constantFrom(...all),
  mishap: fc.constantFrom<Mishap>(
    'dies',
    'loses its pidfile',
    'loses its record',
    'becomes a stray',
  ),
});
const histories = fc.array(fc.oneof(goals, mishaps), { maxLength: 40 });

function live(world: World, history: readonly (Goal | { name: string; mishap: Mishap })[]): void {
  for (const step of history) {
    if ('mishap' in step) befall(world, step.name, step.mishap);
    else pass(world, step);
  }
}

/** Lets every draining worker leave, pass after pass, until nothing is left to do. */
function settle(world: World): void {
  for (let round = 0; round < 10; round += 1) {
    pass(world, { kind: 'check' });
    for (const [name, observed] of world.places)
      if (sentStop(observed) !== undefined) befall(world, name, 'dies');
  }
}

test('a settled world must give an empty plan, whatever came before', () => {
  fc.assert(
    fc.property(histories, (history) => {
      const world = newWorld();
      live(world, history);
      settle(world);
      expect(pass(world, { kind: 'check' })).toEqual([]);
      expect(world.desired.rollouts).toEqual([]);
    }),
  );
});

test('what is wanted must run in the end, and what is not must not', () => {
  fc.assert(
    fc.property(histories, (history) => {
      const world = newWorld();
      live(world, history);
      settle(world);
      for (const name of all) {
        const isUp = liveProcess(world.places.get(name) ?? absent(name)) !== undefined;
        expect([name, isUp]).toEqual([
          name,
          wanted.includes(name) && !(name in world.desired.stopped),
        ]);
      }
    }),
  );
});

test('no process may be asked twice', () => {
  fc.assert(
    fc.property(histories, (history) => {
      const world = newWorld();
      live(world, history);
      settle(world);
      for (const [pid, terms] of world.termsOf) expect([pid, terms]).toEqual([pid, 1]);
    }),
  );
});

test('a restart must replace every process that ran, and only once', () => {
  fc.assert(
    fc.property(histories, (history) => {
      const world = newWorld();
      live(world, history);
      settle(world);
      const before = wanted.map((name) => liveProcess(world.places.get(name) ?? absent(name))?.pid);
      pass(world, restartOf(wanted));
      settle(world);
      const after = wanted.map((name) => liveProcess(world.places.get(name) ?? absent(name))?.pid);
      before.forEach((pid, index) => {
        if (pid === undefined) expect(after[index]).toBeUndefined();
        else expect(after[index]).toBeGreaterThan(pid);
      });
    }),
  );
});

test('a command must touch only the instances that it was shown', () => {
  fc.assert(
    fc.property(histories, names, (history, shown) => {
      const world = newWorld();
      live(world, history);
      const scoped = observation(
        ...[...world.places.values()].filter(({ name }) => shown.includes(name)),
      );
      const { desired, ledger } = applyGoal(config, world, restartOf(shown), scoped);
      for (const { instance } of planned(config, desired, scoped, ledger))
        expect(shown).toContain(instance);
      // Who was stopped is out of his restart, which is over when nobody else is left in it.
      const others = wanted.filter((one) => !shown.includes(one) && !isStopped(desired, one));
      for (const name of others)
        expect(rolloutOf(desired, name)?.replaces[name]).toEqual(
          rolloutOf(world.desired, name)?.replaces[name],
        );
    }),
  );
});
