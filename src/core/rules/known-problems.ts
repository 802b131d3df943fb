import { filtered, lookup, mapOf } from '../basics/lookup.ts';
import { keyOf } from '../model/instance.ts';
import type { Ledger } from '../model/ledger.ts';
import {
  allObserved,
  refOf,
  type Observation,
  type ObservedInstance,
} from '../model/observation.ts';

/** The problems of what was looked at, and those known of the rest: passes that were not asked for report each once. */
export function problemsAfter(
  before: Ledger['problems'],
  observation: Observation,
): Ledger['problems'] {
  const after = new Map(Object.entries(before));
  for (const observed of allObserved(observation)) {
    if (observed.problems.length > 0) after.set(keyOf(refOf(observed)), observed.problems);
    else if (after.size > 0) after.delete(keyOf(refOf(observed)));
  }
  return mapOf(after);
}

/** What this look has found of an instance that the ledger does not know. */
export const newProblems = (
  known: Ledger['problems'],
  observed: ObservedInstance,
): readonly string[] => {
  const reported = lookup(known, keyOf(refOf(observed)));
  if (reported === undefined) return observed.problems;
  return observed.problems.filter((problem) => !reported.includes(problem));
};

/** Why processes could not be taken over, as long as they wait for that. */
export function unadoptedAfter(
  before: Ledger['unadopted'],
  { instances }: Observation,
): Ledger['unadopted'] {
  const names = Object.keys(before);
  if (names.length === 0) return before;
  const left = names.filter((name) => {
    const observed = instances.get(name);
    return observed === undefined || observed.presence.kind === 'stray';
  });
  return filtered(before, (_, name) => left.includes(name));
}
