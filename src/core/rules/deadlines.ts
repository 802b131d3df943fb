import { durationOf, type Duration } from '../basics/time.ts';
import type { Desired } from '../model/desired.ts';
import { keyOf } from '../model/instance.ts';
import {
  allObserved,
  liveProcess,
  refOf,
  type Observation,
  type ObservedInstance,
} from '../model/observation.ts';
import { identityOf, isSameProcess, type ProcessIdentity } from '../model/process.ts';

/** When the living processes of these instances, old ones included, are to be killed. */
export function deadlinesOf(
  {
    instances,
    killAfter,
  }: { readonly instances: readonly string[]; readonly killAfter?: Duration },
  observation: Observation,
  isMeant: (observed: ObservedInstance) => boolean,
): Desired['deadlines'] {
  if (killAfter === undefined) return {};
  const at = durationOf(observation.sinceBoot + killAfter);
  const named = new Set(instances);
  return Object.fromEntries(
    allObserved(observation).flatMap((observed) => {
      const process = liveProcess(observed);
      if (!named.has(observed.name) || process === undefined || !isMeant(observed)) return [];
      return [[keyOf(refOf(observed)), { process: identityOf(process), at }]];
    }),
  );
}

/**
 * What is noted of processes stays with each, also if it drains beside its replacement, and ends with it.
 * @param identityIn the process of an instance that such a note may be about
 */
export function followed<Note extends { readonly process: ProcessIdentity }>(
  notes: Readonly<Record<string, Note>>,
  { instances, retiring }: Observation,
  identityIn: (observed: ObservedInstance) => ProcessIdentity | undefined = liveProcess,
): Readonly<Record<string, Note>> {
  const entries = Object.entries(notes);
  if (entries.length === 0) return notes;
  return Object.fromEntries(
    entries.flatMap(([key, note]) => {
      const observed = instances.get(key) ?? retiring.find((one) => keyOf(refOf(one)) === key);
      const bearer = [...(observed ? [observed] : []), ...retiring].find((one) => {
        const found = identityIn(one);
        return found !== undefined && isSameProcess(found, note.process);
      });
      if (bearer !== undefined) return [[keyOf(refOf(bearer)), note]];
      return observed === undefined ? [[key, note]] : [];
    }),
  );
}
