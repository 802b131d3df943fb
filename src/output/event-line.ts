import { formatTimeOfDay } from '../core/basics/time.ts';
import { visibleInLine } from '../core/basics/visible.ts';
import {
  audienceOf,
  formatEvent,
  formatWatchEvent,
  levelOf,
  type Event,
} from '../core/events/event.ts';
import { painted, type Colours } from './plain.ts';

/** Whether a command prints this event. */
export const isShown = (event: Event): boolean =>
  event.isTold !== true && audienceOf(event) === 'everywhere';

/** Whether the log of `watch` has this event. */
export const isShownByWatch = (event: Event): boolean => audienceOf(event) !== 'journal';

/** An event as a dated line for people at a command line; below a failed start, the last lines of its log. */
export const formatEventLine = (event: Event, colours: Colours): string =>
  dated(event, formatEvent(event), colours) + logBelow(event);

/** The same for the log of `watch`, in MogileFS's words if it has any. */
export const formatWatchLine = (event: Event, colours: Colours): string =>
  dated(event, formatWatchEvent(event), colours) + logBelow(event);

const dated = (event: Event, words: string, colours: Colours): string =>
  `${formatTimeOfDay(event.at)} ${painted(levelOf(event), visibleInLine(words), colours)}\n`;

function logBelow(event: Event): string {
  if (event.kind !== 'start_failed' || event.logFile === undefined) return '';
  const { log, logFile, logger } = event;
  const elsewhere = logger === undefined ? '' : `  its output went to: ${visibleInLine(logger)}\n`;
  if (log.length > 0)
    return `${elsewhere}  last lines of ${logFile}:\n${log.map((text) => `  | ${visibleInLine(text)}\n`).join('')}`;
  return logger === undefined ? `  it wrote nothing to ${logFile}\n` : elsewhere;
}
