import { statSync } from 'node:fs';
import type { Event } from '../../core/events/event.ts';
import type { Activity } from '../../core/model/activity.ts';
import { noDesired } from '../../core/model/desired.ts';
import { noLedger, type State } from '../../core/model/ledger.ts';
import type { Observation, ObservedInstance } from '../../core/model/observation.ts';
import { readyingOf } from '../../core/rules/readiness.ts';
import { isOldProcessOf } from '../../core/rules/reconcile.ts';
import { desiredPath, readDesired } from '../../host/state/desired-file.ts';
import { knownLedger, ledgerPath } from '../../host/state/ledger-file.ts';
import { recordedInstances } from '../../host/state/paths.ts';
import { observeReported } from '../observe/observe.ts';
import { type Context, workerOf } from '../session.ts';

/** The same event; whoever has watched a process leave knows what it was busy with. */
export function withJob(event: Event, { jobOf }: Watched): Event {
  if (event.kind !== 'left') return event;
  const job = jobOf(event.instance);
  return job === undefined ? event : { ...event, job };
}

/** What a waiting command knows of the world, kept up to date look by look. */
export interface Watched {
  /** Looks at the instances that these changed files are of, or at all of them. */
  readonly look: (changed: ReadonlySet<string> | undefined) => Promise<Observation>;
  /** All that was seen, what is wanted and what is remembered, as of the last look. */
  readonly last: () => State & { readonly observation: Observation };
  /** The names that it looks at: the instances, and old processes of them that are leaving. */
  readonly scope: () => string[];
  /** What an instance was last seen busy with while it drained. */
  readonly jobOf: (name: string) => string | undefined;
}

/**
 * Watches instances. Only what has changed, and what becomes ready unseen by the kernel, is looked at each time: a look at
 * a thousand takes some hundredths of a second.
 */
export function watchInstances(context: Context, instances: readonly string[]): Watched {
  const seen = new Map<string, ObservedInstance>();
  const jobs = new Map<string, Activity>();
  const state = cachedState(context.config.stateDir);
  let observation: Observation | undefined;
  let retiring: string[] = leavingAmong(context, instances);

  const look: Watched['look'] = async (changed) => {
    if (changed === undefined || [...changed].some((file) => file.includes('~')))
      retiring = leavingAmong(context, instances);
    const scope = [...instances, ...retiring];
    const names = changed === undefined ? scope : scope.filter((name) => isMeant(name, changed));
    const looked = await observeReported(context, names);
    for (const [name, observed] of looked.instances) seen.set(name, observed);
    const merged = scope.flatMap((name): [string, ObservedInstance][] => {
      const observed = seen.get(name);
      return observed === undefined ? [] : [[name, observed]];
    });
    observation = { ...looked, instances: new Map(merged) };
    rememberJobs(jobs, observation);
    return observation;
  };

  /** Its files have changed, or it may have become ready without any of them. */
  const isMeant = (name: string, changed: ReadonlySet<string>): boolean => {
    for (const file of changed) if (file.startsWith(`${name}.`)) return true;
    const observed = seen.get(name);
    if (observed === undefined) return true;
    if (observed.presence.kind !== 'alive' || observation === undefined) return false;
    const { ready } = workerOf(context.config, name);
    return (
      ready.kind !== 'after' && readyingOf(observed.presence, ready, observation).kind !== 'ready'
    );
  };

  return {
    look,
    last: () => {
      if (observation === undefined) throw new Error('nothing was looked at yet');
      return { observation, ...state() };
    },
    scope: () => [...instances, ...retiring],
    jobOf: (name) => {
      const activity = jobs.get(name);
      return activity?.kind === 'busy' ? activity.what || undefined : undefined;
    },
  };
}

function leavingAmong({ config }: Context, instances: readonly string[]): string[] {
  const recorded = recordedInstances(config.stateDir);
  return recorded.filter((name) => instances.some((instance) => isOldProcessOf(name, instance)));
}

function rememberJobs(jobs: Map<string, Activity>, { instances }: Observation): void {
  for (const { name, activity } of instances.values())
    if (activity?.kind === 'busy') jobs.set(name, activity);
}

/** The state, of which a file is read again only when it has changed. */
function cachedState(stateDir: string): () => State {
  const desired = cached(desiredPath(stateDir), noDesired, () => readDesired(stateDir));
  const ledger = cached(ledgerPath(stateDir), noLedger, () => knownLedger(stateDir));
  return () => ({ desired: desired(), ledger: ledger() });
}

function cached<T>(path: string, initial: T, read: () => T): () => T {
  let key = '';
  let value = initial;
  return () => {
    const found = statSync(path, { throwIfNoEntry: false });
    const current = found === undefined ? 'none' : `${found.ino} ${found.mtimeMs} ${found.size}`;
    if (current !== key) value = read();
    key = current;
    return value;
  };
}
