import { mapOf, without } from '../basics/lookup.ts';
import { durationOf, type Duration } from '../basics/time.ts';
import type { Desired } from '../model/desired.ts';
import {
  allObserved,
  keyOfObserved,
  liveProcess,
  type Observation,
  type ObservedInstance,
} from '../model/observation.ts';
import type { Stop } from '../model/record.ts';
import { identityOf, isSameProcess, type ProcessIdentity } from '../model/process.ts';

/** The process that a limit of a command is for: the living one, or one that has exited as asked and may have left others. */
export function limitable(observed: ObservedInstance): ProcessIdentity | undefined {
  const { presence, retiring } = observed;
  if (presence.kind !== 'dead') return liveProcess(observed);
  if (retiring !== undefined) return undefined; // its files are removed by this pass
  const { stop } = presence;
  return stop?.sent === true && stop.unclear === undefined ? presence.record : undefined;
}

/** Whether the stop of a process holds for its session, until then at the latest. */
export const endsSessionBy = (stop: Stop, at: Duration): boolean =>
  stop.endsSession === true && stop.deadline !== undefined && stop.deadline <= at;

/** The limits that commands have set, as long as they still have to be noted with a stop, or their processes live. */
export function lastingDeadlines(
  before: Desired['deadlines'],
  observation: Observation,
): Desired['deadlines'] {
  const lasting = followed(before, observation, limitable);
  if (Object.keys(lasting).length === 0) return lasting;
  const noted = allObserved(observation).flatMap((observed) => {
    const { presence } = observed;
    const key = keyOfObserved(observed);
    const at = lasting[key]?.at;
    if (at === undefined || presence.kind !== 'dead' || presence.stop === undefined) return [];
    return endsSessionBy(presence.stop, at) ? [key] : [];
  });
  return noted.length === 0 ? lasting : without(lasting, noted);
}

/**
 * When the living processes of these instances, old ones included, are killed, and what those that have exited as asked have
 * left.
 */
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
  return mapOf(
    allObserved(observation).flatMap((observed) => {
      const isThere = liveProcess(observed) !== undefined || observed.leftovers !== undefined;
      const process = isThere ? limitable(observed) : undefined;
      if (!named.has(observed.name) || process === undefined || !isMeant(observed)) return [];
      return [[keyOfObserved(observed), { process: identityOf(process), at }]];
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
  return mapOf(
    entries.flatMap(([key, note]) => {
      const observed = instances.get(key) ?? retiring.find((one) => keyOfObserved(one) === key);
      const bearer = [...(observed ? [observed] : []), ...retiring].find((one) => {
        const found = identityIn(one);
        return found !== undefined && isSameProcess(found, note.process);
      });
      if (bearer !== undefined) return [[keyOfObserved(bearer), note]];
      return observed === undefined ? [[key, note]] : [];
    }),
  );
}
