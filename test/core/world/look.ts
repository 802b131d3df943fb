import { isRetiring } from '../../../src/core/model/leaving.ts';
import type {
  Observation,
  ObservedInstance,
  Presence,
} from '../../../src/core/model/observation.ts';
import { workerNameOf } from '../../../src/core/model/targets.ts';
import { durationOf, momentOf } from '../../../src/core/basics/time.ts';
import { idleAt, isAlive, isReadyAt, processOf, type Being } from './being.ts';
import type { World } from './world.ts';

/** Looks at instances, and at all that leave of their workers; what is ready is noted by that. */
export function look(world: World, names: readonly string[]): Observation {
  const workers = new Set(names.map(workerNameOf));
  const retiring = [...world.places.keys()].filter(
    (name) => isRetiring(name) && workers.has(workerNameOf(name)),
  );
  const instances = [...names, ...retiring].map((name) => seen(world, name));
  return {
    now: momentOf(world.wallClock),
    sinceBoot: durationOf(world.sinceBoot),
    instances: new Map(instances.map((one) => [one.name, one])),
  };
}

function seen(world: World, name: string): ObservedInstance {
  const being = world.places.get(name);
  const pid = isRetiring(name) ? undefined : world.pidfiles.get(name);
  const pidfile =
    pid === undefined ? ({ kind: 'absent' } as const) : ({ kind: 'holds', pid } as const);
  if (being === undefined) return { name, presence: { kind: 'absent' }, pidfile, problems: [] };
  if (isAlive(being) && !isRetiring(name) && being.askedAt === undefined)
    being.wasNotedReady ||= isReadyAt(being, world.sinceBoot);
  return {
    name,
    presence: presenceOf(being),
    pidfile,
    ...(isAlive(being) && tells(being) && { activity: activityOf(being, world.sinceBoot) }),
    problems: [],
  };
}

/** Workers that know how to be quiet also say what they do. */
const tells = ({ worker }: Being): boolean => worker.stop.quiet !== undefined;

const activityOf = (being: Being, now: number): NonNullable<ObservedInstance['activity']> =>
  being.fate.drain > 0 && now < idleAt(being) ? { kind: 'busy', what: 'a job' } : { kind: 'idle' };

function presenceOf({ record, stop, quiet, end, wasNotedReady, worker }: Being): Presence {
  const hasShownReady = worker.ready.kind === 'log' && wasNotedReady;
  const stopped = stop === undefined ? {} : { stop: stop.note };
  if (end !== undefined) {
    const diedAt = end.diedAt === undefined ? {} : { diedAt: momentOf(end.diedAt) };
    return { kind: 'dead', record, death: end.death, ...diedAt, ...stopped, hasShownReady };
  }
  const quieted = quiet === undefined ? {} : { quiet: quiet.note };
  const process = processOf(record);
  return { kind: 'alive', record, process, ...stopped, ...quieted, hasShownReady };
}
