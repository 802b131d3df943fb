import type { Desired, Want } from '../model/desired.ts';
import { instanceName } from '../model/instance.ts';
import { liveProcess, type Observation } from '../model/observation.ts';
import { lookup } from '../basics/lookup.ts';
import type { Config, Worker } from '../model/config.ts';

/**
 * The config with the counts in force: instances that were asked for by `want` replace those of the file, unless that names them
 * one by one.
 */
export function withCounts(config: Config, { counts }: Desired): Config {
  const inForce = ({ name, isCounted, configured }: Worker): Worker['identifiers'] =>
    (isCounted ? lookup(counts, name)?.identifiers : undefined) ?? configured;
  if (config.workers.every((worker) => worker.identifiers === inForce(worker))) return config;
  return {
    ...config,
    workers: config.workers.map((worker) => ({ ...worker, identifiers: inForce(worker) })),
  };
}

/**
 * The identifiers of a worker once `count` instances of it are wanted. New ones get the lowest free numbers. Those that go
 * are down, else idle, else of unknown activity, else busy; among equals the highest numbers go first.
 */
export function identifiersFor(
  { name, identifiers }: Worker,
  count: number,
  observation: Observation,
): string[] {
  const kept = [...identifiers];
  for (let number = 1; kept.length < count; number += 1)
    if (!kept.includes(String(number))) kept.push(String(number));
  const dispensable = kept
    .map((identifier, place) => ({
      identifier,
      rank: dispensability(instanceName(name, identifier), observation),
      place,
    }))
    .sort((a, b) => a.rank - b.rank || b.place - a.place);
  const gone = new Set(
    dispensable.slice(0, Math.max(0, kept.length - count)).map(({ identifier }) => identifier),
  );
  return kept.filter((identifier) => !gone.has(identifier)).sort((a, b) => Number(a) - Number(b));
}

/** The lower, the less is lost without this instance. */
function dispensability(name: string, { instances }: Observation): number {
  const observed = instances.get(name);
  if (observed === undefined || liveProcess(observed) === undefined) return 0;
  switch (observed.activity?.kind) {
    case 'idle':
      return 1;
    case undefined:
      return 2;
    case 'busy':
      return 3;
  }
}

/** The counts after a new one for this worker; undefined: as many as the config says. */
export function countsAfter(
  before: Desired['counts'],
  worker: string,
  want: Want | undefined,
): Desired['counts'] {
  const others = Object.entries(before).filter(([name]) => name !== worker);
  return Object.fromEntries(want === undefined ? others : [...others, [worker, want]]);
}
