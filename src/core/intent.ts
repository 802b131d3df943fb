import { isSameProcess, type ProcessIdentity } from './process.ts';
import type { Moment } from './time.ts';

/** A deliberate stop: the instance stays down until it is started again. */
export interface Stopped {
  readonly at: Moment;
  /** Who asked: `deploy@web1`. */
  readonly by: string;
}

/**
 * A restart that goes on until none of these processes is left. It names the very processes that it replaces, and not
 * a moment ("started before 12:03"): a clock that is set back would leave old code running.
 */
export interface Rollout {
  readonly at: Moment;
  readonly by: string;
  readonly replaces: Readonly<Record<string, ProcessIdentity>>;
}

/** What people want beyond the config. All that must outlive a command. */
export interface Intent {
  readonly stopped: Readonly<Record<string, Stopped>>;
  readonly rollout?: Rollout;
}

/** Nothing wanted beyond the config. */
export const noIntent: Intent = { stopped: {} };

/** Whether this process is to be replaced by the rollout under way. */
export function isOutdated(intent: Intent, instance: string, process: ProcessIdentity): boolean {
  const replaced = intent.rollout?.replaces[instance];
  return replaced !== undefined && isSameProcess(replaced, process);
}

/** Whether the instance was stopped on purpose. */
export const isStopped = (intent: Intent, instance: string): boolean =>
  Object.hasOwn(intent.stopped, instance);
