import type { Moment } from '../../core/basics/time.ts';
import { headOf } from '../../core/protocols/line-head.ts';
import { chunkBytes } from '../files/lines.ts';
import { lineBeginAt, linesOf, type LogText } from './log-text.ts';

/** How far around a place a line with a time is searched for, in bytes. */
const lookBytes = 256 * 1024;

type Text = Pick<LogText, 'size' | 'read'>;

/**
 * Two places of a text, at most 64 KiB and a line apart, between which its times reach this moment. Reads some pieces of it,
 * however long it is: a text of 1 TiB is halved 24 times. Where 256 KiB on both sides have no line with a time, the moment is
 * taken to come later.
 */
export function placesOf(text: Text, moment: number, now: Moment): { from: number; to: number } {
  let [from, to] = [0, text.size];
  while (to - from > chunkBytes) {
    const middle = from + Math.floor((to - from) / 2);
    const at = timeAround(text, middle, now);
    if (at !== undefined && at >= moment) to = middle;
    else from = middle;
  }
  return { from: lineBeginAt(text, from, text.size), to: lineBeginAt(text, to, text.size) };
}

/** The time of the next line that has one, or else of the last one before; undefined if there is none near. */
function timeAround(text: Text, place: number, now: Moment): Moment | undefined {
  const end = Math.min(text.size, place + lookBytes);
  for (const { line } of linesOf(text, lineBeginAt(text, place, end), end)) {
    const at = headOf(line.toString(), now).at;
    if (at !== undefined) return at;
  }
  const begin = Math.max(0, place - lookBytes);
  let last: Moment | undefined;
  for (const { line } of linesOf(text, lineBeginAt(text, begin, place), place))
    last = headOf(line.toString(), now).at ?? last;
  return last;
}
