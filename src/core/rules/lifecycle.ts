import {
  formatEarlyDeath,
  formatLate,
  quietStateOf,
  type Asking,
  type ProcessRecord,
  type QuietState,
} from '../model/record.ts';
import { lookup } from '../basics/lookup.ts';
import { codeOf, type Code } from '../model/code.ts';
import type { Worker } from '../model/config.ts';
import type { Done } from '../model/desired.ts';
import {
  drainingSince,
  type Observation,
  type ObservedInstance,
  type Presence,
} from '../model/observation.ts';
import type { LiveProcess, ProcessIdentity } from '../model/process.ts';
import type { Duration } from '../basics/time.ts';
import { endOf } from './ends.ts';
import { readyingOf, wasReady } from './readiness.ts';
import type { Snapshot } from './snapshot.ts';

/**
 * The life of an instance, as one look finds it.
 *
 *     absent ── start ──┐                ready in time              takes no new job
 *     dead ──── start ──┼─▶ starting ──────────────────────▶ ready ◀─────────────────▶ quiet
 *     stray ─── adopt ──┘      │                               ▲      takes jobs again
 *                              └──▶ late ──────────────────────┘
 *                   not ready in time        ready after all
 *
 *     starting, late, ready, quiet ── asked to exit ──▶ draining ── exits ──▶ dead
 *     starting, late, ready, quiet ── dies by itself ───────────────────────▶ dead
 *     dead ── its worker is not started again (on_exit) ──▶ done, failed ── start ──▶ starting
 *
 * With overlap, a draining process is moved beside the instance, which is `absent` until its replacement starts.
 *
 * What is shown (views/status), counted (metrics), waited for (views/phase) and rolled out (rules/rollout) are total maps
 * from these states.
 */
export type Life =
  /** No process of it is known. */
  | { readonly state: 'absent' }
  /** A process that no record claims; the next pass adopts it. `stop`: it was asked to exit. */
  | { readonly state: 'stray'; readonly process: LiveProcess; readonly stop?: Asking }
  /** `changesIn`: how long until it is ready, or late, if nothing else happens. */
  | (Running & { readonly state: 'starting'; readonly changesIn: Duration })
  /** It has not become ready within its timeout. */
  | (Running & { readonly state: 'late'; readonly timeout: Duration })
  | (Running & { readonly state: 'ready' })
  /** It is ready and was asked to take no new job. */
  | (Running & { readonly state: 'quiet' })
  /** It was asked to exit, or made quiet for that, and finishes its job. */
  | (Running & { readonly state: 'draining'; readonly stop: Asking })
  | { readonly state: 'dead'; readonly dead: Dead }
  /** It has ended by itself and is not started again: successfully, or not. `dead` is missing if its record is. */
  | { readonly state: 'done' | 'failed'; readonly done: Done; readonly dead?: Dead };

interface Running {
  readonly process: LiveProcess;
  readonly record: ProcessRecord;
}

type Dead = Extract<Presence, { kind: 'dead' }>;

type Seen = Pick<Snapshot, 'desired' | 'observation'>;

/** Where an instance is in its life. */
export function lifeOf(
  observed: ObservedInstance,
  worker: Pick<Worker, 'ready'>,
  { desired, observation }: Seen,
): Life {
  const { presence } = observed;
  const stop = drainingSince(observed);
  switch (presence.kind) {
    case 'absent':
    case 'dead': {
      const done = lookup(desired.done, observed.name);
      const dead = presence.kind === 'dead' && { dead: presence };
      if (done !== undefined)
        return { state: done.problem === undefined ? 'done' : 'failed', done, ...dead };
      return dead ? { state: 'dead', ...dead } : { state: 'absent' };
    }
    case 'stray':
      return { state: 'stray', process: presence.process, ...(stop && { stop }) };
    case 'alive': {
      const { process, record } = presence;
      if (stop !== undefined) return { state: 'draining', process, record, stop };
      const readying = readyingOf(presence, worker.ready, observation);
      if (readying.kind !== 'ready') {
        const { kind: state, ...rest } = readying;
        return { state, process, record, ...rest } as Life;
      }
      const isQuiet = takesNoJobs[quietStateOf(presence.quiet).kind];
      return { state: isQuiet ? 'quiet' : 'ready', process, record };
    }
  }
}

const takesNoJobs: Readonly<Record<QuietState['kind'], boolean>> = {
  none: false,
  asked: false,
  failed: false,
  quiet: true,
  resuming: true,
  stuck: true,
};

/** How far an instance is on its way from an old process to a new one. */
export type Renewal =
  /** The old process runs and was not asked to exit. */
  | { readonly state: 'pending'; readonly process: LiveProcess }
  /** It was asked, or its replacement was. */
  | { readonly state: 'draining'; readonly process: LiveProcess; readonly stop: Asking }
  /** The old process is gone and nothing runs in its place. */
  | { readonly state: 'empty' }
  | { readonly state: 'starting'; readonly process: LiveProcess; readonly changesIn: Duration }
  | { readonly state: 'ready'; readonly process: LiveProcess; readonly record: ProcessRecord }
  /** The new process has ended successfully and is not started again. `record` is missing if it was lost. */
  | { readonly state: 'done'; readonly code: Code; readonly record?: ProcessRecord }
  /** The new process has not become ready in time. */
  | { readonly state: 'late'; readonly record: ProcessRecord; readonly problem: string }
  /** The new process has died by itself. */
  | {
      readonly state: 'died';
      readonly record: ProcessRecord;
      readonly wasReady: boolean;
      readonly problem: string;
    };

/** Whether a process, with its record if it has one, is the one that is to be replaced. */
export type IsOld = (process: ProcessIdentity, record?: ProcessRecord) => boolean;

/** How far the renewal of an instance is. */
export function renewalOf(
  observed: ObservedInstance,
  isOld: IsOld,
  worker: Worker,
  seen: Seen,
): Renewal {
  const life = lifeOf(observed, worker, seen);
  switch (life.state) {
    case 'absent':
      return { state: 'empty' };
    case 'stray': {
      const { process, stop } = life;
      if (!isOld(process)) return { state: 'empty' }; // it is adopted first
      return stop === undefined
        ? { state: 'pending', process }
        : { state: 'draining', process, stop };
    }
    case 'draining':
      return { state: 'draining', process: life.process, stop: life.stop };
    case 'starting':
    case 'late':
    case 'ready':
    case 'quiet':
      return isOld(life.process, life.record)
        ? { state: 'pending', process: life.process }
        : renewed(life);
    case 'done':
    case 'failed':
      if (life.dead !== undefined) return afterDeath(life.dead, isOld, worker, seen.observation);
      return life.state === 'done'
        ? { state: 'done', code: codeOf(life.done) }
        : { state: 'empty' };
    case 'dead':
      return afterDeath(life.dead, isOld, worker, seen.observation);
  }
}

function renewed(life: Extract<Life, { state: 'starting' | 'late' | 'ready' | 'quiet' }>): Renewal {
  const { process, record } = life;
  switch (life.state) {
    case 'starting':
      return { state: 'starting', process, changesIn: life.changesIn };
    case 'late':
      return { state: 'late', record, problem: formatLate(record, life.timeout) };
    case 'ready':
    case 'quiet':
      return { state: 'ready', process, record };
  }
}

/** A replacement that was stopped in its turn has not failed: its place is to be filled again. */
function afterDeath(dead: Dead, isOld: IsOld, worker: Worker, { now }: Observation): Renewal {
  const { record, death, stop } = dead;
  if (isOld(record, record) || stop?.sent === true) return { state: 'empty' };
  const end = endOf(worker, dead);
  if (end === 'success') return { state: 'done', code: codeOf(record), record };
  if (death.kind === 'rebooted' && end === undefined) return { state: 'empty' };
  const isUp = wasReady(dead, worker.ready, now);
  const problem = formatEarlyDeath(record, death, isUp);
  return { state: 'died', record, wasReady: isUp, problem };
}
