import width from './width.ts';

/** How often a person can read something new: four times a second. */
export const frameMs = 250;

export const hideCursor = '\x1b[?25l';
export const showCursor = '\x1b[?25h';

const eraseToEndOfLine = '\x1b[K';
const eraseToEndOfScreen = '\x1b[J';

/** From a line to the beginning of the one this number of rows above. */
export const upToLine = (rows: number): string => (rows < 1 ? '\r' : `\r\x1b[${rows}A`);

/** A line that is too wide after all is cut off by the terminal, in place of moving all others down. */
const wrapOff = '\x1b[?7l';
const wrapOn = '\x1b[?7h';

/**
 * What turns the lines that a terminal shows into others: only those that differ are written; empty if none does. The
 * cursor is at the beginning of the first line, before and after. The terminal scrolls if there is no room below.
 */
export function changeLines(before: readonly string[], after: readonly string[]): string {
  let text = '';
  let row = 0;
  const moveTo = (line: number): void => {
    text += '\r\n'.repeat(line - row);
    row = line;
  };
  after.forEach((line, index) => {
    const old = before[index];
    if (old === line) return;
    moveTo(index);
    text += `${old === undefined ? line : overwritten(old, line)}\r`;
  });
  if (after.length < before.length) {
    moveTo(after.length);
    text += eraseToEndOfScreen;
  }
  if (text === '') return '';
  return wrapOff + text + (row === 0 ? '' : upToLine(row)) + wrapOn;
}

const isAscii = (text: string): boolean => /^\p{ASCII}*$/u.test(text);

/**
 * A line in the place of another, without flicker. Behind a line that fills the row an erasure would take its last
 * character. Terminals do not agree how wide other characters are: then the row is erased first.
 */
function overwritten(old: string, line: string): string {
  if (!isAscii(old + line)) return eraseToEndOfLine + line;
  return width(line) < width(old) ? line + eraseToEndOfLine : line;
}

/** Erases all lines from the cursor's on. */
export const eraseLines = `\r${eraseToEndOfScreen}`;

/** Draws the frames of a screen: what changes between two of them is seen in the next one. */
export interface Pace {
  /** Draws now, or as soon as the last frame is old enough. */
  readonly ask: () => void;
  /** Draws no more, not even what was asked for already. */
  readonly end: () => void;
}

/** Calls `draw` when asked to, but never more often than every `frameMs`. */
export function paced(draw: () => void): Pace {
  let rest: NodeJS.Timeout | undefined;
  let isDue = false;
  let isEnded = false;
  const run = (): void => {
    isDue = false;
    rest = setTimeout(() => {
      rest = undefined;
      if (isDue) run();
    }, frameMs);
    draw();
  };
  return {
    ask: () => {
      if (isEnded) return;
      if (rest === undefined) run();
      else isDue = true;
    },
    end: () => {
      isEnded = true;
      isDue = false;
      clearTimeout(rest);
    },
  };
}
