import { formatEarlyDeath, formatLate, type ProcessRecord, type Stop } from '../model/record.ts';
import type { Readiness } from '../model/config.ts';
import {
  drainingSince,
  sentQuiet,
  type Observation,
  type ObservedInstance,
  type Presence,
} from '../model/observation.ts';
import type { LiveProcess, ProcessIdentity } from '../model/process.ts';
import type { Duration } from '../basics/time.ts';
import { readyingOf, wasReady } from './readiness.ts';

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
  | { readonly state: 'stray'; readonly process: LiveProcess; readonly stop?: Stop }
  /** `changesIn`: how long until it is ready, or late, if nothing else happens. */
  | (Running & { readonly state: 'starting'; readonly changesIn: Duration })
  /** It has not become ready within its timeout. */
  | (Running & { readonly state: 'late'; readonly timeout: Duration })
  | (Running & { readonly state: 'ready' })
  /** It is ready and was asked to take no new job. */
  | (Running & { readonly state: 'quiet' })
  /** It was asked to exit, or made quiet for that, and finishes its job. */
  | (Running & { readonly state: 'draining'; readonly stop: Stop })
  | { readonly state: 'dead'; readonly dead: Dead };

interface Running {
  readonly process: LiveProcess;
  readonly record: ProcessRecord;
}

type Dead = Extract<Presence, { kind: 'dead' }>;

/** Where an instance is in its life. */
export function lifeOf(
  observed: ObservedInstance,
  readiness: Readiness,
  observation: Observation,
): Life {
  const { presence } = observed;
  const stop = drainingSince(observed);
  switch (presence.kind) {
    case 'absent':
      return { state: 'absent' };
    case 'dead':
      return { state: 'dead', dead: presence };
    case 'stray':
      return { state: 'stray', process: presence.process, ...(stop && { stop }) };
    case 'alive': {
      const { process, record } = presence;
      if (stop !== undefined) return { state: 'draining', process, record, stop };
      const readying = readyingOf(presence, readiness, observation);
      const isQuiet = readying.kind === 'ready' && sentQuiet(observed) !== undefined;
      if (isQuiet) return { state: 'quiet', process, record };
      const { kind: state, ...rest } = readying;
      return { state, process, record, ...rest } as Life;
    }
  }
}

/** How far an instance is on its way from an old process to a new one. */
export type Renewal =
  /** The old process runs and was not asked to exit. */
  | { readonly state: 'pending'; readonly process: LiveProcess }
  /** It was asked, or its replacement was. */
  | { readonly state: 'draining'; readonly process: LiveProcess; readonly stop: Stop }
  /** The old process is gone and nothing runs in its place. */
  | { readonly state: 'empty' }
  | { readonly state: 'starting'; readonly process: LiveProcess; readonly changesIn: Duration }
  | { readonly state: 'ready'; readonly process: LiveProcess; readonly record: ProcessRecord }
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
  readiness: Readiness,
  observation: Observation,
): Renewal {
  const life = lifeOf(observed, readiness, observation);
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
    case 'dead':
      return afterDeath(life.dead, isOld, readiness, observation);
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
function afterDeath(dead: Dead, isOld: IsOld, readiness: Readiness, { now }: Observation): Renewal {
  const { record, death, stop } = dead;
  if (isOld(record, record) || stop?.sent === true || death.kind === 'rebooted')
    return { state: 'empty' };
  const problem = formatEarlyDeath(record, death);
  return { state: 'died', record, wasReady: wasReady(dead, readiness, now), problem };
}
