import { durationOf, elapsed, type Duration, type Moment } from '../basics/time.ts';
import type { Activity } from '../model/activity.ts';
import type { Config, Worker } from '../model/config.ts';
import { isToBeReplaced } from '../model/desired.ts';
import type { Leftovers } from '../model/leftovers.ts';
import { ageOf, drainingSince, liveProcess, type ObservedInstance } from '../model/observation.ts';
import type { Asking, ProcessRecord } from '../model/record.ts';
import { lostLogWords } from '../model/lost-log.ts';
import { workerNameOf } from '../model/targets.ts';
import { restartsOf, usualTime, type Restarts } from '../rules/history.ts';
import type { Snapshot } from '../rules/snapshot.ts';
import { describeDown, describeUp } from './instance-detail.ts';
import type { InstanceState } from './instance-state.ts';

/** The release that a start would give an instance now; undefined if that is not known. */
export type ReleaseOf = (instance: string, worker: string) => string | undefined;

export interface InstanceStatus {
  /** The instance; the same for an old process that drains beside it. */
  readonly name: string;
  readonly worker: string;
  readonly state: InstanceState;
  readonly pid?: number;
  readonly uptime?: Duration;
  readonly release?: string;
  /**
   * It runs another release than a start would give it now, or a restart is going to replace it. Undefined: not known,
   * because others can write the config, and its release command is not run.
   */
  readonly isOutdated?: boolean;
  readonly activity?: Activity;
  /** How many times in a row it has failed. */
  readonly failures?: number;
  /** How often it was restarted in the last 24 hours; missing of an old process beside its replacement. */
  readonly restarts?: Restarts;
  /** The CPU time of its process since its start, with that of its children which have ended. */
  readonly cpu?: Duration;
  /** That of the process alone, for what it takes now: children add all of theirs when they end. */
  readonly ownCpu?: Duration;
  /** How many bytes of memory its process takes. */
  readonly rss?: number;
  /** How long the jobs of its worker usually take, if it has one; if it drains and does not say that, how long its drains do. */
  readonly usual?: Duration;
  /** How many bytes the process and its session take, if that is measured. */
  readonly memory?: number;
  /** The systemd unit that its process lives in; only looked for if a single instance is shown. */
  readonly unit?: string;
  /** The processes that its last dead process has left behind. */
  readonly leftovers?: Leftovers;
  /** In `backoff`: when it is started again. */
  readonly startsAt?: Moment;
  /** What has become of the log that its process still writes to; see LostLog. */
  readonly logProblem?: string;
  /** Why its last start failed before it had a process. */
  readonly startProblem?: string;
  /** How long it has been draining, if it was asked to exit. */
  readonly draining?: Duration;
  /** What else is worth knowing, in words; may be empty. */
  readonly detail: string;
}

/** @param worker undefined if the instance is not configured, or if this is an old process of it */
export function instanceStatus(
  observed: ObservedInstance,
  worker: Worker | undefined,
  snapshot: Snapshot,
  releaseNow: ReleaseOf,
): InstanceStatus {
  const { name, retiring, activity, memory, leftovers } = observed;
  const workerName = workerNameOf(name);
  const process = liveProcess(observed);
  const failures = retiring === undefined ? snapshot.ledger.failures[name]?.count : undefined;
  const restarts =
    retiring === undefined ? restartsOf(snapshot.ledger, name, snapshot.now) : undefined;
  if (process === undefined) {
    const found = describeDown(observed, worker, snapshot);
    return {
      name,
      worker: workerName,
      isOutdated: false,
      ...(failures !== undefined && { failures }),
      ...(restarts && { restarts }),
      ...(leftovers && { leftovers }),
      ...found,
    };
  }
  const asked = drainingSince(observed);
  const { state, detail } = describeUp(observed, worker, snapshot, asked);
  const release = releaseOf(observed);
  // Spelt out: to spread an object takes a microsecond, and there may be a thousand.
  const status: Writable<InstanceStatus> = {
    name,
    worker: workerName,
    state,
    pid: process.pid,
    uptime: ageOf(process, snapshot.observation),
    detail,
  };
  const isMember =
    retiring === undefined && isToBeReplaced(snapshot.desired, name, process, recordOf(observed));
  if (isMember || !isReleaseUnasked(snapshot.config))
    status.isOutdated = isMember || isOtherRelease(release, releaseNow(name, workerName));
  if (release !== undefined) status.release = release;
  if (activity !== undefined) status.activity = activity;
  if (restarts !== undefined) status.restarts = restarts;
  if (process.rss !== undefined) status.rss = process.rss;
  if (process.cpu !== undefined) {
    status.ownCpu = process.cpu;
    status.cpu = durationOf(process.cpu + (process.childrenCpu ?? 0));
  }
  const usual = usualOf(activity, asked, workerName, snapshot);
  if (usual !== undefined) status.usual = usual;
  if (memory !== undefined) status.memory = memory;
  if (failures !== undefined) status.failures = failures;
  if (leftovers !== undefined) status.leftovers = leftovers;
  if (asked !== undefined) status.draining = elapsed(asked.at, snapshot.now);
  const lost = observed.log?.lost ?? observed.errorLog?.lost;
  if (lost !== undefined) status.logProblem = lostLogWords(lost);
  return status;
}

function usualOf(
  activity: Activity | undefined,
  asked: Asking | undefined,
  worker: string,
  { ledger }: Snapshot,
): Duration | undefined {
  if (activity?.kind === 'busy') return usualTime(ledger, worker, 'jobs');
  return asked === undefined ? undefined : usualTime(ledger, worker, 'drains');
}

/** Whether the release is not asked for, because others can write the config that names the command. */
export const isReleaseUnasked = ({ release, distrust }: Config): boolean =>
  release.kind === 'command' && distrust !== undefined;

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

const recordOf = ({ presence }: ObservedInstance): ProcessRecord | undefined =>
  presence.kind === 'alive' ? presence.record : undefined;

const releaseOf = (observed: ObservedInstance): string | undefined => recordOf(observed)?.release;

/** Whether a process runs another release than the one that a start would give it; false if one of them is not known. */
export const isOtherRelease = (ran: string | undefined, now: string | undefined): boolean =>
  ran !== undefined && now !== undefined && ran !== now;
