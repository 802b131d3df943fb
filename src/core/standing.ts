import { leavingSince, type Observation, type ObservedInstance } from './observation.ts';
import type { LiveProcess } from './process.ts';
import { readyingOf } from './readiness.ts';
import type { Death, ProcessRecord, Stop } from './record.ts';
import { formatEarlyDeath, formatLate } from './record.ts';
import type { Duration } from './time.ts';
import type { Readiness } from './worker.ts';

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
      if (record.start === predecessor || stop?.sent === true || death.kind === 'rebooted')
        return { kind: 'down', last: { record, death } };
      return { kind: 'failed', record, why: formatEarlyDeath(record, death) };
    }
    case 'alive': {
      const { process, record } = presence;
      const stop = leavingSince(observed);
      if (stop !== undefined) return { kind: 'drains', process, stop };
      if (record.start === predecessor) return { kind: 'not_asked', process };
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
