import { lookup } from '../basics/lookup.ts';
import { durationOf, type Duration } from '../basics/time.ts';
import type { Config, Worker } from '../model/config.ts';
import { rolloutOf } from '../model/desired.ts';
import { instanceNames } from '../model/instance.ts';
import type { State } from '../model/ledger.ts';
import { liveProcess, type Observation, type ObservedInstance } from '../model/observation.ts';
import { lifeOf } from './lifecycle.ts';
import { snapshotOf, type Snapshot, type Subject } from './snapshot.ts';
import { startable } from './startable.ts';

/** Up to this many missing instances are started at once, unless a boot has ended their processes. */
const mostAtOnce = 20;

/**
 * Whether instances are started a few at a time: from a look that finds many of them missing, or any after a boot, until
 * none of them waits any more. A look at some instances only leaves it as it is.
 */
export function startsInTurn(
  config: Config,
  state: State,
  before: boolean,
  observation: Observation,
): boolean {
  if (observation.startsAtOnce === undefined) return before;
  const isDown = (observed: ObservedInstance): boolean => liveProcess(observed) === undefined;
  if (![...observation.instances.values()].some(isDown)) return false;
  const down = counting(startable(snapshotOf(config, state, observation)), state);
  return (
    (before && down.length > 0) ||
    down.length > mostAtOnce ||
    down.some(({ observed }) => isRebooted(observed.presence))
  );
}

/** Those of the instances that can be started whose turn it is, and those that wait for none. */
export function inTurn(snapshot: Snapshot, down: readonly Subject[]): readonly Subject[] {
  const { ledger, observation } = snapshot;
  const { startsAtOnce } = observation;
  if (startsAtOnce === undefined || ledger.startsInTurn !== true) return down;
  const limitOf = ({ startsAtOnce: own }: Worker): number => own ?? startsAtOnce;
  const starting = startingOnes(snapshot);
  const left = new Map(
    snapshot.config.workers.map((worker) => [
      worker.name,
      limitOf(worker) - starting.filter((one) => one.worker === worker).length,
    ]),
  );
  let places = Math.max(...snapshot.config.workers.map(limitOf)) - starting.length;
  const counted = counting(down, snapshot);
  const chosen = new Set<Subject>(down.filter((one) => !counted.includes(one)));
  for (const subject of byTurns(counted)) {
    const own = left.get(subject.worker.name) ?? 0;
    if (places <= 0 || own <= 0) continue;
    places -= 1;
    left.set(subject.worker.name, own - 1);
    chosen.add(subject);
  }
  return down.filter((one) => chosen.has(one));
}

/** The instances that wait for their turn. */
export function waitingForTurn(snapshot: Snapshot): readonly string[] {
  const down = startable(snapshot);
  const now = new Set(inTurn(snapshot, down));
  return down.filter((one) => !now.has(one)).map(({ observed }) => observed.name);
}

/** What shows that a process is ready may be seen by no other event: it is looked for this often. */
const readyLook = durationOf(500);

/** How soon a turn may come without any event. */
export function turnMoments(snapshot: Snapshot): readonly Duration[] {
  if (snapshot.ledger.startsInTurn !== true || waitingForTurn(snapshot).length === 0) return [];
  return startingOnes(snapshot).map(({ worker, changesIn }) =>
    durationOf(worker.ready.kind === 'after' ? changesIn : Math.min(changesIn, readyLook)),
  );
}

interface Starting {
  readonly worker: Worker;
  readonly changesIn: Duration;
}

/** The processes that are not ready yet. One that is late takes no place: it may never become ready. */
function startingOnes(snapshot: Snapshot): Starting[] {
  return snapshot.config.workers.flatMap((worker) =>
    instanceNames(worker).flatMap((name) => {
      const observed = snapshot.instance(name);
      const life = observed && lifeOf(observed, worker, snapshot);
      if (life?.state !== 'starting') return [];
      const rollout = rolloutOf(snapshot.desired, name);
      const isReplacement = rollout?.replaces[name]?.bootId === life.process.bootId;
      return isReplacement ? [] : [{ worker, changesIn: life.changesIn }];
    }),
  );
}

/**
 * Without those that a command has asked for, and those that a restart replaces: it has an order of its own. But not even a
 * restart survives a boot.
 */
const counting = (down: readonly Subject[], { desired, ledger }: State): readonly Subject[] =>
  down.filter(
    ({ observed: { name, presence } }) =>
      lookup(ledger.asked, name) === undefined &&
      ((rolloutOf(desired, name)?.replaces[name] ?? null) === null || isRebooted(presence)),
  );

const isRebooted = (presence: ObservedInstance['presence']): boolean =>
  presence.kind === 'dead' && presence.death.kind === 'rebooted';

/** One of each worker, then another of each: a worker that is slow to start does not keep the others down. */
function byTurns(subjects: readonly Subject[]): readonly Subject[] {
  const counts = new Map<Worker, number>();
  const ranked = subjects.map((subject) => {
    const rank = counts.get(subject.worker) ?? 0;
    counts.set(subject.worker, rank + 1);
    return { subject, rank };
  });
  return ranked.sort((a, b) => a.rank - b.rank).map(({ subject }) => subject);
}
