import { ageOf, type Observation, type ObservedInstance } from './observation.ts';
import type { LiveProcess } from './process.ts';
import type { Death, ProcessRecord, Stop } from './record.ts';
import { durationOf, type Duration } from './time.ts';
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
  | { readonly kind: 'starting'; readonly process: LiveProcess; readonly readyIn: Duration }
  | { readonly kind: 'ready'; readonly process: LiveProcess }
  /** Its new process died before it was ready. */
  | { readonly kind: 'failed'; readonly record: ProcessRecord; readonly death: Death };

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
      return record.start === predecessor || stop?.sent === true
        ? { kind: 'down', last: { record, death } }
        : { kind: 'failed', record, death };
    }
    case 'alive': {
      const { process, stop, record } = presence;
      if (stop?.sent === true) return { kind: 'drains', process, stop };
      if (record.start === predecessor) return { kind: 'not_asked', process };
      return progressOf(process, readiness, observation);
    }
  }
}

/** Whether a process that nobody has asked to leave is ready yet. */
export function progressOf(
  process: LiveProcess,
  { after }: Readiness,
  observation: Observation,
): Extract<Standing, { kind: 'starting' | 'ready' }> {
  const readyIn = durationOf(Math.max(0, after - ageOf(process, observation)));
  return readyIn > 0 ? { kind: 'starting', process, readyIn } : { kind: 'ready', process };
}
