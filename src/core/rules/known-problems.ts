import { filtered, lookup, mapOf } from '../basics/lookup.ts';
import type { Ledger } from '../model/ledger.ts';
import {
  allObserved,
  keyOfObserved,
  type Observation,
  type ObservedInstance,
} from '../model/observation.ts';

/** The problems of what was looked at, and those known of the rest: passes that were not asked for report each once. */
export function problemsAfter(
  before: Ledger['problems'],
  observation: Observation,
): Ledger['problems'] {
  const all = allObserved(observation);
  const isAnyKnown = Object.keys(before).length > 0;
  if (!isAnyKnown && all.every(({ problems }) => problems.length === 0)) return before;
  const after = new Map(Object.entries(before));
  for (const observed of all) {
    if (observed.problems.length > 0) after.set(keyOfObserved(observed), observed.problems);
    else after.delete(keyOfObserved(observed));
  }
  return mapOf(after);
}

/** What this look has found of an instance that the ledger does not know. */
export const newProblems = (
  known: Ledger['problems'],
  observed: ObservedInstance,
): readonly string[] => {
  const reported = lookup(known, keyOfObserved(observed));
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
