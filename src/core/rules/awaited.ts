import { durationOf } from '../basics/time.ts';
import type { Worker } from '../model/config.ts';
import type { ObservedInstance } from '../model/observation.ts';

/** Whether nothing is started in its place as long as what its dead process has left lives. */
export const isAwaited = (
  { presence, leftovers }: ObservedInstance,
  { stop }: Pick<Worker, 'stop'>,
): boolean => stop.leftovers === 'wait' && presence.kind === 'dead' && leftovers !== undefined;

/** How soon what is waited for is looked at again: nothing reports its end. */
export const awaitedLook = durationOf(1_000);
