import type { Desired } from './desired.ts';
import type { Observation } from './observation.ts';
import type { Plan } from './plan.ts';

/** What a pass saw and decided. */
export interface PassOutcome {
  /** What was wanted before its goal was stated. */
  readonly before: Desired;
  readonly desired: Desired;
  readonly observation: Observation;
  readonly plan: Plan;
}
