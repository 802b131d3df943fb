import type { Draining } from '../core/event.ts';
import type { Observation, ObservedInstance } from '../core/observation.ts';
import { durationOf, elapsed, type Duration } from '../core/time.ts';
import { WorkerctlError } from '../core/error.ts';
import { monotonicMs } from '../os/clock.ts';
import { watchDirectory } from '../os/watch-directory.ts';
import type { Context } from './context.ts';
import { observeReported } from './observe.ts';

/** How a wait came to its end; `draining` are those that it was still waiting for. */
export type Settled =
  | { readonly kind: 'reached' }
  | {
      readonly kind: 'timed_out' | 'interrupted';
      readonly draining: readonly Draining[];
      /** All that it was waiting for, also those that were not ready yet. */
      readonly pending: readonly string[];
    };

/** What is waited for. */
export interface Wait {
  readonly instances: Iterable<string>;
  /** The longest that the wait may take; without it, it has no end. */
  readonly limit: Duration | undefined;
  /**
   * Is shown some of the instances that are waited for, and acts on what it sees.
   * @returns those that need no more waiting, and when at the latest to look at the others again
   */
  readonly look: (observation: Observation) => Promise<Look>;
}

/** What came of one look. */
export interface Look {
  readonly settled: readonly string[];
  readonly again?: Duration;
}

/** Deaths are seen through inotify; those whose shim was killed only when they are looked for. */
const pollMs = 250;

/** The share of a core that looking for silent deaths may cost: one part in this many. */
const restPerLook = 20;

/** When a waiting command first says who it waits for, and how often then. */
const firstSignMs = 2_000;
const signOfLifeMs = 30_000;

/** Waits until every instance is settled, looking at each as soon as its files change. Holds no lock. */
export async function settle(context: Context, wait: Wait): Promise<Settled> {
  const { stateDir } = context.config;
  const pending = new Set(wait.instances);
  const begun = monotonicMs();
  const deadline = wait.limit === undefined ? Infinity : begun + wait.limit;
  const watch = watchDirectory(stateDir);
  let nextSign = begun + firstSignMs;
  let changed: Iterable<string> = [...pending];
  try {
    for (;;) {
      const lookBegun = monotonicMs();
      const { settled, again = durationOf(pollMs) } = await lookAt(context, wait, changed);
      for (const name of settled) pending.delete(name);
      if (pending.size === 0) return { kind: 'reached' };
      if (context.signal.aborted) return await unsettled(context, 'interrupted', pending);
      const time = monotonicMs();
      if (time >= deadline) return await unsettled(context, 'timed_out', pending);
      if (time >= nextSign) {
        context.reportWaiting(await drainingAmong(context, pending));
        nextSign = time + signOfLifeMs;
      }
      const poll = Math.max(pollMs, (time - lookBegun) * restPerLook);
      const names = await watch.changes(
        Math.min(poll, again, deadline - time, nextSign - time),
        context.signal,
      );
      changed = names.size === 0 ? [...pending] : instancesIn(names, pending);
    }
  } finally {
    watch.close();
  }
}

async function unsettled(
  context: Context,
  kind: 'timed_out' | 'interrupted',
  pending: ReadonlySet<string>,
): Promise<Settled> {
  return { kind, draining: await drainingAmong(context, pending), pending: [...pending] };
}

async function lookAt(context: Context, wait: Wait, names: Iterable<string>): Promise<Look> {
  const looked = [...names];
  if (looked.length === 0) return { settled: [] };
  return wait.look(await observeReported(context, looked));
}

/** The pending instances whose record, exit report or other file is among these. */
function instancesIn(files: Iterable<string>, pending: ReadonlySet<string>): Set<string> {
  const instances = new Set<string>();
  for (const file of files) {
    const name = file.split('.').slice(0, 2).join('.');
    if (pending.has(name)) instances.add(name);
  }
  return instances;
}

/** Who among these was asked to finish and is still there. */
export async function drainingAmong(
  context: Context,
  names: Iterable<string>,
): Promise<Draining[]> {
  const observation = await observeReported(context, [...names]);
  return [...observation.instances.values()].flatMap((observed) =>
    drainingOf(observed, observation),
  );
}

function drainingOf({ name, presence }: ObservedInstance, { now }: Observation): Draining[] {
  if (presence.kind !== 'alive' || presence.stop?.sent !== true) return [];
  const { process, stop } = presence;
  return [{ instance: name, pid: process.pid, since: elapsed(stop.at, now), cause: stop.cause }];
}

/** Whether this means only that another pass was at work: there will be another look. */
export const isLocked = (error: unknown): boolean =>
  error instanceof WorkerctlError && error.code === 'locked';
