import { filtered, lookup, withEntries, without } from '../basics/lookup.ts';
import type { EventBody } from '../events/event.ts';
import { momentOf, type Duration, type Moment } from '../basics/time.ts';
import type { BackoffPolicy, Config, Worker } from '../model/config.ts';
import { isDone, isStopped, type Desired } from '../model/desired.ts';
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
  return stillDown(config, desired, instances, unstarted, ({ at, ...failed }, name) =>
    isOfRelease(failed, launches?.get(name)?.release) ? at : undefined,
  );
}

/**
 * The starts that commands have left to a watch, without those that have had a process since or are not wanted any more, and
 * those from before a boot: after it the whole host starts anew.
 */
export const askedAfter = (
  config: Config,
  { desired, ledger: { asked } }: State,
  { instances, now, sinceBoot }: Pick<Observation, 'instances' | 'now' | 'sinceBoot'>,
): Ledger['asked'] =>
  stillDown(config, desired, instances, asked, (at) => (at < now - sinceBoot ? undefined : at));

/**
 * The same ledger after a command has left these starts to a watch: a person has asked for them, so they wait for no turn. What
 * a boot check finds missing takes its turn at the watch.
 */
export function withAsked(
  ledger: Ledger,
  { startsAtOnce, now }: Pick<Observation, 'startsAtOnce' | 'now'>,
  instances: readonly string[],
): Ledger {
  if (instances.length === 0 || startsAtOnce !== undefined) return ledger;
  const asked = instances.map((instance) => [instance, now] as const);
  return { ...ledger, asked: withEntries(ledger.asked, asked) };
}

/** Without the instances that have started since this moment (undefined: they are left out) or are not wanted any more. */
function stillDown<T>(
  config: Config,
  desired: Desired,
  instances: Observation['instances'],
  all: Readonly<Record<string, T>>,
  since: (one: T, name: string) => Moment | undefined,
): Readonly<Record<string, T>> {
  if (Object.keys(all).length === 0) return all;
  const wanted = new Set(config.workers.flatMap(instanceNames));
  return filtered(all, (one, name) => {
    const at = since(one, name);
    return (
      at !== undefined &&
      wanted.has(name) &&
      !isStopped(desired, name) &&
      !isDone(desired, name) &&
      !hasStartedSince(instances.get(name), at)
    );
  });
}

function hasStartedSince(observed: ObservedInstance | undefined, at: Moment): boolean {
  if (observed === undefined) return false;
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
  const tried = failed.map(({ instance }) => instance);
  return {
    ...ledger,
    unstarted: withEntries(ledger.unstarted, added),
    asked: without(ledger.asked, tried),
  };
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
