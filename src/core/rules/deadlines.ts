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
import { identityOf, isSameProcess } from '../model/process.ts';

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

/** A deadline stays with its process, also if that drains beside its replacement, and ends with it. */
export function followed(
  deadlines: Desired['deadlines'],
  { instances, retiring }: Observation,
): Desired['deadlines'] {
  const entries = Object.entries(deadlines);
  if (entries.length === 0) return deadlines;
  return Object.fromEntries(
    entries.flatMap(([key, deadline]) => {
      const observed = instances.get(key) ?? retiring.find((one) => keyOf(refOf(one)) === key);
      const bearer = [...(observed ? [observed] : []), ...retiring].find((one) => {
        const living = liveProcess(one);
        return living !== undefined && isSameProcess(living, deadline.process);
      });
      if (bearer !== undefined) return [[keyOf(refOf(bearer)), deadline]];
      return observed === undefined ? [[key, deadline]] : [];
    }),
  );
}
