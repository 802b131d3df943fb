import type { ProcessRef } from '../../core/model/instance.ts';
import { observedAt, type Observation } from '../../core/model/observation.ts';
import type { LeftProcess } from '../../core/model/leftovers.ts';
import { elapsed } from '../../core/basics/time.ts';
import { report, type Context } from '../session.ts';

/** Tells that an instance's process has left since it was asked to, and what it has left behind, where that is known. */
export function reportDeparture(
  context: Context,
  ref: ProcessRef,
  observation: Observation,
  leftovers: readonly LeftProcess[] = [],
): void {
  const presence = observedAt(observation, ref)?.presence;
  if (presence?.kind !== 'dead' || presence.stop === undefined) return;
  const { record, death, diedAt, stop } = presence;
  report(context, ref, {
    kind: 'exited',
    pid: record.pid,
    death,
    ...(diedAt !== undefined && { drained: elapsed(stop.at, diedAt) }),
    ...(leftovers.length > 0 && { leftovers }),
  });
}
