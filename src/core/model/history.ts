import type { Duration, Moment } from '../basics/time.ts';

/** How often the process of an instance was replaced, by the hour: the day that ends with `hour`. */
export interface RestartCounts {
  /** The latest hour in which that happened, counted since 1970. */
  readonly hour: number;
  /** In that hour, the one before it and so on, without zeros at the end; at most 24. */
  readonly restarts: readonly number[];
  /** Of these, how many had ended without being asked. */
  readonly unexpected: readonly number[];
}

/** How long the latest drains of a worker took, the last one first; at most `keptTimes` of each kind. */
export interface DrainTimes {
  /** From the request to the exit. */
  readonly drains: readonly Duration[];
  /** The jobs that were in progress at the request, from their beginning to the exit. */
  readonly jobs: readonly Duration[];
}

/** How many of the latest times of a worker are remembered. */
export const keptTimes = 20;

/** How many instances were wanted and ready in a part of the day. */
export interface DayCounts {
  /** The beginning of the part. */
  readonly at: Moment;
  /** The most that were wanted in it. */
  readonly wanted: number;
  /** The fewest that were ready in it, those included that are quiet or done on purpose. */
  readonly ready: number;
}
