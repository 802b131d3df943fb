import {
  isHeld,
  isReplaced,
  isStopped,
  type Desired,
  type Replaced,
  type Rollout,
} from '../model/desired.ts';
import { instanceNames } from '../model/instance.ts';
import {
  drainingSince,
  liveProcess,
  type Observation,
  type ObservedInstance,
  type Presence,
} from '../model/observation.ts';
import { readyingOf, wasReady } from './readiness.ts';
import { formatEarlyDeath, formatLate } from '../model/record.ts';
import { workerNameOf } from '../model/targets.ts';
import { durationOf, elapsed, momentOf, type Duration, type Moment } from '../basics/time.ts';
import type { Batch, Config, RestartPolicy, Worker } from '../model/config.ts';

/** How far an instance is in the rollout that it is in. */
export type Member =
  /** It was not looked at. */
  | { readonly kind: 'unseen' }
  /** It was stopped or held, or the config no longer has it: the rollout goes on without it. */
  | { readonly kind: 'released' }
  /** It runs the old code and was not asked to leave. */
  | { readonly kind: 'untouched'; readonly observed: ObservedInstance }
  /** Its old process was asked and has not left yet. */
  | { readonly kind: 'asked'; readonly since: Moment }
  /** Its old process is gone, and nothing runs in its place. */
  | { readonly kind: 'vacant' }
  | { readonly kind: 'starting'; readonly changesIn: Duration }
  /** Its new process is ready, or was until it died by itself. */
  | { readonly kind: 'replaced' }
  /** Its new process died before it was ready, or did not become ready in time. */
  | { readonly kind: 'failed'; readonly why: string };

/** One worker's instances in a rollout. */
interface Group {
  readonly worker: Worker;
  readonly members: ReadonlyMap<string, Member>;
}

/** How far each instance of a rollout is. */
export function membersOf(
  rollout: Rollout,
  config: Config,
  desired: Desired,
  observation: Observation,
): Map<string, Member> {
  return new Map(
    groupsOf(rollout, config, desired, observation).flatMap(({ members }) => [...members]),
  );
}

function groupsOf(
  rollout: Rollout,
  config: Config,
  desired: Desired,
  observation: Observation,
): Group[] {
  const configured = new Map(
    config.workers.flatMap((worker) => instanceNames(worker).map((name) => [name, worker])),
  );
  return config.workers.flatMap((worker) => {
    const names = instanceNames(worker).filter((name) => Object.hasOwn(rollout.replaces, name));
    if (names.length === 0) return [];
    const members = names.map((name): [string, Member] => {
      const isOut =
        !configured.has(name) || isStopped(desired, name) || isHeld(desired, name, observation.now);
      if (isOut) return [name, { kind: 'released' }];
      return [name, memberOf(rollout.replaces[name] ?? null, name, worker, observation)];
    });
    return [{ worker, members: new Map(members) }];
  });
}

function memberOf(
  replaced: Replaced | null,
  name: string,
  worker: Worker,
  observation: Observation,
): Member {
  const observed = observation.instances.get(name);
  if (observed === undefined) return { kind: 'unseen' };
  const { presence } = observed;
  const process = liveProcess(observed);
  const record = presence.kind === 'alive' ? presence.record : undefined;
  if (process !== undefined && replaced !== null && isReplaced(replaced, process, record)) {
    const retiring = drainingSince(observed);
    return retiring === undefined
      ? { kind: 'untouched', observed }
      : { kind: 'asked', since: retiring.at };
  }
  switch (presence.kind) {
    case 'absent':
    case 'stray': // it is adopted first
      return { kind: 'vacant' };
    case 'dead':
      return afterDeath(presence, replaced, worker, observation.now);
    case 'alive':
      return underway(observed, presence, worker, observation);
  }
}

function afterDeath(
  presence: Extract<Presence, { kind: 'dead' }>,
  replaced: Replaced | null,
  worker: Worker,
  now: Moment,
): Member {
  const { record, death, stop } = presence;
  if ((replaced !== null && isReplaced(replaced, record, record)) || stop?.sent === true)
    return { kind: 'vacant' };
  if (death.kind === 'rebooted') return { kind: 'vacant' };
  if (wasReady(presence, worker.ready, now)) return { kind: 'replaced' };
  return { kind: 'failed', why: formatEarlyDeath(record, death) };
}

function underway(
  observed: ObservedInstance,
  presence: Extract<Presence, { kind: 'alive' }>,
  worker: Worker,
  observation: Observation,
): Member {
  const retiring = drainingSince(observed);
  if (retiring !== undefined) return { kind: 'asked', since: retiring.at };
  const readying = readyingOf(presence, worker.ready, observation);
  switch (readying.kind) {
    case 'ready':
      return { kind: 'replaced' };
    case 'starting':
      return readying;
    case 'late':
      return { kind: 'failed', why: formatLate(presence.record, readying.timeout) };
  }
}

/** How a worker's instances are replaced in this rollout: what its command said, else the config. */
export function policyOf({ options }: Rollout, { restart }: Worker): RestartPolicy {
  return {
    ...restart,
    canary: options.canary ?? restart.canary,
    batch: options.batch ?? restart.batch,
    overlap: options.overlap ?? restart.overlap,
  };
}

/** The rollout after this look: which workers have proven the new code, whether it has failed; undefined: it is over. */
export function advanced(
  rollout: Rollout,
  config: Config,
  desired: Desired,
  observation: Observation,
): Rollout | undefined {
  const groups = groupsOf(rollout, config, desired, observation);
  const members = groups.flatMap(({ members }) => [...members]);
  if (members.every(([, { kind }]) => kind === 'replaced' || kind === 'released')) return undefined;
  const proven = groups
    .filter(({ members }) => [...members.values()].some(({ kind }) => kind === 'replaced'))
    .map(({ worker }) => worker.name)
    .filter((name) => !rollout.proven.includes(name));
  const abort = rollout.aborted ?? abortOf(members, observation.now);
  if (proven.length === 0 && abort === rollout.aborted) return rollout;
  return {
    ...rollout,
    proven: [...rollout.proven, ...proven],
    ...(abort && { aborted: abort }),
  };
}

function abortOf(members: readonly [string, Member][], at: Moment): Rollout['aborted'] {
  for (const [instance, member] of members)
    if (member.kind === 'failed') return { at, instance, why: member.why };
  return undefined;
}

/** The intent once instances could not even be asked or started: their rollouts are given up. */
export function abortedBy(
  desired: Desired,
  failures: readonly { readonly instance: string; readonly why: string }[],
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

/** Whom a rollout may ask to leave now, and when at the latest that may change without anything else happening. */
export interface Turn {
  readonly ask: readonly string[];
  readonly changesIn?: Duration;
}

/**
 * Whose turn it is. Without proof only canaries are asked: one, and one more for each `patience` that the first of them
 * goes on draining; nobody while a replacement is on its way up. With proof, as many as the batch has room for. Idle
 * ones come first. A worker of which an instance was not looked at waits: nothing can be said of its batch.
 */
export function turnsOf(
  rollout: Rollout,
  config: Config,
  desired: Desired,
  observation: Observation,
): Turn {
  if (rollout.aborted !== undefined) return { ask: [] };
  const turns = groupsOf(rollout, config, desired, observation).map((group) =>
    turnOf(rollout, group, observation),
  );
  const changes = turns.flatMap(({ changesIn }) => (changesIn === undefined ? [] : [changesIn]));
  return {
    ask: turns.flatMap(({ ask }) => ask),
    ...(changes.length > 0 && { changesIn: durationOf(Math.min(...changes)) }),
  };
}

function turnOf(rollout: Rollout, { worker, members }: Group, observation: Observation): Turn {
  const all = [...members.values()];
  const untouched = [...members].flatMap(([name, member]) =>
    member.kind === 'untouched' ? [{ name, observed: member.observed }] : [],
  );
  if (untouched.length === 0 || all.some(({ kind }) => kind === 'unseen')) return { ask: [] };
  const policy = policyOf(rollout, worker);
  const room = roomIn(policy, worker, all, observation);
  if (room === 0) return { ask: [] };
  const rank = ({ observed }: { observed: ObservedInstance }): number =>
    isLate(observed, worker, observation) ? -1 : busyness(observed);
  const byIdleness = untouched.sort((a, b) => rank(a) - rank(b));
  const first = (count: number): string[] => byIdleness.slice(0, count).map(({ name }) => name);
  if (!policy.canary || rollout.proven.includes(worker.name)) return { ask: first(room) };

  if (all.some(({ kind }) => kind === 'vacant' || kind === 'starting')) return { ask: [] };
  const asked = all.flatMap((member) => (member.kind === 'asked' ? [member.since] : []));
  if (asked.length === 0) return { ask: first(1) };
  // Who drained already when the restart was asked for has not tried anybody's patience yet.
  const since = momentOf(Math.max(rollout.at, Math.min(...asked)));
  const drained = elapsed(since, observation.now);
  const patience = Math.max(1, policy.patience);
  const canaries = 1 + Math.floor(drained / patience);
  return {
    ask: first(Math.min(room, Math.max(0, canaries - asked.length))),
    changesIn: durationOf(since + canaries * patience - observation.now),
  };
}

/** How many more may be asked to leave now. */
function roomIn(
  { batch, overlap, maxExtra }: RestartPolicy,
  worker: Worker,
  members: readonly Member[],
  observation: Observation,
): number {
  const down = members.filter(({ kind }) => isDown(kind)).length;
  const room = Math.max(0, batchSize(batch, worker.identifiers.length) - down);
  if (!overlap) return room;
  const asked = members.filter(({ kind }) => kind === 'asked').length;
  return Math.max(0, Math.min(room, maxExtra - asked - extrasOf(worker, observation)));
}

/** How many old processes of a worker are leaving beside their replacements. */
export const extrasOf = (worker: Worker, { retiring }: Observation): number =>
  retiring.filter((one) => workerNameOf(one.name) === worker.name && liveProcess(one) !== undefined)
    .length;

/** Whether a member does not work for the rollout's sake. */
const isDown = (kind: Member['kind']): boolean =>
  kind === 'asked' || kind === 'vacant' || kind === 'starting' || kind === 'failed';

/** How many instances of a worker may be down at once; always at least one. */
export function batchSize(batch: Batch, instances: number): number {
  switch (batch.kind) {
    case 'count':
      return Math.max(1, batch.count);
    case 'percent':
      return Math.max(1, Math.floor((instances * batch.percent) / 100));
  }
}

/** Who is not ready in time is of no use anyway. */
const isLate = (
  { presence }: ObservedInstance,
  { ready }: Worker,
  observation: Observation,
): boolean => presence.kind === 'alive' && readyingOf(presence, ready, observation).kind === 'late';

/** Idle ones first, then those of which nothing is known. */
function busyness({ activity }: ObservedInstance): number {
  if (activity === undefined) return 1;
  return activity.kind === 'idle' ? 0 : 2;
}
