import { durationOf, type Duration } from '../basics/time.ts';

const first = 5_000;
const longest = 15 * 60_000;

/** How long after this number of failures in a row a delivery is tried again: 5 s, then twice as long each time, at most 15 min. */
export const retryPause = (failures: number): Duration =>
  durationOf(Math.min(first * 2 ** (failures - 1), longest));
