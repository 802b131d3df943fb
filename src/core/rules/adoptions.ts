import { mapOf, withEntries } from '../basics/lookup.ts';
import type { Desired } from '../model/desired.ts';
import type { Ledger } from '../model/ledger.ts';
import {
  allObserved,
  keyOfObserved,
  liveProcess,
  unclearStop,
  type Observation,
  type ObservedInstance,
} from '../model/observation.ts';
import { identityOf, isSameProcess, type ProcessIdentity } from '../model/process.ts';
import { followed } from './deadlines.ts';

type Adopted = Desired['adopted'];

/**
 * The adoptions after this look. What a pass takes over without a marker or a shim is noted, because its record would be the
 * only witness; `named` are the instances whose process a person has named.
 */
export function adoptionsAfter(
  before: Adopted,
  observation: Observation,
  named: readonly string[] = [],
): Adopted {
  const lasting = followed(before, observation, processOf);
  const added = [...observation.instances.values()]
    .filter((observed) => needsNote(observed) || named.includes(observed.name))
    .flatMap((observed) => {
      const process = liveProcess(observed);
      return process === undefined
        ? []
        : [[observed.name, { process: identityOf(process) }] as const];
    });
  return added.length === 0 ? lasting : withEntries(lasting, added);
}

const needsNote = ({ presence }: ObservedInstance): boolean =>
  presence.kind === 'stray' &&
  presence.shim === undefined &&
  (presence.runId === undefined || presence.successorOf !== undefined);

/** An adoption outlives its process until that is replaced: what it has left behind may have to be killed. */
const processOf = (observed: ObservedInstance): ProcessIdentity | undefined =>
  observed.presence.kind === 'dead' ? observed.presence.record : liveProcess(observed);

/** The processes without a witness, while they live and are not adopted, and those whose stop notes cannot be understood. */
export const unwitnessedAfter = (
  before: Ledger['unwitnessed'],
  adopted: Adopted,
  observation: Observation,
): Ledger['unwitnessed'] => {
  if (Object.keys(before).length === 0) return before;
  const lasting = followed(
    before,
    observation,
    (observed) => liveProcess(observed) ?? observed.unclaimed,
  );
  const seen = new Map(allObserved(observation).map((one) => [keyOfObserved(one), one]));
  const entries = Object.entries(lasting).filter(([key, { process, isUnclear }]) => {
    const observed = seen.get(key);
    if (isUnclear === true) return observed === undefined || unclearStop(observed) !== undefined;
    const adoption = adopted[key];
    return adoption === undefined || !isSameProcess(adoption.process, process);
  });
  return entries.length === Object.keys(before).length ? lasting : mapOf(entries);
};
