import { formatStamp, type Moment } from '../core/basics/time.ts';
import { visibleInColour } from '../core/basics/visible.ts';
import type { LogLevel } from '../core/protocols/line-level.ts';
import { printedLine } from './json/answer.ts';
import { logAnswer } from './json/stream.ts';

/** How lines of logs are shown. */
export interface LogLook {
  /** The bytes as they are, without colours: for pipes and files. */
  readonly isRaw: boolean;
  /** Nothing but these bytes, also on a terminal. */
  readonly isBare?: boolean;
  readonly hasColours: boolean;
  /** The time of each line stands before it. */
  readonly hasTimes?: boolean;
  readonly json: boolean;
}

/** Whose line it is. */
export interface LogLabel {
  /** The instance; its worker if several write to the same log. */
  readonly label: string;
  /** It is from the log of standard error alone. */
  readonly isError?: boolean;
}

/** A line as it was read: its time and level may be those of the line before it. */
export interface ShownLine {
  readonly line: Buffer;
  readonly at?: Moment;
  readonly level?: LogLevel;
  readonly ownTime?: Moment;
}

/** The colours of the instances, in turn: cyan, yellow, green, magenta, blue, and the bright ones. */
const colours = [36, 33, 32, 35, 34, 96, 93, 92, 95, 94];

const escape = '\u001b';

/** `mail.1`, or `mail.1 err`. */
export const labelText = ({ label, isError }: LogLabel): string =>
  isError === true ? `${label} err` : label;

/** Formats lines of logs, each after its label; labels get their colours in the order of their first lines. */
export function createLogFormat(
  look: LogLook,
  widest: () => number,
): (label: LogLabel, line: ShownLine) => Buffer {
  const colourOf = new Map<string, number>();
  const prefixOf = (one: LogLabel): string => {
    const text = `${labelText(one).padEnd(widest())} | `;
    if (!look.hasColours) return text;
    const { label } = one;
    const colour = colourOf.get(label) ?? colours[colourOf.size % colours.length] ?? 0;
    colourOf.set(label, colour);
    return `${escape}[${colour}m${text}${escape}[0m`;
  };
  const timeOf = ({ ownTime }: ShownLine): string => {
    if (look.hasTimes !== true) return '';
    return ownTime === undefined ? noTime : `${formatStamp(ownTime)} `;
  };
  return (label, shown) => {
    const { line } = shown;
    if (look.json) return Buffer.from(printedLine(logAnswer, { ...label, ...shown }));
    if (look.isBare === true) return Buffer.concat([line, newline]);
    const prefix = prefixOf(label) + timeOf(shown);
    if (look.isRaw) return Buffer.concat([Buffer.from(prefix), line, newline]);
    return Buffer.from(`${prefix}${shownLine(line.toString())}\n`);
  };
}

const newline = Buffer.from('\n');

/** As wide as a time. */
const noTime = ' '.repeat('2026-01-15 12:03:04.120 '.length);

/** Colours are kept and end with the line; other control characters become visible: `^[`, `^M`. */
function shownLine(text: string): string {
  const shown = visibleInColour(text.replace(/\r$/, ''));
  return shown.includes(escape) ? `${shown}${escape}[0m` : shown;
}
