import type { Goal } from '../../../src/core/rules/apply-goal.ts';
import { momentOf } from '../../../src/core/basics/time.ts';
import { isAlive } from './being.ts';
import { newChronicle, type Chronicle } from './chronicle.ts';
import type { History, Step } from './histories.ts';
import { pass } from './pass.ts';
import { die, jump, newWorld, wait, wantedNames, type World } from './world.ts';

export const check: Goal = { kind: 'check' };

function chosen(world: World, bits: number): string[] {
  const names = wantedNames(world);
  const some = names.filter((_, index) => (bits >> index) % 2 === 1);
  return some.length === 0 ? names : some;
}

function goalOf(world: World, step: Step, nth: number): Goal {
  if (!('which' in step) || step.kind === 'look') return check;
  const instances = chosen(world, step.which);
  const by = `ann${nth}`;
  switch (step.kind) {
    case 'restart':
      return { kind: 'restart', id: by, by, instances, options: step.options, releases: {} };
    case 'stop': {
      const { killAfter } = step;
      const limit = killAfter === undefined ? {} : { killAfter };
      return { kind: 'stop', by, instances, ...limit };
    }
    case 'quiet': {
      const until =
        step.lasts === undefined ? {} : { until: momentOf(world.wallClock + step.lasts) };
      return { kind: 'quiet', by, instances, ...until };
    }
    case 'start':
    case 'hold':
    case 'unhold':
      return { kind: step.kind, by, instances };
    case 'resume':
      return { kind: 'resume', id: by, by, instances };
  }
}

function take(chronicle: Chronicle, step: Step, nth: number): void {
  const { world } = chronicle;
  switch (step.kind) {
    case 'wait':
      wait(world, step.ms);
      return;
    case 'jump':
      jump(world, step.ms);
      return;
    case 'dies': {
      const living = [...world.places.values()].filter(isAlive);
      const being = living[step.nth % Math.max(1, living.length)];
      if (being) die(world, being, { kind: 'signalled', signal: 11, coreDumped: true });
      return;
    }
    case 'bootcheck':
      pass(chronicle, check, wantedNames(world), step.cut);
      return;
    case 'look':
    case 'restart':
    case 'stop':
    case 'start':
    case 'hold':
    case 'unhold':
    case 'resume':
    case 'quiet':
      pass(chronicle, goalOf(world, step, nth), chosen(world, step.which));
      return;
  }
}

/** Everything has run for a while; then the history happens. */
export function lived({ config, fates, steps }: History): Chronicle {
  const world = newWorld(config, fates);
  const chronicle = newChronicle(world);
  pass(chronicle, check, wantedNames(world));
  wait(world, 10_000);
  steps.forEach((step, nth) => {
    take(chronicle, step, nth);
  });
  return chronicle;
}
