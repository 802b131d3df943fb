import type { ShimOfStray } from './observation.ts';
import type { LiveProcess, ProcessIdentity } from './process.ts';
import type { StopSignal } from './worker.ts';

/** One thing to do, with its cause in words. */
export type Action =
  /** Claim a process that no record claims. */
  | {
      readonly kind: 'adopt';
      readonly instance: string;
      readonly process: LiveProcess;
      readonly shim?: ShimOfStray;
      readonly cause: string;
    }
  /** Write the pidfile anew. */
  | {
      readonly kind: 'repair';
      readonly instance: string;
      readonly pid: number;
      readonly cause: string;
    }
  /** Remove a pidfile whose process is dead. */
  | { readonly kind: 'forget'; readonly instance: string; readonly cause: string }
  /** Ask a process to finish its job and leave. */
  | {
      readonly kind: 'stop';
      readonly instance: string;
      readonly process: ProcessIdentity;
      readonly signal: StopSignal;
      readonly cause: string;
    }
  | { readonly kind: 'start'; readonly instance: string; readonly cause: string };

/** What one pass does, in this order. */
export type Plan = readonly Action[];

/** A plan as stable text, a line for each action: `start mail.1: pid 5843 died: exit status 1`. */
export const formatPlan = (plan: Plan): string =>
  plan.map((action) => `${formatAction(action)}\n`).join('');

/** One action as a line, without a newline. */
export function formatAction(action: Action): string {
  const { instance, cause } = action;
  switch (action.kind) {
    case 'adopt':
      return `adopt ${instance} pid ${action.process.pid}: ${cause}`;
    case 'repair':
      return `repair the pidfile of ${instance} pid ${action.pid}: ${cause}`;
    case 'forget':
      return `remove the pidfile of ${instance}: ${cause}`;
    case 'stop':
      return `ask ${instance} pid ${action.process.pid} to finish (${action.signal}): ${cause}`;
    case 'start':
      return `start ${instance}: ${cause}`;
  }
}
