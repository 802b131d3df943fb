import type { State } from './ledger.ts';
import type { Observation } from './observation.ts';
import type { Plan } from './plan.ts';

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
}
