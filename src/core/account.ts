import { instanceOf, isLeaving } from './leaving.ts';
import { newPauses } from './backoff.ts';
import type { Happening } from './event.ts';
import type { Intent, Loss, Rollout } from './intent.ts';
import type { Observation, ObservedInstance, Presence } from './observation.ts';
import { own } from './own.ts';
import type { Plan } from './plan.ts';
import { workerNameOf } from './targets.ts';
import { elapsed, momentOf, type Moment } from './time.ts';
import { findingOf, type Finding } from './verdict.ts';
import { withWants } from './wants.ts';
import type { Config, Worker } from './worker.ts';

/** Something that a pass has learned, and that must be told although its command may be killed: perhaps twice, never not at all. */
export interface News {
  /** The same whenever the same thing is told again. */
  readonly id: string;
  readonly instance: string;
  readonly happening: Happening;
}

/** A death that nobody has told of yet. */
interface NewDeath {
  readonly observed: ObservedInstance;
  readonly dead: Extract<Presence, { kind: 'dead' }>;
  readonly worker: Worker | undefined;
  readonly finding: Finding;
}

/** The intent once this look has been told: whose death has been, and which jobs may still turn up. */
export function accounted(config: Config, intent: Intent, observation: Observation): Intent {
  const told = toldAfter(intent.told, observation);
  const losses = lossesAfter(config, intent, observation);
  return told === intent.told && losses === intent.losses ? intent : { ...intent, told, losses };
}

function toldAfter(told: Intent['told'], { instances }: Observation): Intent['told'] {
  const after: Record<string, string> = { ...told };
  let isChanged = false;
  for (const { name, presence } of instances.values()) {
    const before = told[name];
    const now = presence.kind === 'dead' ? presence.record.start : undefined;
    if (now === before) continue;
    isChanged = true;
    if (now === undefined) Reflect.deleteProperty(after, name);
    else after[name] = now;
  }
  // An old process that left beside its replacement is seen until its files are gone.
  const gone = Object.keys(told).filter((name) => isLeaving(name) && !instances.has(name));
  for (const name of gone) Reflect.deleteProperty(after, name);
  return isChanged || gone.length > 0 ? after : told;
}

function lossesAfter(config: Config, intent: Intent, observation: Observation): Intent['losses'] {
  const open = newDeaths(config, intent, observation).flatMap((death) =>
    lossOf(death, observation),
  );
  const left = intent.losses.filter((loss) => !isDue(loss, observation.now));
  if (open.length === 0 && left.length === intent.losses.length) return intent.losses;
  return [...left, ...open];
}

/** What nobody knows yet; a grace that is over before anybody has looked is over. */
function lossOf({ observed, dead, worker, finding }: NewDeath, { now }: Observation): Loss[] {
  if (finding.isJobLost !== 'unknown') return [];
  const { pid, start } = dead.record;
  const at = dead.diedAt ?? now;
  const due = momentOf(at + (worker?.lostGrace ?? 0));
  const loss = { instance: instanceOf(observed.name), pid, start, death: dead.death, at, due };
  return isDue(loss, now) ? [] : [loss];
}

/** A death that lies in the future comes from a clock that was set back. */
const isDue = ({ at, due }: Loss, now: Moment): boolean => now >= due || at > now;

/** When the next job is called lost. */
export const nextLossAt = ({ losses }: Intent): Moment | undefined =>
  losses.length === 0 ? undefined : momentOf(Math.min(...losses.map(({ due }) => due)));

/** What is to be told of this look, and of what is about to be done. */
export function newsOf(
  config: Config,
  before: Intent,
  { intent, observation, plan }: { intent: Intent; observation: Observation; plan: Plan },
): News[] {
  return [
    ...newDeaths(config, before, observation).flatMap((death) => deathNews(death, observation)),
    ...before.losses.filter((loss) => isDue(loss, observation.now)).map(lossNews),
    ...pauseNews(config, before, intent, observation),
    ...plan.flatMap((action) => unresponsiveNews(action, observation)),
    ...before.rollouts.flatMap((rollout) => rolloutNews(config, rollout, intent)),
  ];
}

function newDeaths(config: Config, { told }: Intent, observation: Observation): NewDeath[] {
  return [...observation.instances.values()].flatMap((observed) => {
    const { name, presence } = observed;
    if (presence.kind !== 'dead' || told[name] === presence.record.start) return [];
    const worker = config.workers.find((one) => one.name === workerNameOf(name));
    const finding = findingOf(observed, presence, worker, observation.now);
    return [{ observed, dead: presence, worker, finding }];
  });
}

function deathNews(news: NewDeath, observation: Observation): News[] {
  const {
    observed: { name },
    dead,
    finding,
  } = news;
  const { now } = observation;
  const { record, death, diedAt, stop } = dead;
  const { pid, start, release, startedAt } = record;
  const { verdict, by, job, isJobLost } = finding;
  const held = job === undefined ? {} : { job };
  const died: Happening = {
    kind: 'died',
    pid,
    start,
    death,
    verdict,
    ...(by !== undefined && { cause: by }),
    ...held,
    ...(death.kind !== 'rebooted' && { uptime: elapsed(startedAt, diedAt ?? now) }),
    ...(stop?.sent === true && diedAt !== undefined && { drained: elapsed(stop.at, diedAt) }),
    ...(release !== undefined && { release }),
  };
  const told = { id: `died.${start}`, instance: name, happening: died };
  const isLost =
    isJobLost === 'yes' || (isJobLost === 'unknown' && lossOf(news, observation).length === 0);
  if (!isLost) return [told];
  const lost: Happening = { kind: 'lost', pid, start, death, ...held };
  return [told, { id: `lost.${start}`, instance: instanceOf(name), happening: lost }];
}

const lossNews = ({ instance, pid, start, death }: Loss): News => ({
  id: `lost.${start}`,
  instance,
  happening: { kind: 'lost', pid, start, death },
});

function pauseNews(
  config: Config,
  before: Intent,
  intent: Intent,
  observation: Observation,
): News[] {
  if (intent.failures === before.failures) return [];
  return newPauses(withWants(config, intent), before, intent, observation).map((pause) => ({
    ...pause,
    id: `backoff.${intent.failures[pause.instance]?.start ?? pause.instance}`,
  }));
}

function unresponsiveNews(action: Plan[number], { instances }: Observation): News[] {
  if (action.kind !== 'kill' || action.isWatchdog !== true) return [];
  const { instance, process, job, cause } = action;
  const presence = instances.get(instance)?.presence;
  const start = presence?.kind === 'alive' ? presence.record.start : `pid-${process.pid}`;
  const happening: Happening = {
    kind: 'unresponsive',
    pid: process.pid,
    start,
    ...(job !== undefined && { job }),
    cause,
  };
  return [{ id: `unresponsive.${start}`, instance, happening }];
}

/** One that is over, or was aborted, for each worker in it. What a later restart has taken over is neither. */
function rolloutNews(config: Config, rollout: Rollout, { rollouts }: Intent): News[] {
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
    const release = own(rollout.releases, worker)?.to;
    const happening: Happening = {
      kind: 'rolled_out',
      by: rollout.by,
      instances: count,
      ...(isAborted && { reason: after.aborted.why }),
      ...(release !== undefined && { release }),
    };
    const outcome = isAborted ? 'aborted' : 'over';
    return [{ id: `rollout.${worker}.${rollout.id}.${outcome}`, instance: worker, happening }];
  });
}
