import { WorkerctlError } from '../core/basics/error.ts';
import { momentOf, parseDuration, type Moment } from '../core/basics/time.ts';
import { now } from '../host/process/clock.ts';
import { expecting, value } from './options.ts';

/** `1h` ago, or a local date, with or without a time: `2026-11-21`, `2026-11-21 12:30`, `2026-11-21T12:30:01Z`. */
export const pastMoment = expecting(
  'a duration like 90s, 15m or 2h, or a time like 2026-11-21 12:30',
  (text): Moment | undefined => {
    const length = parseDuration(text);
    if (length !== undefined) return momentOf(now() - length);
    const match =
      /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)(Z|[+-]\d\d:\d\d)?)?$/.exec(
        text,
      );
    const [, day = '', time = '00:00', zone = ''] = match ?? [];
    const at = Date.parse(`${day}T${time}${zone}`);
    return Number.isNaN(at) || !isDay(day) ? undefined : momentOf(at);
  },
);

/** Date.parse takes the 30th of February for the 2nd of March. */
const isDay = (day: string): boolean => new Date(`${day}T00:00Z`).toISOString().startsWith(day);

/** `--since` and `--until` of commands that show what has happened. */
export const timeRange = {
  since: value(
    'TIME',
    'show nothing older than this: 1h, 2d, 2026-11-21, "2026-11-21 12:30"',
    pastMoment,
  ),
  until: value('TIME', 'show nothing later than this', pastMoment),
};

/**
 * What is followed has no end that is known beforehand.
 * @throws WorkerctlError `usage`
 */
export function refuseEndlessUntil(given: { follow?: boolean | undefined; until?: unknown }): void {
  if (given.follow === true && given.until !== undefined)
    throw new WorkerctlError('usage', 'expected --follow or --until, found both');
}
