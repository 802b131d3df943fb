import { durationOf, elapsed, type Duration, type Moment } from '../basics/time.ts';
import type { LeftoverRule, Worker } from '../model/config.ts';
import type { ObservedInstance } from '../model/observation.ts';
import type { Stop } from '../model/record.ts';

type Seen = Pick<ObservedInstance, 'presence' | 'leftovers' | 'continuing'>;

/**
 * The stop of a dead process that goes on for the rest of its session: all of it was asked (`stop.to: session`), or a
 * command has limited it.
 */
export const sessionStop = ({ presence }: Seen): Stop | undefined =>
  presence.kind === 'dead' &&
  presence.stop !== undefined &&
  (presence.stop.members !== undefined || presence.stop.endsSession === true)
    ? presence.stop
    : undefined;

/** Whether what any dead worker with this policy has left must be looked for. */
export const actsOnLeftovers = ({ leftovers }: Worker['stop']): boolean =>
  leftovers === 'kill' || leftovers === 'wait';

/** What is done about what a dead process has left in its session. */
export function leftoverRuleOf(
  observed: Seen,
  { stop: policy }: Pick<Worker, 'stop'>,
  sinceBoot: Duration,
): LeftoverRule {
  const { leftovers: rule = 'report' } = policy;
  const stop = sessionStop(observed);
  if (stop?.deadline !== undefined && sinceBoot >= stop.deadline) return 'kill';
  if (stop?.members !== undefined) return 'wait';
  return stop !== undefined && rule === 'report' ? 'wait' : rule;
}

/** Whether nothing is started in its place as long as what its dead process has left lives. */
export function isAwaited(observed: Seen, { stop: policy }: Pick<Worker, 'stop'>): boolean {
  const { presence, leftovers, continuing } = observed;
  if (presence.kind !== 'dead' || leftovers === undefined) return false;
  if (continuing !== undefined) return true;
  const stop = sessionStop(observed);
  if (stop === undefined) return policy.leftovers === 'wait';
  if (leftovers.wasKilled === true) return false;
  return stop.members !== undefined || ['report', 'wait'].includes(policy.leftovers ?? 'report');
}

const shortestLook = 50;
const longestLook = 1_000;

/** How soon what is waited for is looked at again, as nothing reports its end: first often, later once a second. */
export function awaitedLook({ presence }: Seen, now: Moment): Duration {
  const diedAt = presence.kind === 'dead' ? presence.diedAt : undefined;
  return diedAt === undefined ? durationOf(longestLook) : lookAfter(elapsed(diedAt, now));
}

/** The same for what has been awaited for this long. */
export const lookAfter = (since: Duration): Duration =>
  durationOf(Math.round(Math.min(longestLook, Math.max(shortestLook, since / 4))));
