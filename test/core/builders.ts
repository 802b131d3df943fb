import { noIntent, type Intent } from '../../src/core/intent.ts';
import type {
  Observation,
  ObservedInstance,
  PidfileState,
  Presence,
} from '../../src/core/observation.ts';
import type { LiveProcess } from '../../src/core/process.ts';
import type { Death, ProcessRecord, Stop } from '../../src/core/record.ts';
import { durationOf, momentOf } from '../../src/core/time.ts';
import type { Config, Worker } from '../../src/core/worker.ts';

/** 12:00:00 local time on some day. */
export const noon = momentOf(new Date(2026, 0, 15, 12, 0, 0).getTime());

export const aWorker = (
  name: string,
  identifiers: readonly string[],
  more: Partial<Worker> = {},
): Worker => ({
  name,
  command: ['run', '%i'],
  identifiers,
  directory: '/srv',
  env: {},
  envFiles: [],
  passEnv: [],
  pidfile: '/state/%n.pid',
  logFile: '/log/%n.log',
  umask: 0o022,
  nice: 0,
  oomScoreAdj: 0,
  limits: {},
  stop: { signal: 'TERM' },
  ready: { after: durationOf(1000) },
  ...more,
});

export const aConfig = (...workers: Worker[]): Config => ({
  path: '/srv/workerctl.yaml',
  stateDir: '/state',
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

export const recordOf = (instance: string, pid: number): ProcessRecord => ({
  pid,
  startTime: pid * 10,
  bootId: 'boot',
  instance,
  start: `start-${pid}`,
  shimPid: pid - 1,
  startedAt: noon,
  commandDigest: 'digest',
  stopSignal: 'TERM',
  log: { path: `/log/${instance}.log`, offset: 0 },
});

export const stopOf = (pid: number, sent = true): Stop => ({
  process: process(pid),
  sent,
  signal: 'TERM',
  at: noon,
  cause: 'restart',
});

/** An instance whose process lives and whose pidfile is right, unless told otherwise. */
export function alive(
  name: string,
  pid: number,
  { stop, pidfile = { kind: 'holds', pid } }: { stop?: Stop; pidfile?: PidfileState } = {},
): ObservedInstance {
  const presence: Presence = {
    kind: 'alive',
    record: recordOf(name, pid),
    process: process(pid),
    ...(stop && { stop }),
  };
  return { name, presence, pidfile, problems: [] };
}

/** An instance whose last process is dead; the shim has removed the pidfile, unless told otherwise. */
export function dead(
  name: string,
  pid: number,
  {
    death = { kind: 'exited', status: 0 },
    stop,
    pidfile = { kind: 'absent' },
  }: { death?: Death; stop?: Stop; pidfile?: PidfileState } = {},
): ObservedInstance {
  const presence: Presence = {
    kind: 'dead',
    record: recordOf(name, pid),
    death,
    diedAt: noon,
    ...(stop && { stop }),
  };
  return { name, presence, pidfile, problems: [] };
}

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
  sinceBoot: durationOf(1_000_000),
  instances: new Map(instances.map((one) => [one.name, one])),
});

export const stoppedIntent = (...names: string[]): Intent => ({
  stopped: Object.fromEntries(names.map((name) => [name, { at: noon, by: 'ann@web1' }])),
});

/** A restart at noon that replaces these processes. */
export const rolloutOf = (replaces: Record<string, number>): Intent => ({
  ...noIntent,
  rollout: {
    at: noon,
    by: 'ann@web1',
    replaces: Object.fromEntries(
      Object.entries(replaces).map(([name, pid]) => [name, process(pid)]),
    ),
  },
});
