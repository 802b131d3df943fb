import type { Phase, ProgressView } from '../core/views/phase.ts';
import type { Colours } from './plain.ts';
import { visibleInLine } from '../core/basics/visible.ts';
import { chooseRows } from './live-rows.ts';
import { countedPhases, formatHeader, rowFormat } from './progress.ts';
import { changeLines, eraseLines, hideCursor, paced, showCursor, upToLine } from './screen.ts';
import width, { cut } from './width.ts';

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** The view of a waiting command: lines at the end of a terminal that change. */
export interface LiveView {
  /** Shows this from the next frame on. */
  readonly draw: (view: ProgressView) => void;
  /** Prints a text that stays, above the view and with its next frame; at once if no view is shown. */
  readonly printAbove: (text: string) => void;
  /** Draws again: the size of the terminal may have changed. */
  readonly redraw: () => void;
  /** Removes the view and shows the cursor until the next `draw`: something else writes to the terminal. */
  readonly stepAside: () => void;
  /** The same for good. Later calls of `printAbove` print normally. */
  readonly end: () => void;
}

/**
 * A live view of a terminal. It writes a frame a quarter of a second at most, of it only the lines that have changed, and
 * nothing if none has. The cursor rests below it: all terminals that wrap lines anew after a change of size keep it there.
 * The caller must end the view on every way out, or the cursor stays hidden.
 */
export function createLiveView(
  write: (text: string) => void,
  size: () => Size,
  colours: Colours,
): LiveView {
  let last: ProgressView | undefined;
  let above = '';
  let shown: { readonly lines: readonly string[]; readonly size: Size } | undefined;
  let isEnded = false;
  const removed = (now: Size): string =>
    shown === undefined ? '' : erase(rowsOf(['', ...shown.lines], now.columns), now);
  const frame = (): void => {
    if (last === undefined || isEnded) return;
    const now = size();
    const lines = formatLive(last, now, colours);
    const isWhole = shown === undefined || above !== '' || !isSameSize(shown.size, now);
    const before = isWhole ? [] : (shown?.lines ?? []);
    const change = changeLines(before, lines);
    const start = isWhole
      ? `${shown === undefined ? hideCursor : removed(now)}${above}\r\n`
      : upToLine(before.length);
    if (isWhole || change !== '') write(start + change + '\r\n'.repeat(lines.length));
    above = '';
    shown = { lines, size: now };
  };
  const pace = paced(frame);
  const stepAside = (): void => {
    if (shown !== undefined) write(removed(size()) + above + showCursor);
    above = '';
    shown = undefined;
    last = undefined;
  };
  return {
    draw: (view) => {
      last = view;
      pace.ask();
    },
    printAbove: (text) => {
      const line = text.endsWith('\n') ? text : `${text}\n`;
      if (shown === undefined) {
        write(line);
        return;
      }
      above += line;
      pace.ask();
    },
    redraw: pace.ask,
    stepAside,
    end: () => {
      stepAside();
      pace.end();
      isEnded = true;
    },
  };
}

const isSameSize = (one: Size, other: Size): boolean =>
  one.columns === other.columns && one.rows === other.rows;

/** A terminal that became narrower has wrapped the lines: one may take several rows by now. */
const rowsOf = (lines: readonly string[], columns: number): number =>
  lines.reduce((rows, line) => rows + Math.max(1, Math.ceil(width(line) / columns)), 0);

/**
 * Moves from below a frame of `rows` rows to where it began, and erases it. A frame begins with an empty line, so that the
 * erasure never starts at the first cell of the screen: tmux would put that into the scrollback. If the screen has become
 * too small for the frame, parts of it stay.
 */
const erase = (rows: number, size: Size): string =>
  rows < size.rows
    ? upToLine(rows - 1) + eraseLines + upToLine(1)
    : `${upToLine(size.rows - 2)}${eraseLines}\r\n`;

/**
 * The lines of one frame: a header with a bar, then the instances, those first that a person may have to do something
 * about. If there are too many, one line counts the rest. No line is longer than `columns`, and together with the empty
 * line above they take half of the rows at most.
 */
export function formatLive(view: ProgressView, size: Size, colours: Colours): string[] {
  const { columns, rows } = size;
  const room = Math.floor(rows / 2) - 2;
  if (columns < 1 || room < 0) return [];
  const { shown, rest } = chooseRows(view.items, room);
  const formatRow = rowFormat(view, columns);
  const more = `… and ${rest.length} more: ${countedPhases(rest)}`;
  return [
    colours.bold(fitted(formatHeader(view, columns), columns)),
    ...shown.map((item) => paint(fitted(formatRow(item), columns), item.phase, colours)),
    ...(rest.length === 0 || room === 0 ? [] : [fitted(more, columns)]),
  ];
}

const fitted = (line: string, columns: number): string =>
  cut(visibleInLine(line.replaceAll('\t', ' ')), columns);

/** Paints the phase, if it was not cut off. */
function paint(line: string, phase: Phase, colours: Colours): string {
  const at = line.indexOf(`  ${phase}`) + 2;
  const end = at + phase.length;
  if (at < 2) return line;
  return line.slice(0, at) + paintOf(colours)[phase](line.slice(at, end)) + line.slice(end);
}

const paintOf = ({ red, green, yellow, dim }: Colours): Record<Phase, Colours['red']> => ({
  draining: yellow,
  starting: yellow,
  down: yellow,
  failed: red,
  waiting: dim,
  done: green,
});
