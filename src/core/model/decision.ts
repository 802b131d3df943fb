import type { ProcessRef } from './instance.ts';
import type { State } from './ledger.ts';
import type { Observation } from './observation.ts';
import type { Plan } from './plan.ts';
import type { ProcessIdentity } from './process.ts';

/** A living process that gets no signal, because only its record says that it is the instance's, and why, in words. */
export type Refusal = ProcessRef & {
  readonly process: ProcessIdentity;
  readonly problem: string;
  /** It is the instance's, but may have been asked to exit already. */
  readonly isUnclear?: boolean;
};

/** What a pass saw and decided: `desired` and `ledger` are as its goal and this look have changed them. */
export interface PassOutcome extends State {
  readonly before: State & {
    /** Why the ledger could not be read and had to start anew, in words. */
    readonly problem?: string;
    /** Why the desired state was read from its second copy, in words. */
    readonly desiredProblem?: string;
  };
  readonly observation: Observation;
  readonly plan: Plan;
  /** What the plan would have signalled, and does not. */
  readonly refusals?: readonly Refusal[];
}
