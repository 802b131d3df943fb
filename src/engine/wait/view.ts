import type { Event } from '../../core/events/event.ts';
import { heldJobs, type Activity, type HeldJobs } from '../../core/model/activity.ts';
import { noDesired } from '../../core/model/desired.ts';
import { noLedger, type State } from '../../core/model/ledger.ts';
import { keyOf, type ProcessRef } from '../../core/model/instance.ts';
import {
  allObserved,
  keyOfObserved,
  mayLive,
  type Observation,
  type ObservedInstance,
} from '../../core/model/observation.ts';
import type { ProcessRecord } from '../../core/model/record.ts';
import { readyingOf } from '../../core/rules/readiness.ts';
import { desiredPath, readDesired } from '../../host/state/desired-file.ts';
import { knownLedger, ledgerPath } from '../../host/state/ledger-file.ts';
import { instanceOfExit, baseOf, isOfRetiring, type StateFiles } from '../../host/state/paths.ts';
import { stateFilesIn } from '../../host/state/record-cache.ts';
import { hasProcess } from '../../host/process/process-table.ts';
import { statsOf } from '../../host/files/stats-of.ts';
import { observeReported } from '../observe/observe.ts';
import { withStrays } from '../observe/strays.ts';
import { type Context, workerOf } from '../session.ts';

/** The same event, with the jobs that the process was last seen busy with. */
export function withJobs(event: Event, { jobsOf }: Watched): Event {
  if (event.kind !== 'exited') return event;
  return { ...event, ...jobsOf(event) };
}

/** What a waiting command knows of the world, kept up to date look by look. */
export interface Watched {
  /** Looks at the instances that these changed files are of, or at all of them. */
  readonly look: (changed: ReadonlySet<string> | undefined) => Promise<Observation>;
  /** All that was seen, what is wanted and what is remembered, as of the last look. */
  readonly last: () => State & { readonly observation: Observation };
  /** The instances that it looks at. */
  readonly instances: readonly string[];
  /** The instances whose processes have died since the last look, as far as is known when they are asked for. */
  readonly dying: Iterable<string>;
  /** Where it learns that: the files that have changed since. */
  readonly follow: (coming: () => Iterable<string>) => void;
  /** Looks at these as well from now on. */
  readonly join: (names: readonly string[]) => void;
  /** What a process was last seen busy with while it drained. */
  readonly jobsOf: (ref: ProcessRef) => HeldJobs;
}

/**
 * Watches instances. Only what has changed, and what may do so unseen by the kernel, is looked at each time: a look at a
 * thousand takes some hundredths of a second.
 */
export function watchInstances(context: Context, begun: readonly string[]): Watched {
  const instances = [...begun];
  const seen = new Map<string, ObservedInstance>();
  const jobs = new Map<string, Activity>();
  const state = cachedState(context.config.stateDir);
  let observation: Observation | undefined;
  let retiring: readonly ProcessRef[] = [];
  let coming: () => Iterable<string> = () => [];

  const look: Watched['look'] = async (changed) => {
    // Listed once for all: most have no notes, and asking for each of them takes longer than reading the rest.
    const listed =
      changed === undefined || [...changed].some(isOfRetiring)
        ? stateFilesIn(context.config.stateDir)
        : undefined;
    if (listed !== undefined) retiring = retiringAmong(listed, instances);
    const touched = changed && new Set([...changed].flatMap(basesOf));
    const isDue = (ref: ProcessRef): boolean => touched === undefined || isMeant(ref, touched);
    const reported = await observeReported(
      { ...context, others: seen, ...(listed && { notes: listed.notes }) },
      instances.filter((instance) => isDue({ instance })),
      retiring.filter(isDue),
    );
    const looked = allObserved(reported).some(isNewlyDead)
      ? withStrays(context, reported)
      : reported;
    for (const observed of allObserved(looked)) seen.set(keyOfObserved(observed), observed);
    const known = (key: string): ObservedInstance[] => {
      const observed = seen.get(key);
      return observed === undefined ? [] : [observed];
    };
    observation = {
      ...looked,
      instances: new Map(instances.flatMap(known).map((one) => [one.name, one])),
      retiring: retiring.map(keyOf).flatMap(known),
    };
    rememberJobs(jobs, observation);
    return observation;
  };

  /** Its record has led to a living process until now, and no report proves that it has exited. */
  const isNewlyDead = (observed: ObservedInstance): boolean =>
    observed.presence.kind === 'dead' &&
    mayLive(observed) &&
    seen.get(keyOfObserved(observed))?.presence.kind !== 'dead';

  /** Its files have changed, or something may have happened to it without any of them. */
  const isMeant = (ref: ProcessRef, touched: ReadonlySet<string>): boolean => {
    if (touched.has(baseOf(ref))) return true;
    const observed = seen.get(keyOf(ref));
    if (observed === undefined || observation === undefined) return true;
    const { ready, daemonizes } = workerOf(context.config, ref.instance);
    const { presence } = observed;
    if (presence.kind !== 'alive') return presence.kind === 'stray' || daemonizes !== undefined;
    return (
      !hasShim(presence.record) ||
      (ready.kind !== 'after' && readyingOf(presence, ready, observation).kind !== 'ready')
    );
  };

  return {
    look,
    last: () => {
      if (observation === undefined) throw new Error('nothing was looked at yet');
      return { observation, ...state() };
    },
    instances,
    dying: {
      *[Symbol.iterator]() {
        for (const file of coming()) {
          const instance = instanceOfExit(file);
          if (instance !== undefined && instances.includes(instance)) yield instance;
        }
      },
    },
    follow: (source) => {
      coming = source;
    },
    join: (names) => {
      instances.push(...names.filter((name) => !instances.includes(name)));
    },
    jobsOf: (ref) => {
      const activity = jobs.get(keyOf(ref));
      const isNamed = activity?.kind === 'busy' && activity.jobs[0].what !== '';
      return isNamed ? heldJobs(activity) : {};
    },
  };
}

/** What the names of a process's files may begin with, if this is one of them: an instance's has dots of its own. */
const basesOf = (file: string): string[] =>
  [...file.matchAll(/\./g)].map(({ index }) => file.slice(0, index));

function retiringAmong(listed: StateFiles, instances: readonly string[]): readonly ProcessRef[] {
  const meant = new Set(instances);
  return listed.retiring.filter(({ instance }) => meant.has(instance));
}

/** Whether a shim reports the death of this process. */
const hasShim = ({ shimPid }: ProcessRecord): boolean => shimPid !== 0 && hasProcess(shimPid);

function rememberJobs(jobs: Map<string, Activity>, observation: Observation): void {
  for (const observed of allObserved(observation)) {
    const { activity } = observed;
    if (activity?.kind === 'busy') jobs.set(keyOfObserved(observed), activity);
  }
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
    const found = statsOf(path);
    const current = found === undefined ? 'none' : `${found.ino} ${found.mtimeMs} ${found.size}`;
    if (current !== key) value = read();
    key = current;
    return value;
  };
}
