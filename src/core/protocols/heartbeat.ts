import { isPlain } from '../basics/visible.ts';
import { durationOf, momentOf, type Moment } from '../basics/time.ts';
import { busyWith, type Activity, type Job } from '../model/activity.ts';

/** The start of a heartbeat file, and what is known of the file. */
export interface Heartbeat {
  readonly text: string;
  /** There is more of it: the last line may be incomplete. */
  readonly isCut: boolean;
  readonly writtenAt: Moment;
}

/**
 * What a worker says about its work in its heartbeat file; undefined if it says nothing that can be understood. There are
 * two versions of the protocol (docs/heartbeat.md):
 *
 * 1. The first line is `busy`, `busy WHAT` or `idle`; the second, if any, is since when, in seconds since 1970. Without it,
 *    since the file was written.
 * 2. The first line is `jobs COUNT` or `jobs COUNT SECONDS` (when that was written); then one line for each job:
 *    `SECONDS WHAT`. If anything in the file speaks of a job, it is not idle, whatever else is damaged.
 */
export function parseHeartbeat(
  { text, isCut, writtenAt }: Heartbeat,
  now: Moment,
): Activity | undefined {
  const lines = text.split('\n');
  // Half a number is another number.
  if (isCut && lines.length > 1) lines.pop();
  const [first = '', ...others] = lines.map(printable);
  const [, word, rest = ''] = /^(busy|idle|jobs)(?: +(.*))?$/.exec(first) ?? [];
  const since = momentIn(others[0], now) ?? writtenAt;
  if (word === 'busy') return busyWith([{ what: shortened(rest), since }]);
  if (word === 'idle') return rest === '' ? { kind: 'idle', since } : undefined;
  if (word !== 'jobs') return undefined;
  const [, digits = '', at] = /^(\d{1,6})(?: +(\S+))?$/.exec(rest) ?? [];
  const jobs = others.flatMap((line) => (line === '' ? [] : [jobIn(line, now)]));
  const count = Math.max(Number(digits), jobs.length);
  if (count > 0) return busyWith(jobs, count);
  const isWhole = digits !== '' && !isCut;
  return isWhole
    ? { kind: 'idle', since: momentIn(at, now) ?? writtenAt, isCounted: true }
    : undefined;
}

function jobIn(line: string, now: Moment): Job {
  const [, seconds, what = ''] = /^(\d[\d.]*)(?: +(.*))?$/.exec(line) ?? [];
  if (seconds === undefined) return { what: shortened(line) };
  const since = momentIn(seconds, now);
  return { what: shortened(what), ...(since !== undefined && { since }) };
}

/**
 * One line that is safe for a terminal: control characters, and those that change the direction of the text, become
 * spaces; no blanks around it.
 */
export const printable = (text: string): string =>
  // Usually there is nothing to replace, and compiling the classes of Unicode takes longer than all the rest.
  (isPlain(text) ? text : text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, ' ')).trim();

/** Whole characters only: half a surrogate pair is not one. */
export const shortened = (text: string): string =>
  /^.{0,200}/u.exec(text.trim())?.[0].trimEnd() ?? '';

/** September 2001, the first moment with ten digits: a shorter number is incomplete. */
const earliest = momentOf(1e12);

/** How far a worker's clock may be ahead of ours (it may be on another host, or in a wrong time zone). */
const maxAhead = durationOf(86_400_000);

/** Seconds since 1970 as a moment; undefined if that is not what it is, or not a possible one. */
function momentIn(text: string | undefined, now: Moment): Moment | undefined {
  if (text === undefined || !/^\d+(?:\.\d+)?$/.test(text)) return undefined;
  const at = momentOf(Math.round(Number(text) * 1000));
  return at >= earliest && at <= now + maxAhead ? at : undefined;
}
