import { heldJobs, type HeldJobs } from '../model/activity.ts';
import { lookup } from '../basics/lookup.ts';
import { durationOf, elapsed } from '../basics/time.ts';
import type { EventBody } from '../events/event.ts';
import type { Config } from '../model/config.ts';
import type { PassOutcome } from '../model/decision.ts';
import { rolloutOf, type Desired, type Rollout, type RolloutEnd } from '../model/desired.ts';
import type { ProcessRef } from '../model/instance.ts';
import type { Ledger, Loss, State } from '../model/ledger.ts';
import { observedAt, ranFor, refOf, type Observation } from '../model/observation.ts';
import type { ContinuingProcess } from '../model/leftovers.ts';
import type { Plan } from '../model/plan.ts';
import { workerNameOf } from '../model/targets.ts';
import { newPauses } from './backoff.ts';
import {
  decidedLosses,
  endOfContinuing,
  explainedDeaths,
  isDue,
  newDeaths,
  pendingLoss,
  runIdsOf,
  withEndOfContinuing,
  type NewDeath,
} from './deaths.ts';
import { newLongDrains, type LongDrain } from './long-drains.ts';
import { isTooSmall } from './memory-limits.ts';
import { withCounts } from './scaling.ts';
import { deadlineOf } from './snapshot.ts';

/** What a pass has found and must report, even if its command is killed: perhaps twice, but never not at all. */
export interface Notice extends ProcessRef {
  /** The same if the same thing is reported again. */
  readonly id: string;
  readonly body: EventBody;
}

/** What this look has found, and what the pass is about to do, as far as it has to be reported. */
export function noticesOf(
  config: Config,
  { before, desired, ledger, observation, plan }: PassOutcome,
): Notice[] {
  const remembered = withEndOfContinuing(before.ledger, observation);
  const decided = decidedLosses(config, remembered, observation);
  const decidedRuns = runIdsOf(decided);
  return [
    ...newDeaths(config, before.ledger, observation).flatMap((death) =>
      deathNotices(death, observation),
    ),
    ...explainedDeaths(config, before.ledger, observation).map(explainedNotice),
    ...decided.flatMap(({ observed, dead, assessment }) =>
      assessment.isJobLost === 'yes'
        ? [lostNotice(observed.name, dead.record, dead.death, assessment.held)]
        : [],
    ),
    ...endOfContinuing(before.ledger, observation).flatMap(({ loss, isFinished }) =>
      isFinished ? [finishedNotice(loss)] : [],
    ),
    ...remembered.losses
      .filter((loss) => isDue(loss, observation.now) && !decidedRuns.has(loss.runId))
      .map((loss) => lostNotice(loss.instance, loss, loss.death, loss.held)),
    ...backoffNotices(config, before, { desired, ledger }, observation),
    ...memoryNotices(config, before.ledger, ledger),
    ...plan.flatMap((action) => unresponsiveNotices(action, observation)),
    ...newLongDrains(config, before.ledger.longDrains, observation).map((drain) =>
      longDrainNotice(drain, desired, observation),
    ),
    ...rolloutNotices(config, before.desired, desired),
  ];
}

function deathNotices(newDeath: NewDeath, observation: Observation): Notice[] {
  const { observed, dead, assessment } = newDeath;
  const { now } = observation;
  const { record, death, diedAt, stop } = dead;
  const { pid, runId, release } = record;
  const { verdict, cause, held, isJobLost } = assessment;
  const died: EventBody = {
    kind: 'died',
    pid,
    runId,
    death,
    verdict,
    ...(cause !== undefined && { cause }),
    ...held,
    ...(death.kind !== 'rebooted' && { uptime: ranFor(dead, now) }),
    ...(stop?.sent === true && diedAt !== undefined && { drained: elapsed(stop.at, diedAt) }),
    ...(release !== undefined && { release }),
  };
  const notice = { id: `died.${runId}`, ...refOf(observed), body: died };
  if (observed.continuing !== undefined)
    return [notice, ...continuingNotices(newDeath, observed.continuing)];
  const isLost =
    isJobLost === 'yes' ||
    (isJobLost === 'unknown' && pendingLoss(newDeath, observation) === undefined);
  if (!isLost) return [notice];
  return [notice, lostNotice(observed.name, record, death, held)];
}

/** With `stop.leftovers: wait` the action that begins to wait reports them. */
function continuingNotices(
  { observed, dead: { record }, worker }: NewDeath,
  processes: readonly ContinuingProcess[],
): Notice[] {
  if (worker?.stop.leftovers === 'wait') return [];
  const body: EventBody = { kind: 'leftovers', pid: record.pid, processes, fate: 'awaited' };
  return [{ id: `continuing.${record.runId}`, ...refOf(observed), body }];
}

const finishedNotice = ({ instance, pid, runId, continuing = [] }: Loss): Notice => ({
  id: `finished.${runId}`,
  instance,
  body: { kind: 'leftovers', pid, processes: continuing, fate: 'exited' },
});

/** It was reported as a death of unknown cause: the report of its shim came late. */
function explainedNotice({ observed, dead, assessment }: NewDeath): Notice {
  const { record, death, diedAt, stop } = dead;
  const { verdict, cause, held } = assessment;
  const body: EventBody = {
    kind: 'death_explained',
    pid: record.pid,
    runId: record.runId,
    death,
    verdict,
    ...(cause !== undefined && { cause }),
    ...held,
    ...(stop?.sent === true && diedAt !== undefined && { drained: elapsed(stop.at, diedAt) }),
  };
  return { id: `explained.${record.runId}`, ...refOf(observed), body };
}

const lostNotice = (
  instance: string,
  { pid, runId }: Pick<Loss, 'pid' | 'runId'>,
  death: Loss['death'],
  held: HeldJobs = {},
): Notice => ({
  id: `lost.${runId}`,
  instance,
  body: { kind: 'job_lost', pid, runId, death, ...held },
});

function backoffNotices(
  config: Config,
  before: State,
  after: State,
  observation: Observation,
): Notice[] {
  return newPauses(withCounts(config, after.desired), before, after, observation).map((pause) => ({
    ...pause,
    id: `backoff.${after.ledger.failures[pause.instance]?.runId ?? pause.instance}`,
  }));
}

/** Once for a worker: its instances have the same limit and need about the same. */
function memoryNotices(config: Config, before: Ledger, { recycled }: Ledger): Notice[] {
  if (recycled === before.recycled) return [];
  return config.workers.flatMap(({ name: worker }) => {
    const names = Object.keys(recycled).filter((name) => workerNameOf(name) === worker);
    if (names.some((name) => isTooSmall(before.recycled[name]))) return [];
    const instance = names.find((name) => isTooSmall(recycled[name]));
    const row = instance === undefined ? undefined : recycled[instance];
    if (instance === undefined || row === undefined) return [];
    const { runId, count, limit, memory, age } = row;
    const body: EventBody = { kind: 'recycling_futile', count, limit, memory, age };
    return [{ id: `recycling_futile.${runId}`, instance, body }];
  });
}

function unresponsiveNotices(action: Plan[number], observation: Observation): Notice[] {
  if (action.kind !== 'kill' || action.isWatchdog !== true) return [];
  const { instance, retiring, process, held = {}, cause } = action;
  const presence = observedAt(observation, action)?.presence;
  const runId = presence?.kind === 'alive' ? presence.record.runId : `pid-${process.pid}`;
  const body: EventBody = {
    kind: 'unresponsive',
    pid: process.pid,
    runId,
    ...held,
    cause,
  };
  return [
    { id: `unresponsive.${runId}`, instance, ...(retiring !== undefined && { retiring }), body },
  ];
}

function longDrainNotice(
  { observed, record, asked, drained }: LongDrain,
  desired: Desired,
  { sinceBoot }: Observation,
): Notice {
  const { pid, runId } = record;
  const deadline = deadlineOf(observed, { desired });
  const body: EventBody = {
    kind: 'drain_long',
    pid,
    runId,
    drained,
    ...(deadline !== undefined && { limit: durationOf(drained + deadline - sinceBoot) }),
    ...heldJobs(observed.activity),
    cause: asked.cause,
  };
  return { id: `drain_long.${runId}`, ...refOf(observed), body };
}

/** The rollouts that are over or were aborted, also those that were aborted as soon as they began. */
export function rolloutNotices(config: Config, before: Desired, after: Desired): Notice[] {
  const known = new Set(before.rollouts.map(({ id }) => id));
  const begun = after.rollouts.filter(({ id }) => !known.has(id));
  return [
    ...before.rollouts.flatMap((one) => endNotices(config, one, outcomeOf(one, after), after)),
    ...begun.flatMap((one) => endNotices(config, one, abortOf(one.aborted), after)),
  ];
}

/** For each worker in the rollout. The later restart that takes one over has its own end. */
function endNotices(
  config: Config,
  rollout: Rollout,
  outcome: Outcome | undefined,
  after: Desired,
): Notice[] {
  if (outcome === undefined || outcome.how === 'taken_over') return [];
  const { how, endedBy, problem } = outcome;
  const names = Object.keys(rollout.replaces).filter((name) => {
    const other = rolloutOf(after, name);
    return how === 'rolled_back' || other === undefined || other.id === rollout.id;
  });
  return config.workers.flatMap(({ name: worker }) => {
    const count = names.filter((name) => workerNameOf(name) === worker).length;
    if (count === 0) return [];
    const { from, to } = lookup(rollout.releases, worker) ?? {};
    const release = how === 'rolled_back' ? from : to;
    const body: EventBody = {
      kind: 'rollout_finished',
      requestedBy: rollout.by,
      how,
      ...(endedBy !== undefined && { endedBy }),
      instanceCount: count,
      ...(problem !== undefined && { problem }),
      ...(release !== undefined && { release }),
    };
    return [{ id: `rollout.${worker}.${rollout.id}.${how}`, instance: worker, body }];
  });
}

interface Outcome {
  readonly how: RolloutEnd | 'aborted';
  readonly endedBy?: string;
  readonly problem?: string;
}

/** What has become of a rollout; undefined: nothing new. */
function outcomeOf({ id, aborted }: Rollout, after: Desired): Outcome | undefined {
  const ended = after.ended.find((one) => one.id === id);
  if (ended !== undefined) {
    const { how, by, problem } = ended;
    return {
      how,
      ...(how === 'cancelled' && { endedBy: by }),
      ...(problem !== undefined && { problem }),
    };
  }
  if (aborted !== undefined) return undefined;
  return abortOf(after.rollouts.find((one) => one.id === id)?.aborted);
}

const abortOf = (aborted: Rollout['aborted']): Outcome | undefined =>
  aborted && { how: 'aborted', problem: aborted.problem };
