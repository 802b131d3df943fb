import type { Desired } from '../model/desired.ts';
import type { Ledger } from '../model/ledger.ts';
import { liveProcess, type Observation, type ObservedInstance } from '../model/observation.ts';
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
  let after = followed(before, observation, processOf);
  for (const [name, observed] of observation.instances) {
    const process = liveProcess(observed);
    if (process === undefined || !(needsNote(observed) || named.includes(name))) continue;
    after = { ...after, [name]: { process: identityOf(process) } };
  }
  return after;
}

const needsNote = ({ presence }: ObservedInstance): boolean =>
  presence.kind === 'stray' &&
  presence.shim === undefined &&
  (presence.runId === undefined || presence.successorOf !== undefined);

/** An adoption outlives its process until that is replaced: what it has left behind may have to be killed. */
const processOf = (observed: ObservedInstance): ProcessIdentity | undefined =>
  observed.presence.kind === 'dead' ? observed.presence.record : liveProcess(observed);

/** The processes without a witness, while they live and are not adopted. */
export const unwitnessedAfter = (
  before: Ledger['unwitnessed'],
  adopted: Adopted,
  observation: Observation,
): Ledger['unwitnessed'] => {
  const lasting = followed(
    before,
    observation,
    (observed) => liveProcess(observed) ?? observed.unclaimed,
  );
  const entries = Object.entries(lasting).filter(([key, { process }]) => {
    const adoption = adopted[key];
    return adoption === undefined || !isSameProcess(adoption.process, process);
  });
  return entries.length === Object.keys(before).length ? lasting : Object.fromEntries(entries);
};
