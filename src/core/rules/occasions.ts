import type { EventBody } from '../events/event.ts';
import type { HookName, Occasion } from '../model/config.ts';

const byKind: Readonly<Partial<Record<EventBody['kind'], Occasion>>> = {
  job_lost: 'lost',
  started: 'started',
  launching: 'started',
  backoff: 'backoff',
  unresponsive: 'unresponsive',
  drain_long: 'drain_long',
};

/** What an event is an occasion for; undefined: nothing is called for it. */
export function occasionOf(event: EventBody): Occasion | undefined {
  if (event.kind === 'died') return event.verdict === 'unexpected' ? 'died' : undefined;
  if (event.kind === 'rollout_finished') return event.how === 'aborted' ? 'aborted' : 'finished';
  return byKind[event.kind];
}

/** The hooks that are called on an occasion. */
export const hooksOn = (occasion: Occasion): readonly HookName[] =>
  occasion === 'aborted' || occasion === 'finished' ? [occasion, 'rollout'] : [occasion];
