import { drainingSince, type Observation, type ObservedInstance } from '../model/observation.ts';
import type { ProcessRef } from '../model/instance.ts';
import type { LiveProcess } from '../model/process.ts';
import { readyingOf } from '../rules/readiness.ts';
import type { Death, ProcessRecord, Stop } from '../model/record.ts';
import { formatEarlyDeath, formatLate } from '../model/record.ts';
import type { Duration, Moment } from '../basics/time.ts';
import type { Readiness } from '../model/config.ts';
import type { Activity } from '../model/activity.ts';

/** How far an instance is on its way up, as somebody sees it who waits for it. */
export type Standing =
  | { readonly kind: 'drains'; readonly process: LiveProcess; readonly stop: Stop }
  /** It runs and was not asked to leave, though it is to be replaced. */
  | { readonly kind: 'not_asked'; readonly process: LiveProcess }
  /** Its place is free, or held by a process that nobody claims. */
  | {
      readonly kind: 'down';
      readonly last?: { readonly record: ProcessRecord; readonly death: Death };
    }
  | { readonly kind: 'starting'; readonly process: LiveProcess; readonly changesIn: Duration }
  | { readonly kind: 'ready'; readonly process: LiveProcess }
  /** Its new process died before it was ready, or is not ready in time. */
  | { readonly kind: 'failed'; readonly record: ProcessRecord; readonly why: string };

/** `predecessor` is the start of the process that is to be replaced, or was dead already. */
export function standingOf(
  observed: ObservedInstance,
  predecessor: string | undefined,
  readiness: Readiness,
  observation: Observation,
): Standing {
  const { presence } = observed;
  switch (presence.kind) {
    case 'absent':
    case 'stray':
      return { kind: 'down' };
    case 'dead': {
      const { record, death, stop } = presence;
      // Somebody else has replaced or stopped the replacement: no failure, another place to be filled.
      if (record.runId === predecessor || stop?.sent === true || death.kind === 'rebooted')
        return { kind: 'down', last: { record, death } };
      return { kind: 'failed', record, why: formatEarlyDeath(record, death) };
    }
    case 'alive': {
      const { process, record } = presence;
      const stop = drainingSince(observed);
      if (stop !== undefined) return { kind: 'drains', process, stop };
      if (record.runId === predecessor) return { kind: 'not_asked', process };
      return onItsWay(presence, readiness, observation);
    }
  }
}

function onItsWay(
  presence: Extract<ObservedInstance['presence'], { kind: 'alive' }>,
  readiness: Readiness,
  observation: Observation,
): Standing {
  const { process, record } = presence;
  const readying = readyingOf(presence, readiness, observation);
  switch (readying.kind) {
    case 'ready':
      return { kind: 'ready', process };
    case 'starting':
      return { kind: 'starting', process, changesIn: readying.changesIn };
    case 'late':
      return { kind: 'failed', record, why: formatLate(record, readying.timeout) };
  }
}

/** How far an instance is, for whoever waits for it. */
export type Phase =
  /** It runs, and was not asked to leave yet. */
  | 'waiting'
  /** It was asked to leave and finishes its job. */
  | 'draining'
  /** Its place is free; `detail` says why nothing is started in it yet. */
  | 'down'
  /** Its new process runs and is not ready yet. */
  | 'starting'
  | 'done'
  | 'failed';

/** One instance that a command waits for. */
export interface Progress extends ProcessRef {
  readonly phase: Phase;
  readonly pid?: number;
  /** How long it has been in this phase. */
  readonly since?: Duration;
  /** When a drain is ended by force; undefined: never. */
  readonly limit?: Duration;
  /** What it is doing, where that is known. */
  readonly activity?: Activity;
  /** What a reader must know besides, in words; may be empty. */
  readonly detail: string;
}

/** What a waiting command shows: all that it was asked to do, in the order of the config. */
export interface ProgressView {
  readonly command: 'start' | 'stop' | 'restart';
  readonly at: Moment;
  /** How long the command has been waiting. */
  readonly elapsed: Duration;
  readonly items: readonly Progress[];
}
