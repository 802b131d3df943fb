import { durationOf, type Duration } from '../basics/time.ts';
import type { Worker } from '../model/config.ts';
import { drainingSince, unclearStop, type ObservedInstance } from '../model/observation.ts';
import { awaitedLook, isAwaited } from './awaited.ts';
import { quietMoments } from './quieting.ts';
import { nextLossAt } from './deaths.ts';
import { silentUntil } from './kills.ts';
import { turnMoments } from './places.ts';
import { recycleMoments } from './recycling.ts';
import { longDrainIn } from './long-drains.ts';
import { membersOf } from './rollout-members.ts';
import { deadlineOf, type Snapshot } from './snapshot.ts';
import { turnsOf } from './turns.ts';
import { staysDownUntil } from './unstarted.ts';

/** How soon a process that only its output gives away is looked for again: nothing reports its end. */
const unclaimedLook = 5_000;

/** How long until the plan may change without anything happening in the world; undefined: it will not. */
export function changesIn(snapshot: Snapshot): Duration | undefined {
  const { config, desired, ledger, observation, now, sinceBoot } = snapshot;
  const moments: number[] = [];
  for (const subject of snapshot.everyNotable()) {
    const { observed, worker } = subject;
    const deadline = deadlineOf(observed, snapshot);
    if (deadline !== undefined && (drainingSince(observed) ?? unclearStop(observed)) !== undefined)
      moments.push(deadline - sinceBoot);
    moments.push(...quietMoments(subject, snapshot));
    const due = staysDownUntil(ledger, observed, worker, now);
    if (due !== undefined) moments.push(due - now);
    const long = longDrainIn(observed, worker, ledger, now);
    if (long !== undefined) moments.push(long);
    moments.push(...watchdogMoments(observed, worker, sinceBoot));
    if (observed.unclaimed !== undefined) moments.push(unclaimedLook);
    if (isAwaited(observed, worker)) {
      moments.push(awaitedLook(observed, now));
      if (deadline !== undefined) moments.push(deadline - sinceBoot);
    }
  }
  if (observation.mayRecycle === true)
    for (const worker of config.workers) moments.push(...recycleMoments(worker, snapshot));
  for (const rollout of desired.rollouts) {
    const turn = turnsOf(rollout, snapshot).changesIn;
    if (turn !== undefined) moments.push(turn);
    if (rollout.paused?.until !== undefined) moments.push(rollout.paused.until - now);
    for (const member of membersOf(rollout, snapshot).values())
      if (member.kind === 'starting') moments.push(member.changesIn);
  }
  moments.push(...turnMoments(snapshot));
  const loss = nextLossAt(ledger);
  if (loss !== undefined) moments.push(loss - now);
  for (const { until } of [...Object.values(desired.held), ...Object.values(desired.quiet)])
    if (until !== undefined) moments.push(until - now);
  return moments.length === 0 ? undefined : durationOf(Math.max(0, Math.min(...moments)));
}

/** How soon a silent process is asked for a dump or killed, if it stays silent. */
function watchdogMoments(
  observed: ObservedInstance,
  { heartbeat }: Worker,
  sinceBoot: Duration,
): number[] {
  const { silence, dumpedAt } = observed;
  if (heartbeat === undefined || silence === undefined) return [];
  const end = silentUntil(observed, heartbeat, silence, sinceBoot);
  return dumpedAt === undefined || sinceBoot < end
    ? [end - sinceBoot]
    : [dumpedAt + heartbeat.grace - sinceBoot];
}
