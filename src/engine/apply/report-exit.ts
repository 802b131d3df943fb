import type { ProcessRef } from '../../core/model/instance.ts';
import { observedAt, type Observation } from '../../core/model/observation.ts';
import type { LeftProcess } from '../../core/model/leftovers.ts';
import { elapsed } from '../../core/basics/time.ts';
import { report, type Context } from '../session.ts';

/** Reports that a process which was asked to has exited, and what it left behind, if that is known. */
export function reportExit(
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
    ...(diedAt !== undefined &&
      stop.jobSince !== undefined && { jobTime: elapsed(stop.jobSince, diedAt) }),
    ...(leftovers.length > 0 && { leftovers }),
  });
}
