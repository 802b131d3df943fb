import type { Activity } from '../model/activity.ts';
import { backsOffUntil, failureWords } from '../rules/backoff.ts';
import { instanceNames } from '../model/instance.ts';
import { noLedger, type Ledger } from '../model/ledger.ts';
import {
  isHeld,
  isQuiet,
  isStopped,
  isToBeReplaced,
  type Desired,
  type TimedRequest,
} from '../model/desired.ts';
import { awaitedWords, leftWords, type Leftovers } from '../model/leftovers.ts';
import {
  ageOf,
  drainingSince,
  liveProcess,
  sentQuiet,
  type Observation,
  type ObservedInstance,
  type Predecessor,
} from '../model/observation.ts';
import { lookup } from '../basics/lookup.ts';
import { readyingOf } from '../rules/readiness.ts';
import { isAwaited } from '../rules/reconcile.ts';
import { deadlineOf } from '../rules/world.ts';
import { formatDeath, formatEarlyDeath, isForeign, type ProcessRecord } from '../model/record.ts';
import { rolloutStatusOf, type RolloutStatus } from './rollout-status.ts';
import { workerNameOf } from '../model/targets.ts';
import {
  durationOf,
  elapsed,
  formatDayAndTime,
  formatDuration,
  type Duration,
  type Moment,
} from '../basics/time.ts';
import type { Config, Worker } from '../model/config.ts';

/**
 * What an instance is doing: `ready` runs and is ready, `late` runs and is not ready in time, `quiet` takes no new job,
 * `frozen` was stopped by SIGSTOP or the like, `missing` is wanted and down, `backoff` is down for a while because its
 * processes die young, `stopped` is down on purpose, `surplus` runs though the config does not want it, `leaving` is an
 * old process beside its replacement.
 */
export const instanceStates = [
  'ready',
  'starting',
  'late',
  'quiet',
  'frozen',
  'draining',
  'leaving',
  'missing',
  'backoff',
  'stopped',
  'surplus',
  'gone',
] as const;

export type InstanceState = (typeof instanceStates)[number];

/** One line of `status`. */
export interface InstanceStatus {
  /** The instance; the same for an old process of it that is leaving. */
  readonly name: string;
  readonly worker: string;
  readonly state: InstanceState;
  readonly pid?: number;
  readonly uptime?: Duration;
  /** What the code that it runs is called. */
  readonly release?: string;
  /** It runs another release than a start would give it now, or is to be replaced by a restart under way. */
  readonly isOutdated: boolean;
  readonly activity?: Activity;
  /** How many of its processes have died young in a row. */
  readonly failures?: number;
  /** How many bytes the process and its session take, where that is measured. */
  readonly memory?: number;
  /** What its last dead process has left behind. */
  readonly leftovers?: Leftovers;
  /** In `backoff`: when it is started again. */
  readonly startsAt?: Moment;
  /** What a reader must know besides, in words; may be empty. */
  readonly detail: string;
}

/** The answer to "is all well?": wanted, up and ready are three facts. */
export interface Status {
  readonly instances: readonly InstanceStatus[];
  /** How many are to run: the config's, without those that were stopped on purpose. */
  readonly wanted: number;
  /** How many of the wanted have a process. */
  readonly up: number;
  /** How many of the wanted run and are ready. */
  readonly ready: number;
  /** How many of the wanted are ready, and take no new job on purpose. */
  readonly quiet: number;
  /** The release that a start gives each worker now, where it is known. */
  readonly releases: Readonly<Record<string, string>>;
  readonly rollouts: readonly RolloutStatus[];
  /** The workers of which somebody wants another count than the config. */
  readonly counts: readonly {
    readonly worker: string;
    readonly count: number;
    readonly configured: number;
    readonly by: string;
    readonly at: Moment;
  }[];
  /** How many of each worker are to run, stopped ones left out. */
  readonly desired: Readonly<Record<string, number>>;
  /** Whether the config says what releases are called. */
  readonly isReleaseNamed: boolean;
  readonly at: Moment;
}

/** The releases that a start would give each worker now. */
export type Releases = Readonly<Record<string, string>>;

/** The status of all observed instances, the config's first. */
export function statusOf(
  config: Config,
  desired: Desired,
  observation: Observation,
  releases: Releases = {},
  ledger: Ledger = noLedger,
): Status {
  const configured = new Map<string, Worker>();
  for (const worker of config.workers)
    for (const name of instanceNames(worker)) configured.set(name, worker);
  const scene: Scene = { config, desired, observation, releases, ledger };
  const instances = besideTheirOwn(observation).map((observed) =>
    instanceStatus(
      observed,
      observed.retiring === undefined ? configured.get(observed.name) : undefined,
      scene,
    ),
  );
  const isWanted = ({ name, state }: InstanceStatus): boolean =>
    state !== 'leaving' && state !== 'gone' && configured.has(name) && !isStopped(desired, name);
  const wanted = instances.filter(isWanted);
  return {
    instances: instances.filter(({ state }) => state !== 'gone'),
    wanted: wanted.length,
    up: wanted.filter(({ pid }) => pid !== undefined).length,
    ready: wanted.filter(({ state }) => state === 'ready').length,
    quiet: wanted.filter(({ state }) => state === 'quiet').length,
    releases,
    rollouts: desired.rollouts.map((rollout) =>
      rolloutStatusOf(rollout, config, desired, observation),
    ),
    counts: config.workers.flatMap(({ name, configured }) => {
      const want = lookup(desired.counts, name);
      if (want === undefined) return [];
      const { at, by, identifiers } = want;
      return [{ worker: name, count: identifiers.length, configured: configured.length, by, at }];
    }),
    desired: Object.fromEntries(
      config.workers.map((worker) => [
        worker.name,
        instanceNames(worker).filter((name) => !isStopped(desired, name)).length,
      ]),
    ),
    isReleaseNamed: config.release.kind !== 'directory',
    at: observation.now,
  };
}

/** Whether fewer are ready than are wanted; what is quiet on purpose is no failure. */
export const isShort = ({ wanted, ready, quiet }: Status): boolean => ready + quiet < wanted;

/** Each instance, followed by its old processes; then those of instances that were not looked at. */
function besideTheirOwn({ instances, retiring }: Observation): ObservedInstance[] {
  const own = [...instances.values()];
  if (retiring.length === 0) return own;
  return [
    ...own.flatMap((one) => [one, ...retiring.filter(({ name }) => name === one.name)]),
    ...retiring.filter(({ name }) => !instances.has(name)),
  ];
}

interface Scene {
  readonly config: Config;
  readonly desired: Desired;
  readonly observation: Observation;
  readonly releases: Releases;
  readonly ledger: Ledger;
}

function instanceStatus(
  observed: ObservedInstance,
  worker: Worker | undefined,
  scene: Scene,
): InstanceStatus {
  const { name, activity, memory, leftovers } = observed;
  const workerName = workerNameOf(name);
  const process = liveProcess(observed);
  const failures = failuresOf(observed, scene);
  if (process === undefined) {
    const found = down(observed, worker, scene);
    return {
      name,
      worker: workerName,
      isOutdated: false,
      ...(failures !== undefined && { failures }),
      ...(leftovers && { leftovers }),
      ...found,
    };
  }
  const { state, detail } = up(observed, worker, scene);
  const release = releaseOf(observed);
  // Spelt out: to spread an object takes a microsecond, and there may be a thousand.
  const status: Writable<InstanceStatus> = {
    name,
    worker: workerName,
    state,
    pid: process.pid,
    uptime: ageOf(process, scene.observation),
    isOutdated:
      isToBeReplaced(scene.desired, name, process, recordOf(observed)) ||
      isOtherRelease(release, lookup(scene.releases, workerName)),
    detail,
  };
  if (release !== undefined) status.release = release;
  if (activity !== undefined) status.activity = activity;
  if (memory !== undefined) status.memory = memory;
  if (failures !== undefined) status.failures = failures;
  if (leftovers !== undefined) status.leftovers = leftovers;
  return status;
}

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

const failuresOf = ({ name }: ObservedInstance, { ledger }: Scene): number | undefined =>
  ledger.failures[name]?.count;

const recordOf = ({ presence }: ObservedInstance): ProcessRecord | undefined =>
  presence.kind === 'alive' ? presence.record : undefined;

const releaseOf = (observed: ObservedInstance): string | undefined => recordOf(observed)?.release;

/** Whether a process runs another release than the one that a start would give it; false where one is not known. */
export const isOtherRelease = (ran: string | undefined, now: string | undefined): boolean =>
  ran !== undefined && now !== undefined && ran !== now;

type StateAndDetail = Pick<InstanceStatus, 'state' | 'detail' | 'startsAt'>;

/** What it has left behind is told last. */
function down(
  observed: ObservedInstance,
  worker: Worker | undefined,
  scene: Scene,
): StateAndDetail {
  const found = downWith(observed, worker, scene);
  const { leftovers } = observed;
  if (leftovers === undefined || found.state === 'gone') return found;
  const isWaiting = worker !== undefined && isAwaited(observed, worker);
  const words = isWaiting
    ? awaitedWords(leftovers)
    : leftWords(leftovers.of.pid, leftovers.processes);
  return { ...found, detail: `${found.detail}; ${words}` };
}

function downWith(
  observed: ObservedInstance,
  worker: Worker | undefined,
  { desired, ledger, observation }: Scene,
): StateAndDetail {
  const { name, presence, retiring } = observed;
  const { now } = observation;
  const stopped = desired.stopped[name];
  if (worker === undefined || retiring !== undefined) return { state: 'gone', detail: '' };
  if (stopped !== undefined) {
    return { state: 'stopped', detail: `by ${stopped.by} at ${formatDayAndTime(stopped.at, now)}` };
  }
  const held = heldWords(desired, name, now);
  const template = held ?? 'bootcheck starts it';
  if (presence.kind !== 'dead') return { state: 'missing', detail: `not started; ${template}` };
  const { record, death, diedAt, stop } = presence;
  const ago = diedAt === undefined ? '' : ` ${formatDuration(elapsed(diedAt, now))} ago`;
  const verb = stop?.sent === true ? 'left' : 'died';
  const what =
    record.launch === undefined
      ? `pid ${record.pid} ${verb}${ago}: ${formatDeath(death)}`
      : formatEarlyDeath(record, death);
  const until = held === undefined ? backsOffUntil(ledger, observed, worker, now) : undefined;
  if (until === undefined) {
    const isWaiting = held === undefined && isAwaited(observed, worker);
    return { state: 'missing', detail: isWaiting ? what : `${what}; ${template}` };
  }
  const failure = ledger.failures[name];
  const times = failure === undefined ? '' : `, ${failureWords(failure, presence, worker, now)}`;
  return {
    state: 'backoff',
    startsAt: until,
    detail: `${what}${times}; not started for ${formatDuration(elapsed(now, until))}, until ${formatDayAndTime(until, now)}`,
  };
}

function heldWords(desired: Desired, name: string, now: Moment): string | undefined {
  const held = desired.held[name];
  return held === undefined || !isHeld(desired, name, now)
    ? undefined
    : wishWords('held', held, now);
}

const wishWords = (what: string, { by, until }: TimedRequest, now: Moment): string =>
  `${what} by ${by}${until === undefined ? '' : ` until ${formatDayAndTime(until, now)}`}`;

function up(observed: ObservedInstance, worker: Worker | undefined, scene: Scene): StateAndDetail {
  const { config, desired, observation } = scene;
  const { name, presence, retiring } = observed;
  const notes = notesOn(observed, scene);
  const stop = drainingSince(observed);
  if (stop !== undefined || retiring !== undefined) {
    const since =
      stop && `for ${formatDuration(elapsed(stop.at, observation.now))} (${stop.cause})`;
    return {
      state: retiring === undefined ? 'draining' : 'leaving',
      detail: [
        ...(since === undefined ? [] : [`${since}, ${limitWords(observed, scene)}`]),
        ...notes,
      ].join('; '),
    };
  }
  if (worker === undefined) {
    const isKnown = config.workers.some((one) => one.name === workerNameOf(name));
    notes.unshift(
      isKnown
        ? 'the config does not want it; bootcheck drains it'
        : `the config has no such worker; workerctl stop ${name} drains it`,
    );
    return { state: 'surplus', detail: notes.join('; ') };
  }
  if (isStopped(desired, name)) notes.unshift('to be stopped');
  const readying =
    presence.kind === 'alive' ? readyingOf(presence, worker.ready, observation) : undefined;
  if (readying?.kind === 'late')
    notes.unshift(`not ready after ${formatDuration(readying.timeout)}`);
  return { state: upState(observed, readying?.kind ?? 'ready'), detail: notes.join('; ') };
}

function upState(
  observed: ObservedInstance,
  readying: 'ready' | 'starting' | 'late',
): InstanceState {
  if (isFrozen(observed)) return 'frozen';
  return readying === 'ready' && sentQuiet(observed) !== undefined ? 'quiet' : readying;
}

const isFrozen = ({ presence }: Pick<ObservedInstance, 'presence'>): boolean =>
  (presence.kind === 'alive' || presence.kind === 'stray') &&
  presence.process.activity === 'stopped';

function notesOn(
  { name, presence, problems, saidStatus, leftovers }: ObservedInstance,
  { desired, observation }: Scene,
): string[] {
  const notes = problems.length === 0 ? [] : [...problems];
  if (saidStatus !== undefined) notes.push(saidStatus);
  if (presence.kind === 'alive') notes.push(...originWords(presence.record));
  if (presence.kind === 'stray') notes.push(strayWords(presence.successorOf));
  if (presence.kind === 'alive' && presence.successor !== undefined)
    notes.push(`pid ${presence.successor.pid} takes over when it is gone`);
  if (isFrozen({ presence })) notes.push('stopped (SIGSTOP): it does nothing; kill -CONT wakes it');
  const quiet = desired.quiet[name];
  if (quiet !== undefined && isQuiet(desired, name, observation.now))
    notes.push(wishWords('quiet', quiet, observation.now));
  const held = heldWords(desired, name, observation.now);
  if (held !== undefined) notes.push(held);
  if (leftovers !== undefined) notes.push(leftWords(leftovers.of.pid, leftovers.processes));
  return notes;
}

/** What is not to be seen from the state: that its pid is a command's, or that nobody of ours has started it. */
function originWords(record: ProcessRecord): string[] {
  if (record.launch !== undefined) return ['its command has not brought it up yet'];
  return isForeign(record) ? ['adopted'] : [];
}

const strayWords = (predecessor: Predecessor | undefined): string =>
  predecessor === undefined
    ? 'no record claims it; bootcheck adopts it'
    : `it takes over from pid ${predecessor.pid}; bootcheck adopts it`;

function limitWords(observed: ObservedInstance, { desired, observation }: Scene): string {
  const deadline = deadlineOf(observed, desired);
  if (deadline === undefined) return 'no limit';
  return `killed in ${formatDuration(durationOf(Math.max(0, deadline - observation.sinceBoot)))}`;
}
