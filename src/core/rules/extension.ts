import { durationOf, type Duration } from '../basics/time.ts';
import type { Extension } from '../model/observation.ts';

/**
 * The end of a time limit, counted from the boot of the host, for a process that may have extended its limits: never
 * before `end`, and never more than its worker's `max_extension` after it.
 * Source: EXTEND_TIMEOUT_USEC in sd_notify(3), where a limit that is not over yet is not shortened either.
 */
export const extended = (end: Duration, extension: Extension | undefined): Duration =>
  extension === undefined
    ? end
    : durationOf(Math.max(end, Math.min(extension.until, end + extension.most)));
