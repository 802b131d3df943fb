import { filtered, lookup, withEntries } from '../basics/lookup.ts';
import type { EventBody } from '../events/event.ts';
import { momentOf, type Duration, type Moment } from '../basics/time.ts';
import type { BackoffPolicy, Config, Worker } from '../model/config.ts';
import { isDone, isStopped } from '../model/desired.ts';
import { instanceNames } from '../model/instance.ts';
import type { Ledger, State, Unstarted } from '../model/ledger.ts';
import { liveProcess, type Observation, type ObservedInstance } from '../model/observation.ts';
import { backsOffUntil, delayAfter, isOfRelease } from './backoff.ts';

type AllUnstarted = Ledger['unstarted'];

/** What keeps instances from being started, without those that have started since or are not wanted any more. */
export function unstartedAfter(
  config: Config,
  { desired, ledger: { unstarted } }: State,
  { instances, launches }: Pick<Observation, 'instances' | 'launches'>,
): AllUnstarted {
  const names = Object.keys(unstarted);
  if (names.length === 0) return unstarted;
  const wanted = new Set(config.workers.flatMap(instanceNames));
  const kept = names.filter(
    (name) =>
      wanted.has(name) &&
      !isStopped(desired, name) &&
      !isDone(desired, name) &&
      !hasStartedSince(instances.get(name), unstarted[name]?.at) &&
      isOfRelease({ ...unstarted[name] }, launches?.get(name)?.release),
  );
  if (kept.length === names.length) return unstarted;
  return filtered(unstarted, (_, name) => kept.includes(name));
}

function hasStartedSince(observed: ObservedInstance | undefined, at: Moment | undefined): boolean {
  if (observed === undefined || at === undefined) return false;
  if (liveProcess(observed) !== undefined) return true;
  return observed.presence.kind === 'dead' && observed.presence.record.startedAt > at;
}

/** A start that has failed before it had a process. */
export interface FailedStart {
  readonly instance: string;
  readonly problem: string;
  readonly release?: string;
}

/** The same ledger with what kept these instances from being started now. */
export function withUnstarted(ledger: Ledger, failed: readonly FailedStart[], at: Moment): Ledger {
  if (failed.length === 0) return ledger;
  const added = failed.map(({ instance, ...found }) => {
    const count = (lookup(ledger.unstarted, instance)?.count ?? 0) + 1;
    return [instance, { at, count, ...found }] as const;
  });
  return { ...ledger, unstarted: withEntries(ledger.unstarted, added) };
}

/** How long an instance stays down after this many failed starts: like one whose processes die. */
const pauseAfter = (name: string, { at, count }: Unstarted, policy: BackoffPolicy): Duration =>
  delayAfter(name, { runId: String(at), count }, policy);

/**
 * Until when an instance stays down because it could not be started; undefined if that may be tried now. An attempt in the
 * future comes from a clock that was set back since, and delays nothing.
 */
function unstartedUntil(
  { unstarted }: Ledger,
  name: string,
  { backoff }: Worker,
  now: Moment,
): Moment | undefined {
  const failed = lookup(unstarted, name);
  if (failed === undefined || failed.at > now) return undefined;
  const due = momentOf(failed.at + pauseAfter(name, failed, backoff));
  return now < due ? due : undefined;
}

/** Until when an instance stays down because its processes, or attempts to start one, have failed. */
export function staysDownUntil(
  ledger: Ledger,
  observed: ObservedInstance,
  worker: Worker,
  now: Moment,
): Moment | undefined {
  const moments = [
    backsOffUntil(ledger, observed, worker, now),
    unstartedUntil(ledger, observed.name, worker, now),
  ].filter((moment) => moment !== undefined);
  return moments.length === 0 ? undefined : momentOf(Math.max(...moments));
}

/** What is reported of a row of failed starts: once, with the second one that fails for this reason. */
export function unstartedNotice(
  { unstarted: before }: Ledger,
  { unstarted }: Ledger,
  instance: string,
  { backoff }: Worker,
): { readonly instance: string; readonly body: EventBody } | undefined {
  const failed = lookup(unstarted, instance);
  if (failed === undefined || failed.count < 2) return undefined;
  const known = lookup(before, instance);
  if (failed.count > 2 && known?.problem === failed.problem) return undefined;
  const { at, count, problem } = failed;
  const delay = pauseAfter(instance, failed, backoff);
  return {
    instance,
    body: {
      kind: 'backoff',
      failures: count,
      delay,
      startsAt: momentOf(at + delay),
      problem: `could not be started ${count} times in a row: ${problem}`,
    },
  };
}
