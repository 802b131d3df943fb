import { testable } from '../../host/files/fault-point.ts';

/** Look after this long even if no file has changed: a killed shim leaves no trace. */
export const fallbackMs = testable('FALLBACK_MS', 60_000);

/** The least between the beginnings of two looks, so that a flood of bytes causes at most 25 a second. */
export const gapMs = 40;

/** Looks that bytes cause may take one part in this many of a core. */
export const restPerLook = 10;

/** How often signs of life are checked. */
export const tickMs = 1_000;

/** How often to look if the kernel cannot watch the files. */
export const unwatchedMs = 1_000;

/** The next look after a pass in which an instance could not be asked. */
export const failedMs = 10_000;

/** The next look after another command held the pass lock. */
export const retryMs = 200;
