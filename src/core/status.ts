import { instancesOf } from './instance.ts';
import { isOutdated, isStopped, type Intent } from './intent.ts';
import { ageOf, sentStop, type Observation, type ObservedInstance } from './observation.ts';
import { formatDeath } from './record.ts';
import { progressOf } from './standing.ts';
import { elapsed, formatDuration, formatTimeOfDay, type Duration } from './time.ts';
import type { Config, Worker } from './worker.ts';
import { workerNameOf } from './targets.ts';

/**
 * What an instance is doing: `ready` is running and ready, `missing` is wanted and down, `stopped` is down on purpose,
 * `surplus` runs though the config does not want it.
 */
export const instanceStates = [
  'running',
  'starting',
  'draining',
  'missing',
  'stopped',
  'surplus',
  'gone',
] as const;
export type InstanceState = (typeof instanceStates)[number];

/** One line of `status`. */
export interface InstanceStatus {
  readonly name: string;
  readonly worker: string;
  readonly state: InstanceState;
  readonly pid?: number;
  readonly uptime?: Duration;
  /** It is to be replaced by the restart under way. */
  readonly isOutdated: boolean;
  /** What a reader must know besides, in words; may be empty. */
  readonly detail: string;
}

/** The answer to "is all well?". */
export interface Status {
  readonly instances: readonly InstanceStatus[];
  /** How many are to run: the config's, without those that were stopped on purpose. */
  readonly wanted: number;
  /** How many of the wanted run and are ready. */
  readonly ready: number;
}

/** The status of all observed instances, the config's first. */
export function statusOf(config: Config, intent: Intent, observation: Observation): Status {
  const configured = new Map(
    config.workers.flatMap((worker) =>
      instancesOf(worker).map(({ name }) => [name, worker] as const),
    ),
  );
  const instances = [...observation.instances.values()].map((observed) =>
    instanceStatus(observed, configured.get(observed.name), intent, observation, config),
  );
  const wanted = instances.filter(({ name }) => configured.has(name) && !isStopped(intent, name));
  return {
    instances: instances.filter(({ state }) => state !== 'gone'),
    wanted: wanted.length,
    ready: wanted.filter(({ state }) => state === 'running').length,
  };
}

/** Whether fewer are ready than are wanted. */
export const isShort = ({ wanted, ready }: Status): boolean => ready < wanted;

function instanceStatus(
  observed: ObservedInstance,
  worker: Worker | undefined,
  intent: Intent,
  observation: Observation,
  config: Config,
): InstanceStatus {
  const { name, presence } = observed;
  const common = { name, worker: workerNameOf(name), isOutdated: false };
  switch (presence.kind) {
    case 'absent':
    case 'dead':
      return { ...common, ...down(observed, worker, intent, observation) };
    case 'alive':
    case 'stray': {
      const { process } = presence;
      return {
        ...common,
        ...up(observed, worker, intent, observation, config),
        pid: process.pid,
        uptime: ageOf(process, observation),
        isOutdated: isOutdated(intent, name, process),
      };
    }
  }
}

type StateAndDetail = Pick<InstanceStatus, 'state' | 'detail'>;

function down(
  { name, presence }: ObservedInstance,
  worker: Worker | undefined,
  intent: Intent,
  { now }: Observation,
): StateAndDetail {
  const stopped = intent.stopped[name];
  if (worker === undefined) return { state: 'gone', detail: '' };
  if (stopped !== undefined) {
    return { state: 'stopped', detail: `by ${stopped.by} at ${formatTimeOfDay(stopped.at)}` };
  }
  if (presence.kind !== 'dead')
    return { state: 'missing', detail: 'not started; bootcheck starts it' };
  const { record, death, diedAt, stop } = presence;
  const ago = diedAt === undefined ? '' : ` ${formatDuration(elapsed(diedAt, now))} ago`;
  const verb = stop?.sent === true ? 'left' : 'died';
  return {
    state: 'missing',
    detail: `pid ${record.pid} ${verb}${ago}: ${formatDeath(death)}; bootcheck starts it`,
  };
}

function up(
  observed: ObservedInstance,
  worker: Worker | undefined,
  intent: Intent,
  observation: Observation,
  config: Config,
): StateAndDetail {
  const { name, presence, problems } = observed;
  const notes = [...problems];
  if (presence.kind === 'stray') notes.push('no record claims it; bootcheck adopts it');
  if (
    (presence.kind === 'alive' || presence.kind === 'stray') &&
    presence.process.activity === 'stopped'
  ) {
    notes.push('stopped by a signal (SIGSTOP): it does nothing; kill -CONT wakes it');
  }
  const stop = sentStop(observed);
  if (stop !== undefined) {
    const since = formatDuration(elapsed(stop.at, observation.now));
    return {
      state: 'draining',
      detail: [`for ${since} (${stop.cause}), no limit`, ...notes].join('; '),
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
  if (isStopped(intent, name)) notes.unshift('to be stopped');
  if (presence.kind !== 'alive' && presence.kind !== 'stray')
    return { state: 'running', detail: notes.join('; ') };
  const { kind } = progressOf(presence.process, worker.ready, observation);
  return { state: kind === 'ready' ? 'running' : 'starting', detail: notes.join('; ') };
}
