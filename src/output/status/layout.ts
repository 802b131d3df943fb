import width, { cut } from '../width.ts';
import type { InstanceState } from '../../core/views/instance-state.ts';
import { columns as all, nothing, type ColumnName } from './columns.ts';

/** How a table is to be shown. */
export interface Shape {
  /** The width of the terminal; undefined: lines may have any length. */
  readonly columns?: number;
  /** All columns, and one line for each instance. */
  readonly isWide?: boolean;
  /** These columns and no others. */
  readonly chosen?: readonly ColumnName[];
  /** Only instances in these states. */
  readonly states?: readonly InstanceState[];
}

/** A column, row by row, without its header. */
export interface Column {
  readonly cells: readonly string[];
  /** How wide each of these is. */
  readonly widths: readonly number[];
  /** How wide the widest is, or the header. */
  readonly width: number;
}
export type Columns = ReadonlyMap<ColumnName, Column>;

export const columnOf = (
  name: ColumnName,
  cells: readonly string[],
  widths: readonly number[] = cells.map(width),
): Column => ({
  cells,
  widths,
  width: widths.reduce((one, other) => (one > other ? one : other), name.length),
});

/** Which columns a table has, and where the others have gone. */
export interface Layout {
  /** Those with a width of their own. */
  readonly fixed: readonly ColumnName[];
  /** Those that follow them as a text: on the same line if it fits there, else below it. */
  readonly flowing: readonly ColumnName[];
  /** Those with one value for all, which is said below the table. */
  readonly same: readonly Same[];
  /** Those that the terminal is too narrow for. */
  readonly dropped: readonly ColumnName[];
}

export interface Same {
  readonly name: ColumnName;
  readonly value: string;
  /** Whether some instances have none: only a process has a release. */
  readonly isOfRunning: boolean;
}

/** What goes first if a terminal is too narrow, the least important first. */
const droppable: readonly ColumnName[] = ['cpu', 'memory', 'restarts', 'pid', 'release', 'uptime'];

/** The room that a text at the end of its line should have, if it is that long. */
const roomForText = 24;

const gap = 2;

/** What of a release is shown if there is little room. */
const longestRelease = 20;

/** Whether no column depends on what its cells are: for readers that count columns, and as it was asked for. */
export const isWhole = ({ columns, isWide, chosen }: Shape): boolean =>
  isWide === true || chosen !== undefined || columns === undefined;

/** Lays out a table of these columns. */
export function layoutOf(table: Columns, shape: Shape): Layout {
  const { columns, isWide, chosen } = shape;
  const isGiven = isWhole(shape);
  const names = [...table.keys()];
  const known = isGiven ? names : names.filter((name) => !isEmpty(name, table));
  const same = isGiven ? [] : known.flatMap((name) => sameForAll(name, table));
  const shown = known.filter((name) => same.every((other) => other.name !== name));
  const isFlowing = (name: ColumnName): boolean => name === 'detail';
  const layout: Layout = {
    fixed: shown.filter((name) => !isFlowing(name)),
    flowing: shown.filter(isFlowing),
    same,
    dropped: [],
  };
  if (columns === undefined || isWide === true) return layout;
  return narrowed(layout, table, columns, chosen === undefined);
}

const isEmpty = (name: ColumnName, table: Columns): boolean =>
  name !== 'instance' &&
  table.get(name)?.cells.every((cell) => cell === nothing || cell === '') === true;

function sameForAll(name: ColumnName, table: Columns): Same[] {
  const of = table.get(name)?.cells ?? [];
  const known = name === 'release' ? of.filter((cell) => cell !== nothing) : of;
  const [value, ...others] = known;
  const isSame = others.length > 0 && others.every((cell) => cell === value);
  return isSame &&
    value !== undefined &&
    value !== nothing &&
    value !== '' &&
    all[name].ofAll !== undefined
    ? [{ name, value, isOfRunning: known.length < of.length }]
    : [];
}

/** The same layout for a terminal: the job becomes part of the text, then columns are left out. */
function narrowed(layout: Layout, table: Columns, columns: number, mayDrop: boolean): Layout {
  const longest = Math.max(0, ...layout.flowing.map((name) => widthOf(name, table)));
  const room = longest === 0 ? 0 : Math.min(longest, roomForText) + gap;
  if (fixedWidth(layout.fixed, table) + room <= columns) return layout;
  let fixed: readonly ColumnName[] = layout.fixed.filter((name) => name !== 'job');
  const flowing = layout.fixed.length === fixed.length ? layout.flowing : joined(layout.flowing);
  const dropped: ColumnName[] = [];
  for (const name of mayDrop ? droppable : []) {
    if (fixedWidth(fixed, table) <= columns) break;
    if (!fixed.includes(name)) continue;
    fixed = fixed.filter((other) => other !== name);
    dropped.push(name);
  }
  return { ...layout, fixed, flowing, dropped };
}

const joined = (flowing: readonly ColumnName[]): ColumnName[] => ['job', ...flowing];

const widthOf = (name: ColumnName, columns: Columns): number => columns.get(name)?.width ?? 0;

const fixedWidth = (names: readonly ColumnName[], columns: Columns): number =>
  names.reduce((sum, name) => sum + widthOf(name, columns), gap * Math.max(0, names.length - 1));

/** A release as it is shown on a terminal: the rest of a long one says little. */
export const shortRelease = (release: string, { columns, isWide }: Shape): string =>
  columns === undefined || isWide === true ? release : cut(release, longestRelease);
