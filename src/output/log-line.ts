import { visibleInColour } from '../core/basics/visible.ts';
import { printedLine } from './json/answer.ts';
import { logAnswer } from './json/stream.ts';

/** How lines of logs are shown. */
export interface LogLook {
  /** The bytes as they are, without colours: for pipes and files. */
  readonly isRaw: boolean;
  readonly hasColours: boolean;
  readonly json: boolean;
}

/** The colours of the instances, in turn: cyan, yellow, green, magenta, blue, and the bright ones. */
const colours = [36, 33, 32, 35, 34, 96, 93, 92, 95, 94];

const escape = '\u001b';

/** Formats lines of logs, each after its label; labels get their colours in the order of their first lines. */
export function createLogFormat(
  look: LogLook,
  widest: () => number,
): (label: string, line: Buffer) => Buffer {
  const colourOf = new Map<string, number>();
  const prefixOf = (label: string): string => {
    const text = `${label.padEnd(widest())} | `;
    if (!look.hasColours) return text;
    const colour = colourOf.get(label) ?? colours[colourOf.size % colours.length] ?? 0;
    colourOf.set(label, colour);
    return `${escape}[${colour}m${text}${escape}[0m`;
  };
  return (label, line) => {
    if (look.json)
      return Buffer.from(printedLine(logAnswer, { instance: label, line: line.toString() }));
    if (look.isRaw) return Buffer.concat([Buffer.from(prefixOf(label)), line, newline]);
    return Buffer.from(`${prefixOf(label)}${shownLine(line.toString())}\n`);
  };
}

const newline = Buffer.from('\n');

/** Colours are kept and end with the line; other control characters become visible: `^[`, `^M`. */
function shownLine(text: string): string {
  const shown = visibleInColour(text.replace(/\r$/, ''));
  return shown.includes(escape) ? `${shown}${escape}[0m` : shown;
}
