import { stopSignals, type StopSignal } from '../../../core/model/config.ts';
import type { Carried } from './carry.ts';

/** A signal by its name, with or without SIG, in any case. */
export function stopSignal(name: string): Carried {
  const bare = name.trim().toUpperCase().replace(/^SIG/, '');
  if ((stopSignals as readonly string[]).includes(bare))
    return { keys: { stop: { signal: bare as StopSignal } } };
  return { leftOut: `a worker cannot finish its job on ${bare}; stop.signal is TERM` };
}
