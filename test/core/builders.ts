import { expect } from 'vitest';
import { busyWith } from '../../src/core/model/activity.ts';
import type { Activity } from '../../src/core/model/activity.ts';
import { applyGoal, type Goal } from '../../src/core/rules/apply-goal.ts';
import {
  noDesired,
  type Desired,
  type Rollout,
  type RolloutOptions,
} from '../../src/core/model/desired.ts';
import { noLedger, type Ledger, type State } from '../../src/core/model/ledger.ts';
import type {
  Observation,
  ObservedInstance,
  PidfileState,
} from '../../src/core/model/observation.ts';
import { formatPlan, type Plan } from '../../src/core/model/plan.ts';
import type { LiveProcess } from '../../src/core/model/process.ts';
import { changesIn } from '../../src/core/rules/next-change.ts';
import { reconcile } from '../../src/core/rules/reconcile.ts';
import { snapshotOf, type Snapshot } from '../../src/core/rules/snapshot.ts';
import { statusOf, type Status } from '../../src/core/views/status.ts';
import type { Death, ProcessRecord, Quieting, Stop } from '../../src/core/model/record.ts';
import { durationOf, momentOf, type Duration, type Moment } from '../../src/core/basics/time.ts';
import type { Config, Worker } from '../../src/core/model/config.ts';

/** 12:00:00 local time on some day. */
export const noon = momentOf(new Date(2026, 0, 15, 12, 0, 0).getTime());

/** How long the host has been up at noon. */
export const upAtNoon = durationOf(1_000_000);

export const seconds = (count: number): Duration => durationOf(count * 1000);

/** So long after noon; before it, where negative. */
export const noonPlus = (after: Duration): Moment => momentOf(noon + after);

const hour = durationOf(3_600_000);

export const aWorker = (
  name: string,
  identifiers: readonly string[],
  more: Partial<Worker> = {},
): Worker => ({
  name,
  command: ['run', '%i'],
  identifiers,
  configured: identifiers,
  isCounted: true,
  maxCount: 500,
  maxExtension: seconds(3600),
  directory: '/srv',
  env: {},
  envFiles: [],
  passEnv: [],
  pidfile: '/state/%n.pid',
  logFile: '/log/%n.log',
  umask: 0o022,
  nice: 0,
  noNewPrivs: false,
  oomScoreAdj: 0,
  limits: {},
  stop: { signal: 'TERM' },
  ready: { kind: 'after', after: seconds(1) },
  restart: restartPolicy(),
  onExit: 'always',
  successCodes: [0],
  backoff: { initial: seconds(1), max: seconds(300), reset: seconds(600), minRun: seconds(10) },
  lostGrace: seconds(10),
  hooks: { timeout: seconds(30), drainLong: { after: seconds(1800) } },
  ...more,
});

/** The defaults of the config: a canary, then all at once. */
export const restartPolicy = (more: Partial<Worker['restart']> = {}): Worker['restart'] => ({
  canary: true,
  batch: { kind: 'percent', percent: 100 },
  patience: seconds(30),
  overlap: false,
  maxExtra: 1,
  finisher: true,
  onFailure: 'abort',
  ...more,
});

export const aConfig = (...workers: Worker[]): Config => ({
  path: '/srv/workerctl.yaml',
  stateDir: '/state',
  release: { kind: 'directory' },
  workers,
});

export const process = (pid: number, more: Partial<LiveProcess> = {}): LiveProcess => ({
  pid,
  startTime: pid * 10,
  bootId: 'boot',
  parentPid: pid - 1,
  sessionId: pid,
  activity: 'runs',
  ...more,
});

export const recordOf = (
  instance: string,
  pid: number,
  more: Partial<ProcessRecord> = {},
): ProcessRecord => ({
  pid,
  startTime: pid * 10,
  bootId: 'boot',
  instance,
  runId: `start-${pid}`,
  shimPid: pid - 1,
  startedAt: momentOf(noon - hour),
  commandDigest: 'digest',
  stopSignal: 'TERM',
  log: { path: `/log/${instance}.log`, offset: 0 },
  ...more,
});

export const stopOf = (pid: number, sent = true, more: Partial<Stop> = {}): Stop => ({
  process: process(pid),
  sent,
  signal: 'TERM',
  at: noon,
  cause: 'restart',
  ...more,
});

/** That a process was made quiet in order to be stopped, unless told otherwise. */
export const quietOf = (pid: number, more: Partial<Quieting> = {}): Quieting => ({
  ...stopOf(pid),
  signal: 'TSTP',
  stopsWhenIdle: true,
  ...more,
});

export const busy: Activity = busyWith([{ what: 'job 212' }]);

export const idle: Activity = { kind: 'idle' };

interface Alive {
  readonly stop?: Stop;
  readonly quiet?: Quieting;
  readonly pidfile?: PidfileState;
  readonly activity?: Activity;
  readonly hasShownReady?: boolean;
  /** How old it is at noon; without it, it is some minutes old. */
  readonly age?: Duration;
  readonly release?: string;
}

/** An instance whose process lives and whose pidfile is right, unless told otherwise. */
export function alive(name: string, pid: number, more: Alive = {}): ObservedInstance {
  const { stop, quiet, activity, hasShownReady = false, age, release } = more;
  const { pidfile = { kind: 'holds', pid } } = more;
  const born = age === undefined ? {} : { startTime: (upAtNoon - age) / 10 };
  const marked = release === undefined ? {} : { release };
  return {
    name,
    presence: {
      kind: 'alive',
      record: recordOf(name, pid, { ...born, ...marked }),
      process: process(pid, born),
      ...(stop && { stop: { ...stop, process: process(pid, born) } }),
      ...(quiet && { quiet: { ...quiet, process: process(pid, born) } }),
      hasShownReady,
    },
    pidfile,
    ...(activity && { activity }),
    problems: [],
  };
}

/** An old process of an instance that leaves beside its replacement. */
export function retiring(instance: string, pid: number, more: Alive = {}): ObservedInstance {
  const observed = alive(instance, pid, {
    stop: stopOf(pid),
    pidfile: { kind: 'absent' },
    ...more,
  });
  return { ...observed, retiring: `start-${pid}` };
}

interface Dead {
  readonly death?: Death;
  readonly stop?: Stop;
  readonly pidfile?: PidfileState;
  readonly hasShownReady?: boolean;
  /** How long it ran; without it, for an hour. */
  readonly ranFor?: Duration;
  /** Whether the watchdog has killed it. */
  readonly isWatchdogKill?: boolean;
  /** Noon, unless told otherwise; null: nobody knows. */
  readonly diedAt?: Moment | null;
}

/** An instance whose last process is dead; the shim has removed the pidfile, unless told otherwise. */
export function dead(name: string, pid: number, more: Dead = {}): ObservedInstance {
  const { death = { kind: 'exited', status: 0 }, stop, pidfile = { kind: 'absent' } } = more;
  const { hasShownReady = false, ranFor = hour, diedAt = noon, isWatchdogKill } = more;
  return {
    name,
    presence: {
      kind: 'dead',
      record: recordOf(name, pid, { startedAt: momentOf((diedAt ?? noon) - ranFor) }),
      death,
      ...(diedAt !== null && { diedAt }),
      ...(stop && { stop }),
      ...(isWatchdogKill === true && {
        killing: { process: process(pid), at: noon, cause: 'silent', isWatchdog: true },
      }),
      hasShownReady,
    },
    pidfile,
    problems: [],
  };
}

/** A replacement that died a tenth of a second after its start. */
export const crashed = (name: string, pid: number, more: Dead = {}): ObservedInstance =>
  dead(name, pid, { ranFor: durationOf(100), death: { kind: 'exited', status: 1 }, ...more });

export const absent = (
  name: string,
  pidfile: PidfileState = { kind: 'absent' },
): ObservedInstance => ({
  name,
  presence: { kind: 'absent' },
  pidfile,
  problems: [],
});

export const stray = (name: string, pid: number): ObservedInstance => ({
  name,
  presence: { kind: 'stray', process: process(pid) },
  pidfile: { kind: 'absent' },
  problems: [],
});

export const observation = (...instances: ObservedInstance[]): Observation => ({
  now: noon,
  sinceBoot: upAtNoon,
  instances: new Map(
    instances.filter(({ retiring }) => retiring === undefined).map((one) => [one.name, one]),
  ),
  retiring: instances.filter(({ retiring }) => retiring !== undefined),
});

/** What is seen so long after noon. */
export const seenAt = (after: Duration, ...instances: ObservedInstance[]): Observation => ({
  ...observation(...instances),
  now: noonPlus(after),
  sinceBoot: durationOf(upAtNoon + after),
});

export const stoppedIntent = (...names: string[]): Desired => ({
  ...noDesired,
  stopped: Object.fromEntries(names.map((name) => [name, { at: noon, by: 'ann@web1' }])),
});

export const heldIntent = (...names: string[]): Desired => ({
  ...noDesired,
  held: Object.fromEntries(names.map((name) => [name, { at: noon, by: 'ann@web1' }])),
});

/** A restart at noon that replaces these processes; null where there was none. */
export const aRollout = (
  replaces: Readonly<Record<string, number | null>>,
  more: Partial<Rollout> = {},
): Rollout => ({
  id: 'first',
  at: noon,
  by: 'ann@web1',
  options: {},
  replaces: Object.fromEntries(
    Object.entries(replaces).map(([name, pid]) => [name, pid === null ? null : process(pid)]),
  ),
  releases: {},
  proven: {},
  ...more,
});

/** That these workers are proven to run the code of `recordOf`. */
export const provenFor = (...workers: string[]): Rollout['proven'] =>
  Object.fromEntries(workers.map((worker) => [worker, { commandDigest: 'digest' }]));

export const rolling = (...rollouts: Rollout[]): Desired => ({ ...noDesired, rollouts });

/** What a pass decides: its plan as text, what is wanted after it and what is remembered. */
export function decide(
  config: Config,
  desired: Desired,
  seen: Observation,
  goal: Goal = { kind: 'check' },
  ledger: Ledger = noLedger,
): State & { readonly plan: string } {
  const after = applyGoal(config, { desired, ledger }, goal, seen);
  return { ...after, plan: formatPlan(planned(config, after.desired, seen, after.ledger)) };
}

/** What a check decides, with a ledger. */
export const check = (
  config: Config,
  { desired, ledger }: State,
  seen: Observation,
): ReturnType<typeof decide> => decide(config, desired, seen, { kind: 'check' }, ledger);

/** The pids of three instances before a restart, and these instances. */
export const oldPids = { 'mail.1': 10, 'mail.2': 20, 'mail.3': 30 };
export const oldThree = [alive('mail.1', 10), alive('mail.2', 20), alive('mail.3', 30)] as const;

/** An instance that was asked to exit. */
export const draining = (name: string, pid: number): ObservedInstance =>
  alive(name, pid, { stop: stopOf(pid) });

/** The instances that a plan asks to exit. */
export const askedIn = (plan: string): string[] =>
  [...plan.matchAll(/^ask (\S+) /gm)].map(([, name = '']) => name);

/** What somebody wants of these instances. */
export const about = (...instances: string[]): { instances: string[]; by: string } => ({
  instances,
  by: 'ann@web1',
});

export const restartOf = (
  instances: readonly string[],
  options: RolloutOptions = {},
): Extract<Goal, { kind: 'restart' }> => ({
  kind: 'restart',
  id: 'second',
  by: 'bob@web1',
  instances,
  options,
  releases: {},
});

/** What rules and views are given. */
export const snapshot = (
  config: Config,
  desired: Desired,
  seen: Observation,
  ledger?: Ledger,
): Snapshot => snapshotOf(config, { desired, ...(ledger && { ledger }) }, seen);

export const planned = (...given: Parameters<typeof snapshot>): Plan =>
  decidedAlike(snapshot(...given), reconcile);

/** How soon the plan may change by itself. */
export const nextChange = (...given: Parameters<typeof snapshot>): Duration | undefined =>
  decidedAlike(snapshot(...given), changesIn);

/** Rules that are shown only what is notable must decide as if they were shown everyone. */
function decidedAlike<T>(seen: Snapshot, decision: (snapshot: Snapshot) => T): T {
  const decided = decision(seen);
  const all = { ...seen, notable: seen.subjects, everyNotable: seen.everyone };
  expect(decided).toEqual(decision(all));
  return decided;
}

export const statusFor = (
  config: Config,
  desired: Desired,
  seen: Observation,
  releases: Readonly<Record<string, string>> = {},
  ledger?: Ledger,
): Status => statusOf(snapshot(config, desired, seen, ledger), (name) => releases[name]);
