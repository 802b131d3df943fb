import { mapOf } from '../basics/lookup.ts';
import { durationOf, elapsed, type Duration } from '../basics/time.ts';
import type { Config, Worker } from '../model/config.ts';
import { instanceNames } from '../model/instance.ts';
import type { Ledger, MemoryRow } from '../model/ledger.ts';
import { ageOf, type Observation, type ObservedInstance } from '../model/observation.ts';
import { delayAfter } from './backoff.ts';
import { isNewDeath } from './deaths.ts';

/** The pace of bootcheck: a process that it recycles may have been due for this long, and its size is not known at once. */
const lookEvery = durationOf(60_000);

/** After this many in a row the limit, not the worker, is wrong. */
const telling = 2;

/** Whether an instance needs more than its limit allows: it was too large right after its start, again and again. */
export const isTooSmall = (row: MemoryRow | undefined): boolean =>
  row !== undefined && row.count >= telling;

/** The age from which a process may be recycled for its memory: later and later, if that has not helped. */
export function memoryDueAge(
  name: string,
  { recycled }: Pick<Ledger, 'recycled'>,
  { recycle, backoff }: Worker,
): Duration {
  const minAge = recycle?.minAge ?? durationOf(0);
  const { [name]: row } = recycled;
  if (row === undefined) return minAge;
  const policy = { ...backoff, initial: durationOf(Math.max(backoff.initial, minAge)) };
  return durationOf(minAge + delayAfter(name, row, policy));
}

/** The rows of recyclings after this look: those that did not help are counted, and end when one did. */
export function recycledAfter(
  { workers }: Config,
  ledger: Ledger,
  observation: Observation,
): Ledger['recycled'] {
  const limited = workers.filter(({ recycle }) => recycle?.memory !== undefined);
  if (limited.length === 0) return Object.keys(ledger.recycled).length === 0 ? ledger.recycled : {};
  return mapOf(
    limited.flatMap((worker) =>
      instanceNames(worker).flatMap((name): [string, MemoryRow][] => {
        const { [name]: before } = ledger.recycled;
        const row = before?.limit === worker.recycle?.memory ? before : undefined;
        const observed = observation.instances.get(name);
        const after =
          observed === undefined ? row : rowAfter(row, observed, worker, ledger, observation);
        return after === undefined ? [] : [[name, after]];
      }),
    ),
  );
}

function rowAfter(
  row: MemoryRow | undefined,
  observed: ObservedInstance,
  worker: Worker,
  ledger: Ledger,
  observation: Observation,
): MemoryRow | undefined {
  const { name, presence, memory } = observed;
  const limit = worker.recycle?.memory ?? Infinity;
  const recycled = row === undefined ? {} : { [name]: row };
  const dueAge = memoryDueAge(name, { recycled }, worker);
  if (presence.kind === 'alive') {
    const isFine = memory !== undefined && memory <= limit;
    const isOld = ageOf(presence.process, observation) >= dueAge + lookEvery;
    return isFine && isOld ? undefined : row;
  }
  if (presence.kind !== 'dead' || !isNewDeath(ledger, observed)) return row;
  const { record, stop } = presence;
  if (stop?.sent !== true || stop.memory === undefined) return row;
  const age = elapsed(record.startedAt, stop.at);
  if (age >= dueAge + lookEvery) return undefined;
  return { runId: record.runId, count: (row?.count ?? 0) + 1, limit, memory: stop.memory, age };
}
