import { liveProcess, type Observation } from '../core/observation.ts';
import { elapsed, type Duration } from '../core/time.ts';
import { report, type Context } from './context.ts';
import { settle, type Settled } from './settle.ts';

/** Waits until no process of these instances is left. */
export function waitForExit(
  context: Context,
  request: { instances: readonly string[]; limit: Duration | undefined },
): Promise<Settled> {
  return settle(context, {
    ...request,
    look: (observation) => {
      const left = [...observation.instances.values()].filter(
        (observed) => liveProcess(observed) === undefined,
      );
      for (const { name } of left) reportDeparture(context, name, observation);
      return Promise.resolve({ settled: left.map(({ name }) => name) });
    },
  });
}

/** Tells that an instance's process has left since it was asked to. */
export function reportDeparture(context: Context, name: string, { instances }: Observation): void {
  const presence = instances.get(name)?.presence;
  if (presence?.kind !== 'dead' || presence.stop === undefined) return;
  const { record, death, diedAt, stop } = presence;
  const drained = diedAt === undefined ? {} : { drained: elapsed(stop.at, diedAt) };
  report(context, name, { kind: 'left', pid: record.pid, death, ...drained });
}
