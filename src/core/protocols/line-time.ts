import { momentOf, type Moment } from '../basics/time.ts';

/** The time of a line is in its first characters. */
const searched = 80;

/**
 * The time in the first 80 characters of a line: RFC 3339 and its neighbours (Sidekiq, Celery, Go, nginx, the loggers of
 * Ruby and Python), `15/Jan/2026:12:00:00 +0000` and `15 Jan 2026 12:00:00` (Apache, PHP, Redis), `Jan 15 12:00:00` (syslog,
 * without a year the latest such day), and the TAI64N of svlogd and multilog. Without a zone it is local time.
 */
export function timeIn(line: string, now: Moment): Moment | undefined {
  const begin = line.slice(0, searched);
  if (begin.startsWith('@')) return taiIn(begin);
  return isoIn(begin) ?? dayFirstIn(begin) ?? monthFirstIn(begin, now);
}

/** A time that a member of JSON or logfmt holds: a text, or a number since 1970 in seconds, ms, µs or ns. */
export function timeOfValue(value: unknown, now: Moment): Moment | undefined {
  if (typeof value === 'string')
    return /^\d{9,19}(?:\.\d+)?$/.test(value) ? sinceEpoch(Number(value)) : timeIn(value, now);
  return typeof value === 'number' ? sinceEpoch(value) : undefined;
}

/** Its size shows its unit: these are the years 1973 to 5138 in each of them. */
function sinceEpoch(value: number): Moment | undefined {
  if (value < 1e8 || value >= 1e20) return undefined;
  if (value < 1e11) return momentOf(Math.round(value * 1e3));
  const perMs = value < 1e14 ? 1 : value < 1e17 ? 1e3 : 1e6;
  return momentOf(Math.round(value / perMs));
}

const clock = '(\\d\\d):(\\d\\d):(\\d\\d)(?:[.,](\\d{1,9}))?';
const zone = '(?: ?(Z\\b|UTC|GMT|[+-]\\d\\d:?\\d\\d))?';
const monthNames = 'Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec';

const isoForm = new RegExp(`(\\d{4})[-/](\\d\\d)[-/](\\d\\d)([T _])${clock}${zone}`);
const dayFirst = new RegExp(`\\b(\\d{1,2})[ /-](${monthNames})[ /-](\\d{4})[ :]${clock}${zone}`);
const monthFirst = new RegExp(`\\b(${monthNames}) +(\\d{1,2}) ${clock}(?: (\\d{4}))?`);

function isoIn(begin: string): Moment | undefined {
  const match = isoForm.exec(begin);
  if (match === null) return undefined;
  const [, year = '', month = '', day = '', between, ...rest] = match;
  // svlogd -tt writes UTC with an underscore, and no zone.
  return momentFrom([year, month, day], rest, between === '_' ? 'Z' : undefined);
}

function dayFirstIn(begin: string): Moment | undefined {
  const match = dayFirst.exec(begin);
  if (match === null) return undefined;
  const [, day = '', month = '', year = '', ...rest] = match;
  return momentFrom([year, numberOf(month), day], rest);
}

function monthFirstIn(begin: string, now: Moment): Moment | undefined {
  const match = monthFirst.exec(begin);
  if (match === null) return undefined;
  const [, month = '', day = '', hour, minute, second, fraction, year] = match;
  const time = [hour, minute, second, fraction];
  const at = (inYear: number): Moment | undefined =>
    momentFrom([String(inYear), numberOf(month), day], time);
  if (year !== undefined) return at(Number(year));
  const thisYear = new Date(now).getFullYear();
  const found = at(thisYear);
  return found !== undefined && found > now + dayMs ? at(thisYear - 1) : found;
}

const dayMs = 24 * 3_600_000;

const numberOf = (month: string): string =>
  String(monthNames.split('|').indexOf(month) + 1).padStart(2, '0');

function momentFrom(
  [year, month, day]: readonly [string, string, string],
  [hour, minute, second, fraction = '', offset]: readonly (string | undefined)[],
  usual?: string,
): Moment | undefined {
  const date = `${year}-${month}-${day.padStart(2, '0')}`;
  const time = [hour, minute, second].map(String).join(':');
  const ms = fraction.padEnd(3, '0').slice(0, 3);
  const at = Date.parse(`${date}T${time}.${ms}${isoZone(offset) ?? usual ?? ''}`);
  return Number.isNaN(at) ? undefined : momentOf(at);
}

function isoZone(offset: string | undefined): string | undefined {
  if (offset === undefined) return undefined;
  if (/^[A-Z]/.test(offset)) return 'Z';
  return offset.includes(':') ? offset : `${offset.slice(0, 3)}:${offset.slice(3)}`;
}

/** The label of 1970-01-01 00:00:00 UTC. Source: tai64n.html of D. J. Bernstein; svlogd and multilog add 10 s, as that page does. */
const taiEpoch = (1n << 62n) + 10n;

function taiIn(begin: string): Moment | undefined {
  const [, seconds, nanoseconds] = /^@([0-9a-f]{16})([0-9a-f]{8})/.exec(begin) ?? [];
  if (seconds === undefined || nanoseconds === undefined) return undefined;
  const at = Number(BigInt(`0x${seconds}`) - taiEpoch) * 1_000;
  return momentOf(at + Math.floor(parseInt(nanoseconds, 16) / 1e6));
}
