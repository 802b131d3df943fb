import { elapsed, formatDuration, type Moment } from '../core/basics/time.ts';

const two = (n: number): string => String(n).padStart(2, '0');

/** A moment as the host's time of day, wherever the browser is. */
export function clockOf(at: Moment, offset: number, withSeconds = true): string {
  const local = new Date(at + offset * 60_000);
  const minutes = `${two(local.getUTCHours())}:${two(local.getUTCMinutes())}`;
  return withSeconds ? `${minutes}:${two(local.getUTCSeconds())}` : minutes;
}

/** The same, with its day if that is not today. */
export function momentIn(at: Moment, now: Moment, offset: number): string {
  const dayOf = (moment: Moment): string =>
    new Date(moment + offset * 60_000).toISOString().slice(0, 10);
  const clock = clockOf(at, offset);
  return dayOf(at) === dayOf(now) ? clock : `${dayOf(at)} ${clock}`;
}

export const since = (at: Moment, now: Moment): string => formatDuration(elapsed(at, now));

export const percent = (part: number): string => `${Math.round(part * 100)}%`;

/** `1 job`, `2 jobs`. */
export const counted = (count: number, what: string): string =>
  `${count} ${what}${count === 1 ? '' : 's'}`;
