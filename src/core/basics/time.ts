declare const moment: unique symbol;
declare const duration: unique symbol;

/** A point in time: milliseconds since 1970, by the wall clock. */
export type Moment = number & { readonly [moment]: true };

/** A length of time in milliseconds. */
export type Duration = number & { readonly [duration]: true };

export const momentOf = (ms: number): Moment => ms as Moment;

export const durationOf = (ms: number): Duration => ms as Duration;

/** The time from `earlier` to `later`; 0 if the clock was set back in between. */
export const elapsed = (earlier: Moment, later: Moment): Duration =>
  durationOf(Math.max(0, later - earlier));

const unitsInMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** One number with its unit, or several from the largest unit down: `1.5h`, `1h30m`. */
export const durationPattern =
  /^(?:\d{1,9}(?:\.\d{1,3})?(?:ms|s|m|h|d)|(?=\d)(?:\d{1,9}d)?(?:\d{1,9}h)?(?:\d{1,9}m)?(?:\d{1,9}s)?(?:\d{1,9}ms)?)$/;

/** The length that a text such as `90s`, `1h30m`, `1.5m`, `2d` or `250ms` names; undefined if it names none. */
export function parseDuration(text: string): Duration | undefined {
  if (!durationPattern.test(text)) return undefined;
  const parts = [...text.matchAll(/([\d.]+)([a-z]+)/g)];
  const ms = parts.map(
    ([, number, unit]) => Number(number) * unitsInMs[unit as keyof typeof unitsInMs],
  );
  return durationOf(Math.round(ms.reduce((sum, each) => sum + each, 0)));
}

/** A length for people to read: `0.4s`, `12s`, `2m 10s`, `3h 5m`, `2d 4h`. */
export function formatDuration(length: Duration): string {
  if (length < 9_950) return `${(length / 1000).toFixed(1).replace(/\.0$/, '')}s`;
  const { s, m, h, d } = unitsInMs;
  if (length < m) return `${Math.floor(length / s)}s`;
  if (length < h) return inTwoUnits(length, m, 'm', s, 's');
  return length < d ? inTwoUnits(length, h, 'h', m, 'm') : inTwoUnits(length, d, 'd', h, 'h');
}

function inTwoUnits(length: number, big: number, name: string, small: number, smallName: string) {
  const rest = Math.floor((length % big) / small);
  return `${Math.floor(length / big)}${name}${rest === 0 ? '' : ` ${rest}${smallName}`}`;
}

const two = (n: number): string => String(n).padStart(2, '0');

/** A moment as the local time of day, `12:03:04`. */
export function formatTimeOfDay(at: Moment): string {
  const date = new Date(at);
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** A moment as local time, `12:03:04`, with its day if that is not the day of `now`: `2026-11-20 12:03:04`. */
export function formatDayAndTime(at: Moment, now: Moment): string {
  const day = dayOf(at);
  return day === dayOf(now) ? formatTimeOfDay(at) : `${day} ${formatTimeOfDay(at)}`;
}

/** A moment as local time to the millisecond: `2026-11-20 12:03:04.120`. */
export const formatStamp = (at: Moment): string =>
  `${dayOf(at)} ${formatTimeOfDay(at)}.${String(new Date(at).getMilliseconds()).padStart(3, '0')}`;

function dayOf(at: Moment): string {
  const date = new Date(at);
  return `${String(date.getFullYear())}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}
