import type { Event } from '../core/event.ts';
import type { Observation } from '../core/observation.ts';
import type { LeftProcess } from '../core/leftovers.ts';
import { elapsed } from '../core/time.ts';
import { report, type Context } from './context.ts';
import type { Watched } from './watched.ts';

/** Tells that an instance's process has left since it was asked to, and what it has left behind, where that is known. */
export function reportDeparture(
  context: Context,
  name: string,
  { instances }: Observation,
  leftovers: readonly LeftProcess[] = [],
): void {
  const presence = instances.get(name)?.presence;
  if (presence?.kind !== 'dead' || presence.stop === undefined) return;
  const { record, death, diedAt, stop } = presence;
  report(context, name, {
    kind: 'left',
    pid: record.pid,
    death,
    ...(diedAt !== undefined && { drained: elapsed(stop.at, diedAt) }),
    ...(leftovers.length > 0 && { leftovers }),
  });
}

/** The same event; whoever has watched a process leave knows what it was busy with. */
export function withJob(event: Event, { jobOf }: Watched): Event {
  if (event.kind !== 'left') return event;
  const job = jobOf(event.instance);
  return job === undefined ? event : { ...event, job };
}
