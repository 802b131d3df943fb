import { allObserved, type Observation } from '../../core/model/observation.ts';
import type { Plan } from '../../core/model/plan.ts';
import type { ProcessIdentity } from '../../core/model/process.ts';
import { listening, type Context } from '../session.ts';

/** The processes without a shim: they were adopted, or have forked away. */
export const unreported = (observation: Observation): ProcessIdentity[] =>
  allObserved(observation).flatMap(({ presence }) =>
    presence.kind === 'alive' && presence.record.shimPid === 0 ? [presence.process] : [],
  );

/** What passes of this watch have started. */
export interface Ours {
  /** The latest pid of each instance. */
  readonly started: Map<string, number>;
}

/** The same context, which also notes what is started. */
export const noting = (context: Context, { started }: Ours): Context =>
  listening(context, (event) => {
    if (event.kind === 'started' || event.kind === 'launching')
      started.set(event.instance, event.pid);
  });

/** Knows which deaths were seen: of processes that this watch has started, or seen alive. */
export interface DeathWatch {
  readonly see: (observation: Observation) => void;
  /** Whether this step starts no instance, or one whose last process was seen to die. */
  readonly saw: (step: Plan[number], observation: Observation) => boolean;
}

export function createDeathWatch({ started }: Ours): DeathWatch {
  const alive = new Map<string, string>();
  /** The run of each instance whose death was seen. */
  const dead = new Map<string, string>();
  return {
    saw: ({ kind, instance }, { instances }) => {
      const presence = instances.get(instance)?.presence;
      return (
        kind !== 'start' ||
        (presence?.kind === 'dead' && dead.get(instance) === presence.record.runId)
      );
    },
    see: ({ instances }) => {
      for (const { name, presence } of instances.values()) {
        if (presence.kind === 'alive') alive.set(name, presence.record.runId);
        if (presence.kind !== 'dead') continue;
        const { record } = presence;
        if (alive.get(name) !== record.runId && started.get(name) !== record.pid) continue;
        alive.delete(name);
        started.delete(name);
        dead.set(name, record.runId);
      }
    },
  };
}
