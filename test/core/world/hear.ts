import type { Goal } from '../../../src/core/rules/apply-goal.ts';
import { isAlive } from './being.ts';
import { addLimit, type Chronicle } from './chronicle.ts';

/** What people want from now on. */
export function hear(chronicle: Chronicle, goal: Goal): void {
  const { stopped, held, world } = chronicle;
  switch (goal.kind) {
    case 'start':
      for (const name of goal.instances) {
        const being = world.places.get(name);
        const isUnasked = being !== undefined && isAlive(being) && being.askedAt === undefined;
        for (const { members, startedByName } of chronicle.restarts)
          if (
            stopped.has(name) &&
            members.has(name) &&
            !(isUnasked && being.pid === members.get(name))
          )
            startedByName.add(name);
        stopped.delete(name);
      }
      return;
    case 'stop':
      for (const name of goal.instances) {
        stopped.add(name);
        held.delete(name);
        const beings = [...world.places.values()].filter(({ instance }) => instance === name);
        for (const being of beings)
          if (goal.killAfter !== undefined) addLimit(chronicle, being, goal.killAfter);
      }
      return;
    case 'hold':
      for (const name of goal.instances) held.add(name);
      return;
    case 'unhold':
      for (const name of goal.instances) held.delete(name);
      return;
    case 'restart':
      hearRestart(chronicle, goal);
      return;
    case 'resume': {
      const instances = goal.instances.filter((name) => isReplacedToResume(chronicle, name));
      const options = { batch: { kind: 'count', count: 1 } } as const;
      if (instances.length > 0)
        hearRestart(chronicle, { ...goal, kind: 'restart', instances, options, releases: {} });
      return;
    }
    case 'adopt':
    case 'pause':
    case 'continue':
    case 'cancel':
    case 'check':
    case 'quiet':
    case 'want':
    case 'end':
      return;
  }
}

/** Whether it is quiet, cannot take jobs again, and is in no restart that replaces it. */
function isReplacedToResume({ world, restarts }: Chronicle, name: string): boolean {
  const being = world.places.get(name);
  return (
    being !== undefined &&
    isAlive(being) &&
    being.worker.stop.resume === undefined &&
    being.quiet !== undefined &&
    being.stop === undefined &&
    being.askedAt === undefined &&
    !restarts.some(({ members }) => members.get(name) === being.pid)
  );
}

function hearRestart(chronicle: Chronicle, goal: Extract<Goal, { kind: 'restart' }>): void {
  const { world, restarts, stopped, held } = chronicle;
  const meant = goal.instances.filter((name) => !stopped.has(name) && !held.has(name));
  for (const { members } of restarts) for (const name of meant) members.delete(name);
  const { killAfter } = goal.options;
  for (const name of meant) {
    const being = world.places.get(name);
    if (being !== undefined && isAlive(being) && being.askedAt !== undefined)
      if (killAfter !== undefined) addLimit(chronicle, being, killAfter);
  }
  restarts.push({
    id: goal.id,
    at: world.wallClock,
    options: goal.options,
    members: new Map(meant.map((name) => [name, world.places.get(name)?.pid])),
    askedBefore: new Set(
      [...world.places.values()].flatMap(({ pid, askedAt }) =>
        askedAt === undefined ? [] : [pid],
      ),
    ),
    startedByName: new Set(),
    provenWorkers: new Set(),
    everReleased: new Set(),
    hasFailed: false,
    mayHaveFailed: false,
  });
}
