import { isReplaced } from '../../core/model/desired.ts';
import type { Duration } from '../../core/basics/time.ts';
import type { Config } from '../../core/model/config.ts';
import type { Observation, ObservedInstance } from '../../core/model/observation.ts';
import { snapshotOf } from '../../core/rules/snapshot.ts';
import { renewalOf, type IsOld, type Renewal } from '../../core/rules/lifecycle.ts';
import { workerOf, type Context } from '../session.ts';
import type { Watched } from './view.ts';

/** Which instances should come up, and what they replace. */
export interface BringUp {
  readonly command: 'start' | 'restart';
  readonly instances: readonly string[];
  /** The process of each that the command replaces, or that was dead before: its end is no failure of the new one. */
  readonly predecessors: ReadonlyMap<string, IsOld>;
  /** Those that have failed already. */
  readonly failed: ReadonlySet<string>;
  /** Those whose command starts a program that forks away. */
  readonly launching: ReadonlySet<string>;
  readonly limit: Duration | undefined;
  /** The restart that is waited for: it may be aborted, or taken over by a later one. */
  readonly rolloutId?: string;
  /** Which version of the config's file the command has read (`configKeyOf`). */
  readonly configKey?: string;
  /** Whether it is known already that the restart was aborted. */
  readonly isAborted?: boolean;
  /** Those that are known to be ready: this is not reported again. */
  readonly ready?: ReadonlySet<string>;
  /** Called at each look, before anything is done; it may abort the context's signal. */
  readonly onLook?: () => void | Promise<void>;
}

/** What is remembered from look to look. */
export interface Up {
  readonly request: BringUp;
  /** Notes what fails before the caller hears of it. */
  readonly context: Context;
  readonly watched: Watched;
  readonly failed: Set<string>;
  readonly launching: Set<string>;
  /** Those whose old process has exited. */
  readonly exited: Set<string>;
  /** Those that a later restart replaces. */
  readonly takenOver: Set<string>;
  readonly ready: Set<string>;
  isAborted: boolean;
  /** The config that its passes follow: the one in the file, also if that has changed since the command began. */
  readonly current: { config: Config };
  /** Which version of the config's file was looked at last. */
  configKey: string;
}

/** An instance as one look has found it. */
export interface Placed {
  readonly observed: ObservedInstance;
  readonly renewal: Renewal;
}

const none: IsOld = () => false;

/** How far each instance is. */
export function placesOf({ context, request, watched }: Up, observation: Observation): Placed[] {
  const snapshot = snapshotOf(context.config, watched.last(), observation);
  const rollout = snapshot.desired.rollouts.find(({ id }) => id === request.rolloutId);
  return [...observation.instances.values()].map((observed) => {
    const { name } = observed;
    // The restart also replaces an adopted process, though that was not there when it began.
    const old = rollout?.replaces[name];
    const isOld: IsOld = old
      ? (process, record) => isReplaced(old, process, record)
      : (request.predecessors.get(name) ?? none);
    const worker = workerOf(context.config, name);
    return { observed, renewal: renewalOf(observed, isOld, worker, snapshot) };
  });
}
