import { visibleInLine } from '../../core/basics/visible.ts';
import type { InstanceState } from '../../core/views/instance-state.ts';
import type { Status } from '../../core/views/status.ts';
import type { Colours } from '../plain.ts';
import { wrap } from '../wrap.ts';
import width from '../width.ts';
import { columnNames, columns as columnsOf, nothing, type ColumnName } from './columns.ts';
import {
  isWhole,
  layoutOf,
  shortRelease,
  type Cells,
  type Layout,
  type Same,
  type Shape,
} from './layout.ts';
import { formatSummary, stateLine } from './summary.ts';

/** The table of `status` and its summary, which is always that of all instances. */
export function formatStatus(status: Status, colours: Colours, shape: Shape = {}): string {
  if (status.instances.length === 0)
    return `no instances are wanted and none runs\n${stateLine(status, colours)}`;
  const { states } = shape;
  const shown = states
    ? { ...status, instances: status.instances.filter(({ state }) => states.includes(state)) }
    : status;
  return `${formatShown(shown, colours, shape)}${formatSummary(status, colours)}`;
}

function formatShown(status: Status, colours: Colours, shape: Shape): string {
  if (status.instances.length === 0)
    return `no instance is ${(shape.states ?? []).join(' or ')}\n\n`;
  const cells = cellsOf(status, shape);
  const layout = layoutOf(cells, shape);
  return `${formatRows(status, cells, layout, colours, shape)}\n${formatBeside(layout, shape.columns)}`;
}

/** All cells, each made harmless. */
export function cellsOf(status: Status, shape: Shape): Cells {
  const names = (shape.chosen ?? columnNames).filter(
    (name) => name !== 'release' || isWhole(shape) || areReleasesShown(status),
  );
  return new Map(
    names.map((name) => {
      const { cell } = columnsOf[name];
      const cells = status.instances.map((one) => {
        const text = visibleInLine(cell(one, status) ?? nothing);
        return name === 'release' ? shortRelease(text, shape) : text;
      });
      return [name, cells];
    }),
  );
}

/** A release that never changes, such as the name of the application's directory, is not worth a column. */
const areReleasesShown = ({ instances, isReleaseNamed }: Status): boolean =>
  instances.some(({ release }) => release !== undefined) &&
  (isReleaseNamed || new Set(instances.flatMap(({ release }) => release ?? [])).size > 1);

/** How far the text below an instance is indented. */
const indent = '    ';

function formatRows(
  { instances }: Status,
  cells: Cells,
  { fixed, flowing }: Layout,
  colours: Colours,
  { columns, isWide }: Shape,
): string {
  const padded = fixed.map((name) => paddedColumn(name, cells.get(name) ?? []));
  const heads = padded.map(([head = '']) => head);
  const full = formatLine(heads, flowing.map((name) => name.toUpperCase()).join(', '));
  const isTooLong = columns !== undefined && isWide !== true && width(full) > columns;
  const header = isTooLong ? formatLine(heads, '') : full;
  let text = `${colours.bold(header)}\n`;
  const unpainted = padded.map(([, ...rows]) => rows);
  const shown = painted(unpainted, fixed.indexOf('state'), instances, colours);
  instances.forEach((_, row) => {
    const flow = flowOf(flowing, cells, row);
    const isBelow =
      columns !== undefined &&
      isWide !== true &&
      width(formatLine(rowOf(unpainted, row), flow)) > columns;
    text += `${formatLine(rowOf(shown, row), isBelow ? '' : flow)}\n`;
    if (isBelow && flow !== '') text += `${wrap(indent + flow, columns, indent).join('\n')}\n`;
  });
  return text;
}

/** The cells of a table, column by column. */
type Columns = readonly (readonly string[])[];

const rowOf = (columns: Columns, row: number): string[] => columns.map((cells) => cells[row] ?? '');

/** A column with its head, all as wide as the widest. */
function paddedColumn(name: ColumnName, cells: readonly string[]): string[] {
  const all = [name.toUpperCase(), ...cells];
  const widths = all.map(width);
  const most = widths.reduce((one, other) => Math.max(one, other), 0);
  const isRight = columnsOf[name].isRight === true;
  return all.map((cell, row) => {
    const missing = most - (widths[row] ?? 0);
    if (missing === 0) return cell;
    return isRight ? ' '.repeat(missing) + cell : cell + ' '.repeat(missing);
  });
}

/** The same columns with the states, which are in this one of them, in colours. */
function painted(
  columns: Columns,
  ofStates: number,
  instances: Status['instances'],
  colours: Colours,
): Columns {
  if (colours.level === 0) return columns;
  const paint = paintOf(colours);
  return columns.map((cells, index) =>
    index === ofStates
      ? cells.map((cell, row) => {
          const state = instances[row]?.state;
          return state === undefined ? cell : cell.replace(state, () => paint[state](state));
        })
      : cells,
  );
}

function flowOf(flowing: readonly ColumnName[], cells: Cells, row: number): string {
  let text = '';
  for (const name of flowing) {
    const cell = cells.get(name)?.[row] ?? '';
    if (cell !== '' && cell !== nothing) text = text === '' ? cell : `${text}; ${cell}`;
  }
  return text;
}

const formatLine = (cells: readonly string[], flow: string): string =>
  (flow === '' ? cells.join('  ') : `${cells.join('  ')}  ${flow}`).trimEnd();

/** What is not in the table because it is the same for all, or because the terminal is too narrow. */
function formatBeside({ same, dropped }: Layout, columns: number | undefined): string {
  const said = (words: string, some: readonly Same[]): string[] => {
    const values = some.flatMap(({ name, value }) => columnsOf[name].ofAll?.(value) ?? []);
    return values.length === 0 ? [] : [`${words}: ${values.join(', ')}`];
  };
  const lines = [
    ...said(
      'all',
      same.filter(({ isOfRunning }) => !isOfRunning),
    ),
    ...said(
      'all that run',
      same.filter(({ isOfRunning }) => isOfRunning),
    ),
    ...(dropped.length === 0
      ? []
      : [`not shown at this width: ${dropped.join(', ')} (--wide shows all)`]),
  ];
  return lines
    .flatMap((line) => wrap(line, columns, '  '))
    .map((line) => `${line}\n`)
    .join('');
}

/** How each state is painted. */
export const paintOf = ({
  red,
  green,
  yellow,
  dim,
}: Colours): Readonly<Record<InstanceState, (text: string) => string>> => ({
  ready: green,
  starting: yellow,
  late: red,
  quiet: yellow,
  frozen: yellow,
  draining: yellow,
  retiring: yellow,
  surplus: yellow,
  missing: red,
  backoff: red,
  stopped: dim,
  done: dim,
  failed: red,
  gone: dim,
});
