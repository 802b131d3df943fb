import { isStopped, type Intent, type Rollout, type Stopped } from './intent.ts';
import { liveProcess, type Observation } from './observation.ts';
import { isSameProcess, type ProcessIdentity } from './process.ts';

/** What a command wants of the instances that it was given. */
export type Goal =
  /** All that is wanted runs; nothing that was wanted before changes. */
  | { readonly kind: 'check' }
  /** These run, even if they were stopped on purpose. */
  | { readonly kind: 'start'; readonly instances: readonly string[] }
  /** These finish and stay down. */
  | { readonly kind: 'stop'; readonly instances: readonly string[]; readonly by: string }
  /** Each of these is replaced, but for those that were stopped on purpose. */
  | { readonly kind: 'restart'; readonly instances: readonly string[]; readonly by: string };

/** The intent once the goal has been stated; what has been reached is dropped from it. */
export function applyGoal(intent: Intent, goal: Goal, observation: Observation): Intent {
  switch (goal.kind) {
    case 'check':
      return withoutReached(intent, observation);
    case 'start':
      return withoutReached(
        { ...intent, stopped: without(intent.stopped, goal.instances) },
        observation,
      );
    case 'stop':
      return withoutReached(
        { ...intent, stopped: stoppedBy(intent, goal, observation) },
        observation,
      );
    case 'restart':
      return withoutReached({ ...intent, ...replacing(intent, goal, observation) }, observation);
  }
}

function stoppedBy(
  intent: Intent,
  { instances, by }: { instances: readonly string[]; by: string },
  { now }: Observation,
): Intent['stopped'] {
  const added = instances.filter((name) => !isStopped(intent, name));
  return {
    ...intent.stopped,
    ...Object.fromEntries(added.map((name): [string, Stopped] => [name, { at: now, by }])),
  };
}

function replacing(
  intent: Intent,
  { instances, by }: { instances: readonly string[]; by: string },
  observation: Observation,
): { rollout?: Rollout } {
  const replaced = instances.flatMap((name): [string, ProcessIdentity][] => {
    const process = processOf(observation, name);
    if (process === undefined || isStopped(intent, name)) return [];
    const { pid, startTime, bootId } = process;
    return [[name, { pid, startTime, bootId }]];
  });
  if (replaced.length === 0) return {};
  const replaces = { ...intent.rollout?.replaces, ...Object.fromEntries(replaced) };
  return { rollout: { at: observation.now, by, replaces } };
}

/** A rollout forgets each process that is gone, and ends with the last. What was not observed stays. */
function withoutReached(intent: Intent, observation: Observation): Intent {
  const { rollout, ...rest } = intent;
  if (rollout === undefined) return intent;
  const left = Object.entries(rollout.replaces).filter(([name, replaced]) => {
    if (!observation.instances.has(name)) return true;
    const process = processOf(observation, name);
    return process !== undefined && isSameProcess(process, replaced);
  });
  if (left.length === 0) return rest;
  return { ...rest, rollout: { ...rollout, replaces: Object.fromEntries(left) } };
}

function processOf(observation: Observation, name: string): ProcessIdentity | undefined {
  const observed = observation.instances.get(name);
  return observed === undefined ? undefined : liveProcess(observed);
}

function without<T>(
  values: Readonly<Record<string, T>>,
  names: readonly string[],
): Record<string, T> {
  const dropped = new Set(names);
  return Object.fromEntries(Object.entries(values).filter(([name]) => !dropped.has(name)));
}
