import {
  formatDayAndTime,
  formatStamp,
  formatTimeOfDay,
  momentOf,
  type Moment,
} from '../core/basics/time.ts';
import { lookup } from '../core/basics/lookup.ts';
import { visibleInColour, visibleInLine } from '../core/basics/visible.ts';
import { eventKinds } from '../core/events/table.ts';
import type { JsonObject } from '../core/protocols/json-reader.ts';
import type { HostOutcome, HostState } from '../core/rules/host-outcome.ts';
import { labelText } from './log-line.ts';
import { painted, type Colours } from './plain.ts';

/** An event of a host as a dated line; empty if it is not for people, or no event. */
export function formatHostEvent(host: string, event: JsonObject, colours: Colours): string {
  const { at, instance, level, text } = event;
  if (typeof at !== 'string' || typeof text !== 'string' || !isForPeople(event)) return '';
  const words = visibleInLine(`${String(instance)}: ${text}`);
  const when = formatTimeOfDay(momentOf(Date.parse(at)));
  return `${when} ${colours.dim(host)} ${painted(level, words, colours)}\n`;
}

/** A death that was asked for has been told before. Kinds that we do not know are of a later version, and shown. */
function isForPeople({ kind, level }: JsonObject): boolean {
  if (kind === 'died') return level !== 'info';
  const { audience } = (lookup(eventKinds, String(kind)) ?? {}) as { audience?: unknown };
  return typeof audience !== 'string' || audience === 'everywhere';
}

const words: Readonly<Record<HostState, string>> = {
  done: 'done',
  short: 'not all are ready',
  timed_out: 'the wait is over',
  ended: 'ended by another command',
  unknown: 'unknown',
  failed: 'failed',
  untouched: 'not begun',
};

/** How a command has ended on a host. */
export function formatHostEnd(
  host: string,
  { state, problem }: HostOutcome,
  at: Moment,
  colours: Colours,
): string {
  const level = state === 'done' ? 'info' : state === 'timed_out' ? 'warning' : 'error';
  const text = `${words[state]}${problem === undefined ? '' : `: ${visibleInLine(problem)}`}`;
  return `${formatTimeOfDay(at)} ${colours.dim(host)} ${painted(level, text, colours)}\n`;
}

/** A line of the journal of a host. */
export function formatHostEntry(
  host: string,
  entry: JsonObject,
  colours: Colours,
  now: Moment,
): string {
  const { at, kind, instance, level, text } = entry;
  const when = formatDayAndTime(momentOf(Date.parse(String(at))), now);
  const words = visibleInLine(typeof text === 'string' && text !== '' ? text : String(kind));
  return `${colours.dim(when)}  ${host}  ${visibleInLine(String(instance))}  ${painted(level, words, colours)}\n`;
}

/** How a line of a log of a host is shown. */
export const hostLogFormat =
  (hasTimes: boolean) =>
  (host: string, { instance, stream, at, line }: JsonObject, colours: Colours): string => {
    const stamp = typeof at === 'string' ? `${formatStamp(momentOf(Date.parse(at)))} ` : '';
    const label = labelText({ label: String(instance), isError: stream === 'error' });
    const prefix = `${host} ${visibleInLine(label)} |`;
    return `${colours.dim(prefix)} ${hasTimes ? stamp : ''}${visibleInColour(String(line))}\n`;
  };
