import { lookup } from '../basics/lookup.ts';
import { isSameCode, type Code } from '../model/code.ts';
import type { Rollout } from '../model/desired.ts';
import { workerNameOf } from '../model/targets.ts';
import type { Group } from './rollout-members.ts';
import type { Snapshot } from './snapshot.ts';

/** Whether a replacement has become ready on the very code that a start would give this instance now. */
export function isProven(
  { proven }: Pick<Rollout, 'proven'>,
  instance: string,
  { observation: { launches } }: Pick<Snapshot, 'observation'>,
): boolean {
  const proof = lookup(proven, workerNameOf(instance));
  const next = launches?.get(instance);
  return proof !== undefined && (next === undefined || isSameCode(proof, next));
}

/** What is proven after this look; the same object if nothing has changed. */
export function provenAfter(
  { proven }: Pick<Rollout, 'proven'>,
  groups: readonly Group[],
  { observation }: Pick<Snapshot, 'observation'>,
): Rollout['proven'] {
  return groups.reduce((all, group) => {
    const { name } = group.worker;
    const before = lookup(all, name);
    const proof = proofOf(group, observation.launches);
    const isKnown = proof === undefined || (before !== undefined && isSameCode(before, proof));
    return isKnown ? all : { ...all, [name]: proof };
  }, proven);
}

/** The code of a replacement that is ready: what those that wait would get, if one of them has it. */
function proofOf(
  { members }: Group,
  launches: ReadonlyMap<string, Code> | undefined,
): Code | undefined {
  const ready: Code[] = [];
  const next: Code[] = [];
  for (const [name, member] of members) {
    if (member.kind === 'replaced') ready.push(member.code);
    const launch = launches?.get(name);
    if (member.kind === 'pending' && launch !== undefined) next.push(launch);
  }
  return next.length === 0
    ? ready.at(-1)
    : ready.find((code) => next.some((one) => isSameCode(one, code)));
}
