import type { Duration } from '../basics/time.ts';
import type { Worker } from '../model/config.ts';
import { appliesTo, cutWords, keyOf } from './condition.ts';
import type { Occasion, Trap } from './preset.ts';
import { presetOf } from './table.ts';

/** A trap that applies to a worker, in a sentence. */
export interface ToldTrap {
  readonly says: string;
  /** The key of the worker that decides about it: `stop.quiet`. */
  readonly key: string;
  /** Whether it is there whatever the config says: then it is a fact to know, not something to change. */
  readonly isGiven: boolean;
}

/** The traps of the worker's preset that apply to it. `longest` is how long its longest running job has taken. */
export function trapsOf(worker: Worker, occasion: Occasion, longest?: Duration): ToldTrap[] {
  const traps: readonly Trap[] = presetOf(worker)?.traps ?? [];
  return traps
    .filter(
      ({ at, if: condition }) => at.includes(occasion) && appliesTo(worker, condition, longest),
    )
    .map(({ says, if: condition, isNote }) => ({
      says:
        condition.kind === 'cuts_jobs' ? says.replace('VALUE', cutWords(worker, condition)) : says,
      key: keyOf(condition),
      isGiven: condition.kind === 'always' || isNote === true,
    }));
}
