import { WorkerctlError } from '../../core/basics/error.ts';
import type { EndedRollout } from '../../core/model/desired.ts';
import type { Draining } from '../../core/events/draining.ts';
import {
  allObserved,
  drainingSince,
  keyOfObserved,
  refOf,
  type Observation,
  type ObservedInstance,
} from '../../core/model/observation.ts';
import { isKeyOfRetiring, type ProcessRef } from '../../core/model/instance.ts';
import type { Progress, ProgressView } from '../../core/views/phase.ts';
import { deadlineOf, snapshotOf, type Snapshot } from '../../core/rules/snapshot.ts';
import { durationOf, elapsed, type Duration } from '../../core/basics/time.ts';
import { monotonicMs, now } from '../../host/process/clock.ts';
import { watchDirectory } from '../../host/files/watch-directory.ts';
import type { ActOutcome } from '../../core/events/outcome.ts';
import type { Context } from '../session.ts';
import type { Watched } from './view.ts';

/** How a wait came to its end. */
export type Settled =
  | { readonly kind: 'done' }
  | {
      /** After `aborted`, `ended` and `lost` there is nothing left to wait for, though not all was reached. */
      readonly kind: 'timed_out' | 'interrupted' | GivenUp['kind'];
      /** How another command has ended the restart. */
      readonly ended?: EndedRollout;
      /** The longest that it might take, and how many instances it was for. */
      readonly wait: NonNullable<ActOutcome['wait']>;
      /** Those that it was still waiting for, and that were asked to exit. */
      readonly draining: readonly Draining[];
      /** All that it was waiting for, also those that were not ready yet. */
      readonly pending: readonly ProcessRef[];
    };

/** Why there is nothing left to wait for, though not all was reached. */
export type GivenUp =
  | { readonly kind: 'aborted' | 'lost' | 'unconfigured' }
  | { readonly kind: 'ended'; readonly ended?: EndedRollout };

type Unsettled = Exclude<Settled, { kind: 'done' }>;

/** What is waited for. */
export interface Wait {
  readonly command: ProgressView['command'];
  /** The keys (`keyOf`) of the processes that must settle. */
  readonly pending: Iterable<string>;
  /** The longest that the wait may take; without it, it has no end. */
  readonly limit: Duration | undefined;
  readonly watched: Watched;
  /** Looks, acts on what it sees, and says how far things are. */
  readonly look: (observation: Observation) => Promise<Look>;
}

/** What came of one look. */
export interface Look {
  /** Those that need no more waiting. */
  readonly settled: readonly string[];
  /** Those that need none as things are. */
  readonly waived?: readonly string[];
  /** The progress of all of them, for people. */
  readonly items: readonly Progress[];
  /** When to look again at the latest. */
  readonly again?: Duration;
  /** There is nothing left to wait for, for this reason. */
  readonly givenUp?: GivenUp;
}

/**
 * Changes of files are seen through inotify. This often those instances are looked at of which something may happen without
 * any: deaths whose shim was killed, workers that become ready.
 */
const tickMs = 250;

/** This often all are looked at: nothing reports what they work on. */
const wholeMs = 1_000;

/** The share of a core that either may cost: one part in this many. */
const restPerLook = 20;

/** What passes and shims write for themselves, such as their locks, is no news; nor are logs and the journal. */
const isNews = (file: string): boolean =>
  !/\.(?:lock|shim|pid|new|(?:log|ndjson)(?:\.\d+)?)$/.test(file);

/** Waits until every instance is settled, looking as soon as files change. Holds no lock. */
export async function settle(context: Context, wait: Wait): Promise<Settled> {
  const pending = new Set(wait.pending);
  const asked = { count: pending.size, ...(wait.limit !== undefined && { limit: wait.limit }) };
  const unsettledBy = (kind: Unsettled['kind']): Unsettled => ({
    kind,
    wait: asked,
    ...remaining(context, pending, wait.watched),
  });
  const begun = monotonicMs();
  const deadline = wait.limit === undefined ? Infinity : begun + wait.limit;
  const watch = watchDirectory(context.config.stateDir, isNews);
  wait.watched.follow(watch.coming);
  context.attending?.add([...pending].filter((key) => !isKeyOfRetiring(key)));
  const { progress } = context;
  let nextShow = begun + progress.first;
  let changed: ReadonlySet<string> | undefined;
  let whole = { at: begun, every: wholeMs };
  try {
    for (;;) {
      const lookBegun = monotonicMs();
      const observation = await wait.watched.look(changed);
      const lookMs = monotonicMs() - lookBegun;
      if (changed === undefined)
        whole = { at: lookBegun, every: Math.max(wholeMs, lookMs * restPerLook) };
      const look = await wait.look(observation);
      for (const name of look.settled) pending.delete(name);
      context.attending?.done(look.settled);
      const { givenUp } = look;
      if (givenUp?.kind === 'ended') return { ...unsettledBy(givenUp.kind), ...givenUp };
      const waived = new Set(look.waived);
      if ([...pending].every((name) => waived.has(name))) return { kind: 'done' };
      const time = monotonicMs();
      if (context.signal.aborted) return unsettledBy('interrupted');
      if (givenUp !== undefined) return unsettledBy(givenUp.kind);
      if (time >= deadline) return unsettledBy('timed_out');
      if (time >= nextShow - tickMs / 2) {
        const { command } = wait;
        progress.show({
          command,
          at: now(),
          elapsed: durationOf(time - begun),
          items: look.items,
        });
        nextShow = time + progress.every;
      }
      // At this pace all are looked at, however often files of others change.
      const nextWhole = Math.min(
        Math.max(time, whole.at + whole.every),
        time + Math.max(1, lookMs, look.again ?? Infinity),
      );
      const tick = Math.max(tickMs, lookMs * restPerLook);
      const names = await watch.changes(
        Math.min(nextWhole, deadline, time + tick) - time,
        context.signal,
      );
      const woken = monotonicMs() + 1; // a timer may be early by that
      const isDue = woken >= Math.min(nextWhole, deadline) || context.signal.aborted;
      changed = isDue || !watch.isWatched() ? undefined : names;
    }
  } finally {
    watch.close();
  }
}

/** What the wait still was for, as of the last look. */
function remaining(
  context: Context,
  pending: ReadonlySet<string>,
  watched: Watched,
): Pick<Unsettled, 'draining' | 'pending'> {
  const { observation, ...state } = watched.last();
  const snapshot = snapshotOf(context.config, state, observation);
  const seen = allObserved(observation).filter((one) => pending.has(keyOfObserved(one)));
  return {
    draining: seen.flatMap((one) => drainingOf(one, snapshot)),
    pending: seen.map(refOf),
  };
}

/** Whether, and how, an instance drains. */
export function drainingOf(observed: ObservedInstance, snapshot: Snapshot): Draining[] {
  const { presence, activity } = observed;
  const stop = drainingSince(observed);
  if (presence.kind !== 'alive' || stop === undefined) return [];
  const deadline = deadlineOf(observed, snapshot);
  return [
    {
      ...refOf(observed),
      pid: presence.process.pid,
      since: elapsed(stop.at, snapshot.now),
      ...(deadline !== undefined && {
        limit: durationOf(Math.max(0, deadline - snapshot.sinceBoot)),
      }),
      ...(activity && { activity }),
      cause: stop.cause,
    },
  ];
}

/** Whether this means only that another pass was at work: there will be another look. */
export const isLocked = (error: unknown): boolean =>
  error instanceof WorkerctlError && error.code === 'locked';
