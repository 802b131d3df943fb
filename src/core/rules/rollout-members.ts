import type { Duration, Moment } from '../basics/time.ts';
import { codeOf, type Code } from '../model/code.ts';
import type { Worker } from '../model/config.ts';
import { isHeld, isReplaced, isStopped, type Rollout } from '../model/desired.ts';
import { instanceNames } from '../model/instance.ts';
import type { ObservedInstance } from '../model/observation.ts';
import { isSameProcess } from '../model/process.ts';
import { workerNameOf } from '../model/targets.ts';
import { renewalOf, type IsOld, type Renewal } from './lifecycle.ts';
import type { Snapshot } from './snapshot.ts';

/** How far an instance is in the rollout that it is in. */
export type Member =
  /** It was not looked at, or the config has no such worker any more: the rollout is not over. */
  | { readonly kind: 'unseen' }
  /** It was stopped on purpose or is surplus: the rollout continues without it. */
  | { readonly kind: 'excluded' }
  /** It is held, so that it is neither asked nor started; the rollout goes on with it when the hold ends. */
  | { readonly kind: 'held' }
  /** It runs the old code and was not asked to exit. */
  | { readonly kind: 'pending'; readonly observed: ObservedInstance }
  /** Its process was asked and has not exited yet. `wasAsked`: it was draining when the rollout began. */
  | { readonly kind: 'draining'; readonly since: Moment; readonly wasAsked: boolean }
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

/** How far each instance of a rollout is, in the order of the config. */
export function membersOf(rollout: Rollout, snapshot: Snapshot): Map<string, Member> {
  const members = new Map(groupsOf(rollout, snapshot).flatMap(({ members }) => [...members]));
  for (const name of Object.keys(rollout.replaces))
    if (!members.has(name)) members.set(name, { kind: 'unseen' });
  return members;
}

/** The same for each worker that the config has. */
export function groupsOf(rollout: Rollout, snapshot: Snapshot): Group[] {
  const { config, desired, now } = snapshot;
  const named = Object.keys(rollout.replaces);
  return config.workers.flatMap((worker) => {
    const own = new Set(named.filter((name) => workerNameOf(name) === worker.name));
    if (own.size === 0) return [];
    const wanted = instanceNames(worker).filter((name) => own.delete(name));
    const surplus = [...own].map((name): [string, Member] => [name, { kind: 'excluded' }]);
    const members = wanted.map((name): [string, Member] => {
      if (isStopped(desired, name)) return [name, { kind: 'excluded' }];
      const member = memberOf(rollout, name, worker, snapshot);
      const isWaiting = isHeld(desired, name, now) && canWait[member.kind];
      return [name, isWaiting ? { kind: 'held' } : member];
    });
    return [{ worker, members: new Map([...members, ...surplus]) }];
  });
}

/** Whether a member that is held has something left to wait for. */
const canWait: Readonly<Record<Member['kind'], boolean>> = {
  unseen: false,
  excluded: false,
  held: true,
  pending: true,
  draining: true,
  empty: true,
  starting: true,
  replaced: false,
  failed: true,
};

function memberOf(rollout: Rollout, name: string, worker: Worker, snapshot: Snapshot): Member {
  const observed = snapshot.instance(name);
  if (observed === undefined) return { kind: 'unseen' };
  const replaced = rollout.replaces[name] ?? null;
  const isOld: IsOld = (process, record) =>
    replaced !== null && isReplaced(replaced, process, record);
  const renewal = renewalOf(observed, isOld, worker, snapshot);
  if (renewal.state !== 'draining') return asMember(renewal, observed);
  const wasAsked = replaced?.wasAsked === true && isSameProcess(replaced, renewal.process);
  return { kind: 'draining', since: renewal.stop.at, wasAsked };
}

function asMember(
  renewal: Exclude<Renewal, { state: 'draining' }>,
  observed: ObservedInstance,
): Member {
  switch (renewal.state) {
    case 'pending':
      return { kind: 'pending', observed };
    case 'empty':
      return { kind: 'empty' };
    case 'starting':
      return { kind: 'starting', changesIn: renewal.changesIn };
    case 'ready':
      return { kind: 'replaced', code: codeOf(renewal.record) };
    case 'done':
      return { kind: 'replaced', code: renewal.code };
    case 'late':
      return { kind: 'failed', problem: renewal.problem };
    case 'died':
      return renewal.wasReady
        ? { kind: 'replaced', code: codeOf(renewal.record) }
        : { kind: 'failed', problem: renewal.problem };
  }
}
