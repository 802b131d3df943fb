import { instanceOf, isRetiring } from '../model/leaving.ts';
import { newPauses } from './backoff.ts';
import type { EventBody } from '../events/event.ts';
import type { Desired, Loss, Rollout } from '../model/desired.ts';
import type { Observation, ObservedInstance, Presence } from '../model/observation.ts';
import { lookup } from '../basics/lookup.ts';
import type { Plan } from '../model/plan.ts';
import { workerNameOf } from '../model/targets.ts';
import { elapsed, momentOf, type Moment } from '../basics/time.ts';
import { findingOf, type Finding } from './death-verdict.ts';
import { withCounts } from './scaling.ts';
import type { Config, Worker } from '../model/config.ts';

/** Something that a pass has learned, and that must be told although its command may be killed: perhaps twice, never not at all. */
export interface Notice {
  /** The same whenever the same thing is told again. */
  readonly id: string;
  readonly instance: string;
  readonly body: EventBody;
}

/** A death that nobody has told of yet. */
interface NewDeath {
  readonly observed: ObservedInstance;
  readonly dead: Extract<Presence, { kind: 'dead' }>;
  readonly worker: Worker | undefined;
  readonly finding: Finding;
}

/** The intent once this look has been told: whose death has been, and which jobs may still turn up. */
export function accounted(config: Config, desired: Desired, observation: Observation): Desired {
  const told = toldAfter(desired.told, observation);
  const losses = lossesAfter(config, desired, observation);
  return told === desired.told && losses === desired.losses
    ? desired
    : { ...desired, told, losses };
}

function toldAfter(told: Desired['told'], { instances }: Observation): Desired['told'] {
  const after: Record<string, string> = { ...told };
  let isChanged = false;
  for (const { name, presence } of instances.values()) {
    const before = told[name];
    const now = presence.kind === 'dead' ? presence.record.runId : undefined;
    if (now === before) continue;
    isChanged = true;
    if (now === undefined) Reflect.deleteProperty(after, name);
    else after[name] = now;
  }
  // An old process that left beside its replacement is seen until its files are gone.
  const gone = Object.keys(told).filter((name) => isRetiring(name) && !instances.has(name));
  for (const name of gone) Reflect.deleteProperty(after, name);
  return isChanged || gone.length > 0 ? after : told;
}

function lossesAfter(
  config: Config,
  desired: Desired,
  observation: Observation,
): Desired['losses'] {
  const open = newDeaths(config, desired, observation).flatMap((death) =>
    lossOf(death, observation),
  );
  const left = desired.losses.filter((loss) => !isDue(loss, observation.now));
  if (open.length === 0 && left.length === desired.losses.length) return desired.losses;
  return [...left, ...open];
}

/** What nobody knows yet; a grace that is over before anybody has looked is over. */
function lossOf({ observed, dead, worker, finding }: NewDeath, { now }: Observation): Loss[] {
  if (finding.isJobLost !== 'unknown') return [];
  const { pid, runId } = dead.record;
  const at = dead.diedAt ?? now;
  const due = momentOf(at + (worker?.lostGrace ?? 0));
  const loss = { instance: instanceOf(observed.name), pid, runId, death: dead.death, at, due };
  return isDue(loss, now) ? [] : [loss];
}

/** A death that lies in the future comes from a clock that was set back. */
const isDue = ({ at, due }: Loss, now: Moment): boolean => now >= due || at > now;

/** When the next job is called lost. */
export const nextLossAt = ({ losses }: Desired): Moment | undefined =>
  losses.length === 0 ? undefined : momentOf(Math.min(...losses.map(({ due }) => due)));

/** What is to be told of this look, and of what is about to be done. */
export function newsOf(
  config: Config,
  before: Desired,
  { desired, observation, plan }: { desired: Desired; observation: Observation; plan: Plan },
): Notice[] {
  return [
    ...newDeaths(config, before, observation).flatMap((death) => deathNews(death, observation)),
    ...before.losses.filter((loss) => isDue(loss, observation.now)).map(lossNews),
    ...pauseNews(config, before, desired, observation),
    ...plan.flatMap((action) => unresponsiveNews(action, observation)),
    ...before.rollouts.flatMap((rollout) => rolloutNews(config, rollout, desired)),
  ];
}

function newDeaths(config: Config, { told }: Desired, observation: Observation): NewDeath[] {
  return [...observation.instances.values()].flatMap((observed) => {
    const { name, presence } = observed;
    if (presence.kind !== 'dead' || told[name] === presence.record.runId) return [];
    const worker = config.workers.find((one) => one.name === workerNameOf(name));
    const finding = findingOf(observed, presence, worker, observation.now);
    return [{ observed, dead: presence, worker, finding }];
  });
}

function deathNews(notice: NewDeath, observation: Observation): Notice[] {
  const {
    observed: { name },
    dead,
    finding,
  } = notice;
  const { now } = observation;
  const { record, death, diedAt, stop } = dead;
  const { pid, runId, release, startedAt } = record;
  const { verdict, by, job, isJobLost } = finding;
  const held = job === undefined ? {} : { job };
  const died: EventBody = {
    kind: 'died',
    pid,
    runId,
    death,
    verdict,
    ...(by !== undefined && { cause: by }),
    ...held,
    ...(death.kind !== 'rebooted' && { uptime: elapsed(startedAt, diedAt ?? now) }),
    ...(stop?.sent === true && diedAt !== undefined && { drained: elapsed(stop.at, diedAt) }),
    ...(release !== undefined && { release }),
  };
  const told = { id: `died.${runId}`, instance: name, body: died };
  const isLost =
    isJobLost === 'yes' || (isJobLost === 'unknown' && lossOf(notice, observation).length === 0);
  if (!isLost) return [told];
  const lost: EventBody = { kind: 'lost', pid, runId, death, ...held };
  return [told, { id: `lost.${runId}`, instance: instanceOf(name), body: lost }];
}

const lossNews = ({ instance, pid, runId, death }: Loss): Notice => ({
  id: `lost.${runId}`,
  instance,
  body: { kind: 'lost', pid, runId, death },
});

function pauseNews(
  config: Config,
  before: Desired,
  desired: Desired,
  observation: Observation,
): Notice[] {
  if (desired.failures === before.failures) return [];
  return newPauses(withCounts(config, desired), before, desired, observation).map((pause) => ({
    ...pause,
    id: `backoff.${desired.failures[pause.instance]?.runId ?? pause.instance}`,
  }));
}

function unresponsiveNews(action: Plan[number], { instances }: Observation): Notice[] {
  if (action.kind !== 'kill' || action.isWatchdog !== true) return [];
  const { instance, process, job, cause } = action;
  const presence = instances.get(instance)?.presence;
  const runId = presence?.kind === 'alive' ? presence.record.runId : `pid-${process.pid}`;
  const body: EventBody = {
    kind: 'unresponsive',
    pid: process.pid,
    runId,
    ...(job !== undefined && { job }),
    cause,
  };
  return [{ id: `unresponsive.${runId}`, instance, body }];
}

/** One that is over, or was aborted, for each worker in it. What a later restart has taken over is neither. */
function rolloutNews(config: Config, rollout: Rollout, { rollouts }: Desired): Notice[] {
  const after = rollouts.find(({ id }) => id === rollout.id);
  const isAborted = after?.aborted !== undefined && rollout.aborted === undefined;
  if (after !== undefined && !isAborted) return [];
  const names = Object.keys(rollout.replaces).filter(
    (name) =>
      after !== undefined || !rollouts.some(({ replaces }) => Object.hasOwn(replaces, name)),
  );
  return config.workers.flatMap(({ name: worker }) => {
    const count = names.filter((name) => workerNameOf(name) === worker).length;
    if (count === 0) return [];
    const release = lookup(rollout.releases, worker)?.to;
    const body: EventBody = {
      kind: 'rolled_out',
      by: rollout.by,
      instances: count,
      ...(isAborted && { reason: after.aborted.why }),
      ...(release !== undefined && { release }),
    };
    const outcome = isAborted ? 'aborted' : 'over';
    return [{ id: `rollout.${worker}.${rollout.id}.${outcome}`, instance: worker, body }];
  });
}
