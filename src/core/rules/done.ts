import { mapOf } from '../basics/lookup.ts';
import type { Config, Worker } from '../model/config.ts';
import { codeOf } from '../model/code.ts';
import { isReplaced, rolloutOf, type Desired, type Done } from '../model/desired.ts';
import { instanceNames } from '../model/instance.ts';
import type { State } from '../model/ledger.ts';
import { latestDeath, type Observation, type ObservedInstance } from '../model/observation.ts';
import { formatDeath } from '../model/record.ts';
import { isNewDeath } from './deaths.ts';
import { endOf } from './ends.ts';

/** The instances that are done after this look; the same object if nothing has changed. */
export function doneAfter(
  { workers }: Config,
  { desired, ledger }: State,
  observation: Observation,
): Desired['done'] {
  const { done: before } = desired;
  if (Object.keys(before).length === 0 && workers.every(({ onExit }) => onExit === 'always'))
    return before;
  const after = mapOf(Object.entries(before));
  for (const worker of workers)
    for (const name of instanceNames(worker)) {
      const observed = observation.instances.get(name);
      if (observed === undefined) continue;
      const isNew = isNewDeath(ledger, observed);
      const done = isNew ? newlyDone(desired, worker, observed, observation) : before[name];
      if (done !== undefined && isStillDone(done, worker, observed)) after[name] = done;
      else Reflect.deleteProperty(after, name);
    }
  return JSON.stringify(after) === JSON.stringify(before) ? before : after;
}

function newlyDone(
  desired: Desired,
  worker: Worker,
  { name, presence }: ObservedInstance,
  { now }: Observation,
): Done | undefined {
  const end = presence.kind === 'dead' ? endOf(worker, presence) : undefined;
  if (presence.kind !== 'dead' || end === undefined) return undefined;
  const { record, death } = presence;
  const rollout = rolloutOf(desired, name);
  const replaced = rollout?.aborted === undefined ? rollout?.replaces[name] : undefined;
  // A restart is about to run the new code: what the old code has done does not count.
  if (replaced != null && isReplaced(replaced, record, record)) return undefined;
  const problem = end === 'failure' ? { problem: formatDeath(death) } : {};
  return { ...codeOf(record), at: latestDeath(presence, now), runId: record.runId, ...problem };
}

/** It ends with a new process, with another command, and if the config starts a process again after every exit. */
const isStillDone = (
  { commandDigest }: Done,
  { onExit }: Worker,
  { presence, commandDigest: next }: ObservedInstance,
): boolean =>
  onExit !== 'always' &&
  (presence.kind === 'dead' || presence.kind === 'absent') &&
  (next === undefined || next === commandDigest);
