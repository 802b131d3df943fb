import type { Duration, Moment } from '../basics/time.ts';
import { codeOf, type Code } from '../model/code.ts';
import type { Worker } from '../model/config.ts';
import { isHeld, isReplaced, isStopped, type Rollout } from '../model/desired.ts';
import { instanceNames } from '../model/instance.ts';
import type { ObservedInstance } from '../model/observation.ts';
import { renewalOf, type IsOld, type Renewal } from './lifecycle.ts';
import type { Snapshot } from './snapshot.ts';

/** How far an instance is in the rollout that it is in. */
export type Member =
  /** It was not looked at. */
  | { readonly kind: 'unseen' }
  /** It was stopped or held, or is not configured any more: the rollout continues without it. */
  | { readonly kind: 'excluded' }
  /** It runs the old code and was not asked to exit. */
  | { readonly kind: 'pending'; readonly observed: ObservedInstance }
  /** Its process was asked and has not exited yet. */
  | { readonly kind: 'draining'; readonly since: Moment }
  /** Its old process is gone, and nothing runs in its place. */
  | { readonly kind: 'empty' }
  | { readonly kind: 'starting'; readonly changesIn: Duration }
  /** Its new process is ready, or was until it died by itself; `code` is what it runs. */
  | { readonly kind: 'replaced'; readonly code: Code }
  /** Its new process died before it was ready, or did not become ready in time. */
  | { readonly kind: 'failed'; readonly problem: string };

/** One worker's instances in a rollout. */
export interface Group {
  readonly worker: Worker;
  readonly members: ReadonlyMap<string, Member>;
}

/** How far each instance of a rollout is. */
export const membersOf = (rollout: Rollout, snapshot: Snapshot): Map<string, Member> =>
  new Map(groupsOf(rollout, snapshot).flatMap(({ members }) => [...members]));

/** The same by worker. */
export function groupsOf(rollout: Rollout, snapshot: Snapshot): Group[] {
  const { config, desired, now } = snapshot;
  return config.workers.flatMap((worker) => {
    const names = instanceNames(worker).filter((name) => Object.hasOwn(rollout.replaces, name));
    if (names.length === 0) return [];
    const members = names.map((name): [string, Member] => {
      const isExcluded = isStopped(desired, name) || isHeld(desired, name, now);
      return [name, isExcluded ? { kind: 'excluded' } : memberOf(rollout, name, worker, snapshot)];
    });
    return [{ worker, members: new Map(members) }];
  });
}

function memberOf(rollout: Rollout, name: string, worker: Worker, snapshot: Snapshot): Member {
  const observed = snapshot.instance(name);
  if (observed === undefined) return { kind: 'unseen' };
  const replaced = rollout.replaces[name] ?? null;
  const isOld: IsOld = (process, record) =>
    replaced !== null && isReplaced(replaced, process, record);
  return asMember(renewalOf(observed, isOld, worker.ready, snapshot.observation), observed);
}

function asMember(renewal: Renewal, observed: ObservedInstance): Member {
  switch (renewal.state) {
    case 'pending':
      return { kind: 'pending', observed };
    case 'draining':
      return { kind: 'draining', since: renewal.stop.at };
    case 'empty':
      return { kind: 'empty' };
    case 'starting':
      return { kind: 'starting', changesIn: renewal.changesIn };
    case 'ready':
      return { kind: 'replaced', code: codeOf(renewal.record) };
    case 'late':
      return { kind: 'failed', problem: renewal.problem };
    case 'died':
      return renewal.wasReady
        ? { kind: 'replaced', code: codeOf(renewal.record) }
        : { kind: 'failed', problem: renewal.problem };
  }
}
