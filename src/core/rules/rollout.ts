import type { Moment } from '../basics/time.ts';
import type { Desired, Rollout } from '../model/desired.ts';
import { provenAfter } from './proofs.ts';
import { groupsOf, type Member } from './rollout-members.ts';
import type { Snapshot } from './snapshot.ts';

/** The rollout after this look: which workers are ready on the new code, whether it has failed; undefined: it is over. */
export function advanced(rollout: Rollout, snapshot: Snapshot): Rollout | undefined {
  const groups = groupsOf(rollout, snapshot);
  const members = groups.flatMap(({ members }) => [...members]);
  if (members.every(([, { kind }]) => kind === 'replaced' || kind === 'excluded')) return undefined;
  const proven = provenAfter(rollout, groups, snapshot);
  const abort = rollout.aborted ?? abortOf(members, snapshot.now);
  if (proven === rollout.proven && abort === rollout.aborted) return rollout;
  return {
    ...rollout,
    proven,
    ...(abort && { aborted: abort }),
  };
}

function abortOf(members: readonly [string, Member][], at: Moment): Rollout['aborted'] {
  for (const [instance, member] of members)
    if (member.kind === 'failed') return { at, instance, problem: member.problem };
  return undefined;
}

/** What is wanted once instances could not even be asked or started: their rollouts are aborted. */
export function abortedBy(
  desired: Desired,
  failures: readonly { readonly instance: string; readonly problem: string }[],
  at: Moment,
): Desired {
  const isHit = ({ aborted, replaces }: Rollout): boolean =>
    aborted === undefined && failures.some(({ instance }) => Object.hasOwn(replaces, instance));
  if (!desired.rollouts.some(isHit)) return desired;
  const rollouts = desired.rollouts.map((rollout) => {
    const failure = failures.find(({ instance }) => Object.hasOwn(rollout.replaces, instance));
    return isHit(rollout) && failure !== undefined
      ? { ...rollout, aborted: { at, ...failure } }
      : rollout;
  });
  return { ...desired, rollouts };
}
