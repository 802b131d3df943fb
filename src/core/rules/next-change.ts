import { nextLossAt } from './deaths.ts';
import { noLedger, type Ledger } from '../model/ledger.ts';
import { backsOffUntil, dueAt } from './backoff.ts';
import { type Duration, durationOf } from '../basics/time.ts';
import type { Config, Worker } from '../model/config.ts';
import type { Desired } from '../model/desired.ts';
import { type Observation, drainingSince, type ObservedInstance } from '../model/observation.ts';
import { isAwaited, awaitedLook } from './reconcile.ts';
import { recycleMoments } from './recycling.ts';
import { turnsOf, membersOf } from './rollout.ts';
import { withCounts } from './scaling.ts';
import { worldOf, deadlineOf } from './world.ts';

/** How long until the plan may change without anything happening in the world; undefined: it will not. */
export function changesIn(
  config: Config,
  desired: Desired,
  observation: Observation,
  ledger: Ledger = noLedger,
): Duration | undefined {
  const { now, sinceBoot } = observation;
  const inForce = withCounts(config, desired);
  const { subjects, retiring } = worldOf(inForce, desired, observation);
  const moments: number[] = [];
  for (const { observed, worker } of [...subjects, ...retiring]) {
    const deadline = deadlineOf(observed, desired);
    if (deadline !== undefined && drainingSince(observed) !== undefined)
      moments.push(deadline - sinceBoot);
    const failure = ledger.failures[observed.name];
    if (failure !== undefined && backsOffUntil(ledger, observed, worker, now) !== undefined)
      moments.push(dueAt(failure, worker.backoff) - now);
    moments.push(...watchdogMoments(observed, worker, observation));
    if (isAwaited(observed, worker)) moments.push(awaitedLook);
  }
  if (observation.mayRecycle === true)
    for (const worker of inForce.workers)
      moments.push(...recycleMoments(worker, desired, observation));
  for (const rollout of desired.rollouts) {
    const turn = turnsOf(rollout, inForce, desired, observation).changesIn;
    if (turn !== undefined) moments.push(turn);
    for (const member of membersOf(rollout, inForce, desired, observation).values())
      if (member.kind === 'starting') moments.push(member.changesIn);
  }
  const loss = nextLossAt(ledger);
  if (loss !== undefined) moments.push(loss - now);
  for (const { until } of [...Object.values(desired.held), ...Object.values(desired.quiet)])
    if (until !== undefined) moments.push(until - now);
  return moments.length === 0 ? undefined : durationOf(Math.max(0, Math.min(...moments)));
}

/** When, from now, a silent process is to be dumped or killed, should it stay silent. */
function watchdogMoments(
  observed: ObservedInstance,
  { heartbeat }: Worker,
  { sinceBoot }: Observation,
): number[] {
  const { silence, dumpedAt } = observed;
  if (heartbeat === undefined || silence === undefined) return [];
  return dumpedAt === undefined || silence < heartbeat.timeout
    ? [heartbeat.timeout - silence]
    : [dumpedAt + heartbeat.grace - sinceBoot];
}
