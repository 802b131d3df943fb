import type { EventBody } from '../events/event.ts';
import type { HookName, Occasion } from '../model/config.ts';

/** What an event is an occasion for; undefined: nothing is called for it. */
export function occasionOf(event: EventBody): Occasion | undefined {
  switch (event.kind) {
    case 'died':
      return event.verdict === 'unexpected' ? 'died' : undefined;
    case 'rollout_finished':
      return event.how === 'aborted' ? 'aborted' : 'finished';
    case 'launching':
      return 'started';
    case 'job_lost':
      return 'lost';
    case 'started':
    case 'backoff':
    case 'unresponsive':
    case 'drain_long':
      return event.kind;
    default:
      return undefined;
  }
}

/** The hooks that are called on an occasion. */
export const hooksOn = (occasion: Occasion): readonly HookName[] =>
  occasion === 'aborted' || occasion === 'finished' ? [occasion, 'rollout'] : [occasion];
