import { mapOf } from '../basics/lookup.ts';
import { durationOf, elapsed, type Duration } from '../basics/time.ts';
import type { Config, Worker } from '../model/config.ts';
import type { Ledger } from '../model/ledger.ts';
import {
  allObserved,
  drainingSince,
  type Observation,
  type ObservedInstance,
} from '../model/observation.ts';
import type { Asking, ProcessRecord } from '../model/record.ts';
import { workerNameOf } from '../model/targets.ts';

/** A process that was asked to exit, and for how long it has been draining. */
export interface LongDrain {
  readonly observed: ObservedInstance;
  readonly record: ProcessRecord;
  readonly asked: Asking;
  readonly drained: Duration;
}

/** The drains that count as long, and have not been reported. */
export function newLongDrains(
  { workers }: Config,
  known: Ledger['longDrains'],
  observation: Observation,
): LongDrain[] {
  return drainsIn(observation).filter(({ observed, record, drained }) => {
    const worker = workers.find(({ name }) => name === workerNameOf(observed.name));
    const isLong = worker !== undefined && drained >= worker.hooks.drainLong.after;
    return isLong && known[record.runId] === undefined;
  });
}

/** The runs whose long drain was reported, for as long as they drain; those of instances that were not looked at stay. */
export function longDrainsAfter(
  config: Config,
  before: Ledger['longDrains'],
  observation: Observation,
): Ledger['longDrains'] {
  const fresh = newLongDrains(config, before, observation);
  const known = Object.entries(before);
  if (fresh.length === 0 && known.length === 0) return before;
  const draining = new Set(drainsIn(observation).map(({ record }) => record.runId));
  const lasting = known.filter(
    ([runId, instance]) => draining.has(runId) || !observation.instances.has(instance),
  );
  const added = fresh.map(({ observed, record }) => [record.runId, observed.name] as const);
  return mapOf([...lasting, ...added]);
}

/** In how long the drain of a process will count as long; undefined: it does not drain, or does already. */
export function longDrainIn(
  observed: ObservedInstance,
  { hooks }: Worker,
  { longDrains }: Ledger,
  now: Observation['now'],
): Duration | undefined {
  const { presence } = observed;
  const asked = drainingSince(observed);
  if (asked === undefined || presence.kind !== 'alive') return undefined;
  const due = asked.at + hooks.drainLong.after - now;
  return due <= 0 || longDrains[presence.record.runId] !== undefined ? undefined : durationOf(due);
}

function drainsIn(observation: Observation): LongDrain[] {
  return allObserved(observation).flatMap((observed) => {
    const { presence } = observed;
    if (presence.kind !== 'alive' || (presence.stop ?? presence.quiet) === undefined) return [];
    const asked = drainingSince(observed);
    if (asked === undefined) return [];
    const drained = elapsed(asked.at, observation.now);
    return [{ observed, record: presence.record, asked, drained }];
  });
}
