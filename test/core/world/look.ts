import { busyWith } from '../../../src/core/model/activity.ts';
import type {
  Observation,
  ObservedInstance,
  Presence,
} from '../../../src/core/model/observation.ts';
import type { CommandEnd } from '../../../src/core/model/record.ts';
import { workerNameOf } from '../../../src/core/model/targets.ts';
import { durationOf, momentOf } from '../../../src/core/basics/time.ts';
import { idleAt, isAlive, isReadyAt, processOf, type Being } from './being.ts';
import type { World } from './world.ts';

/** Looks at instances, and at all that leave of their workers; what is ready is noted by that. */
export function look(world: World, names: readonly string[]): Observation {
  const workers = new Set(names.map(workerNameOf));
  const retiring = [...world.places.values()].filter(
    (being) => being.isRetiring && workers.has(being.worker.name),
  );
  return {
    now: momentOf(world.wallClock),
    sinceBoot: durationOf(world.sinceBoot),
    instances: new Map(names.map((name) => [name, seen(world, name, world.places.get(name))])),
    retiring: retiring.map((being) => ({
      ...seen(world, being.instance, being),
      retiring: being.record.runId,
    })),
  };
}

function seen(world: World, name: string, being: Being | undefined): ObservedInstance {
  const isRetiring = being?.isRetiring === true;
  const pid = isRetiring ? undefined : world.pidfiles.get(name);
  const pidfile =
    pid === undefined ? ({ kind: 'absent' } as const) : ({ kind: 'holds', pid } as const);
  if (being === undefined) return { name, presence: { kind: 'absent' }, pidfile, problems: [] };
  const end = endOf(being, world.sinceBoot);
  if (being.quiet?.note.isResuming === true && end !== undefined && end.problem === undefined)
    delete being.quiet;
  if (isAlive(being) && !isRetiring && being.askedAt === undefined)
    being.wasNotedReady ||= isReadyAt(being, world.sinceBoot);
  return {
    name,
    presence: presenceOf(being, world.sinceBoot),
    pidfile,
    ...(isAlive(being) && tells(being) && { activity: activityOf(being, world.sinceBoot) }),
    problems: [],
  };
}

/** Workers that know how to be quiet also say what they do, but for some of those that are made quiet by a command. */
const tells = ({ worker: { stop } }: Being): boolean =>
  stop.quiet !== undefined && (typeof stop.quiet === 'string' || stop.resume !== 'CONT');

/** How the command has ended that it was made quiet or resumed by; undefined: it still runs. */
function endOf({ quiet, fate }: Being, now: number): CommandEnd | undefined {
  if (quiet?.endsAt === undefined || now < quiet.endsAt) return undefined;
  return fate.doCommandsFail ? { problem: 'exit status 1' } : {};
}

const activityOf = (being: Being, now: number): NonNullable<ObservedInstance['activity']> =>
  being.fate.drain > 0 && now < idleAt(being) ? busyWith([{ what: 'a job' }]) : { kind: 'idle' };

function presenceOf(being: Being, now: number): Presence {
  const { record, stop, quiet, end, wasNotedReady, worker } = being;
  const hasShownReady = worker.ready.kind === 'log' && wasNotedReady;
  const stopped = stop === undefined ? {} : { stop: stop.note };
  if (end !== undefined) {
    const diedAt = end.diedAt === undefined ? {} : { diedAt: momentOf(end.diedAt) };
    return { kind: 'dead', record, death: end.death, ...diedAt, ...stopped, hasShownReady };
  }
  const commandEnd = endOf(being, now);
  const ended = commandEnd && { end: commandEnd };
  const quieted = quiet === undefined ? {} : { quiet: { ...quiet.note, ...ended } };
  const process = processOf(record);
  return { kind: 'alive', record, process, ...stopped, ...quieted, hasShownReady };
}
