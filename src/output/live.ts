import type { Phase, ProgressView } from '../core/views/phase.ts';
import type { Colours } from './plain.ts';
import { visibleInLine } from '../core/basics/visible.ts';
import { byPhase, countedPhases, formatHeader, rowFormat } from './progress.ts';
import width from './width.ts';

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** The view of a waiting command: lines at the end of a terminal that change. */
export interface LiveView {
  /** Replaces what it showed before. */
  readonly draw: (view: ProgressView) => void;
  /** Prints a text that stays, above the view. */
  readonly printAbove: (text: string) => void;
  /** Removes the view and restores the terminal. Later calls of `printAbove` print normally. */
  readonly end: () => void;
}

const hideCursor = '\x1b[?25l';
const showCursor = '\x1b[?25h';
const eraseToEnd = '\r\x1b[J';
const up = (rows: number): string => (rows < 1 ? '' : `\x1b[${rows}A`);

/**
 * A live view of a terminal. It erases only its own lines, and each change is one `write`. It asks `size` at each change;
 * draw again when that has changed. The caller must end the view on every way out, or the cursor stays hidden.
 */
export function createLiveView(
  write: (text: string) => void,
  size: () => Size,
  colours: Colours,
): LiveView {
  let last: ProgressView | undefined;
  let frame: readonly string[] = [];
  let state: 'new' | 'shown' | 'ended' = 'new';
  const replace = (above: string): string => {
    const now = knownSize(size());
    const erased = erase(rowsOf(frame, now.columns), now);
    const room = { ...now, rows: now.rows - 1 };
    const lines = last === undefined ? [] : formatLive(last, room, colours);
    frame = lines.length === 0 ? [] : ['', ...lines];
    return erased + above + frame.map((line) => `${line}\n`).join('');
  };
  const draw = (view: ProgressView): void => {
    if (state === 'ended') return;
    last = view;
    write((state === 'new' ? hideCursor : '') + replace(''));
    state = 'shown';
  };
  const end = (): void => {
    last = undefined;
    if (state === 'shown') write(replace('') + showCursor);
    state = 'ended';
  };
  const printAbove = (text: string): void => {
    write(replace(text.endsWith('\n') ? text : `${text}\n`));
  };
  return { draw, printAbove, end };
}

/** Some terminals (script, docker exec -t) report a size of 0. */
const knownSize = ({ columns, rows }: Size): Size => ({ columns: columns || 80, rows: rows || 24 });

/** A terminal that became narrower has wrapped the lines: one may take several rows by now. */
const rowsOf = (lines: readonly string[], columns: number): number =>
  lines.reduce((rows, line) => rows + Math.max(1, Math.ceil(columnsOf(line) / columns)), 0);

/**
 * Moves back to where a frame of `rows` rows began, and erases it. A frame begins with an empty line, so that the erasure
 * never starts at the first cell of the screen: tmux would put that into the scrollback. If the screen has become too small
 * for the frame, parts of it stay.
 */
function erase(rows: number, size: Size): string {
  if (rows === 0) return '';
  return rows < size.rows
    ? up(rows - 1) + eraseToEnd + up(1)
    : `${up(size.rows - 2)}${eraseToEnd}\n`;
}

/** The most instances that have a line each. */
const shownAtMost = 20;

/**
 * The lines of one frame: a header with a bar, then the instances, the most active phases first. If there are too many for
 * the screen or for a reader, one line counts the rest. No line is longer than `columns`, and one row is left for the
 * cursor.
 */
export function formatLive(view: ProgressView, size: Size, colours: Colours): string[] {
  const { columns, rows } = size;
  if (columns < 1 || rows < 2) return [];
  const items = byPhase(view.items);
  const room = rows - 2;
  const fits = items.length <= Math.min(room, shownAtMost);
  const shown = fits ? items : items.slice(0, Math.max(0, Math.min(room - 1, shownAtMost)));
  const rest = items.slice(shown.length);
  const formatRow = rowFormat(view, columns);
  const more = `… and ${rest.length} more: ${countedPhases(rest)}`;
  return [
    colours.bold(cut(formatHeader(view, columns), columns)),
    ...shown.map((item) => paint(cut(formatRow(item), columns), item.phase, colours)),
    ...(fits || room === 0 ? [] : [cut(more, columns)]),
  ];
}

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

/** Jobs may have names in Chinese, or with emoji: each such character takes two columns. */
const wide =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/gu;

const columnsOf = (text: string): number => width(text.replace(wide, '??'));

function cut(text: string, columns: number): string {
  const line = visibleInLine(text.replaceAll('\t', ' '));
  if (columnsOf(line) <= columns) return line;
  let kept = line.slice(0, columns - 1);
  while (columnsOf(kept) >= columns) kept = kept.slice(0, -1);
  return `${kept.replace(/\p{Cs}$/u, '')}…`;
}
