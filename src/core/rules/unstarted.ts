import type { Moment } from '../basics/time.ts';
import type { Config } from '../model/config.ts';
import { isDone, isStopped } from '../model/desired.ts';
import { instanceNames } from '../model/instance.ts';
import type { Ledger, State } from '../model/ledger.ts';
import { liveProcess, type Observation, type ObservedInstance } from '../model/observation.ts';

type AllUnstarted = Ledger['unstarted'];

/** What keeps instances from being started, without those that have started since or are not wanted any more. */
export function unstartedAfter(
  config: Config,
  { desired, ledger: { unstarted } }: State,
  { instances }: Pick<Observation, 'instances'>,
): AllUnstarted {
  const names = Object.keys(unstarted);
  if (names.length === 0) return unstarted;
  const wanted = new Set(config.workers.flatMap(instanceNames));
  const kept = names.filter(
    (name) =>
      wanted.has(name) &&
      !isStopped(desired, name) &&
      !isDone(desired, name) &&
      !hasStartedSince(instances.get(name), unstarted[name]?.at),
  );
  if (kept.length === names.length) return unstarted;
  return Object.fromEntries(Object.entries(unstarted).filter(([name]) => kept.includes(name)));
}

function hasStartedSince(observed: ObservedInstance | undefined, at: Moment | undefined): boolean {
  if (observed === undefined || at === undefined) return false;
  if (liveProcess(observed) !== undefined) return true;
  return observed.presence.kind === 'dead' && observed.presence.record.startedAt > at;
}

/** The same ledger with what kept these instances from being started now. */
export function withUnstarted(
  ledger: Ledger,
  failed: readonly { readonly instance: string; readonly problem: string }[],
  at: Moment,
): Ledger {
  if (failed.length === 0) return ledger;
  const added = failed.map(({ instance, problem }) => [instance, { at, problem }] as const);
  return { ...ledger, unstarted: { ...ledger.unstarted, ...Object.fromEntries(added) } };
}
