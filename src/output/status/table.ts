import { isPlain, visibleInLine } from '../../core/basics/visible.ts';
import type { InstanceState } from '../../core/views/instance-state.ts';
import type { Status } from '../../core/views/status.ts';
import type { Colours } from '../plain.ts';
import { wrap } from '../wrap.ts';
import width from '../width.ts';
import { columnNames, columns as columnsOf, nothing, type ColumnName } from './columns.ts';
import {
  columnOf,
  isWhole,
  layoutOf,
  shortRelease,
  type Columns,
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
  const table = tableOf(status, shape);
  const layout = layoutOf(table, shape);
  return `${formatRows(status, table, layout, colours, shape)}\n${formatBeside(layout, shape.columns)}`;
}

/** All columns, each cell made harmless. */
export function tableOf(status: Status, shape: Shape): Columns {
  const names = (shape.chosen ?? columnNames).filter(
    (name) => name !== 'release' || isWhole(shape) || areReleasesShown(status),
  );
  return new Map(
    names.map((name) => {
      const { cell } = columnsOf[name];
      const texts = status.instances.map((one) => cell(one, status) ?? nothing);
      // Mostly nothing has to be made harmless, and each character takes one column.
      if (name !== 'release' && isPlain(texts.join('')))
        return [name, columnOf(name, texts, texts.map(lengthOf))];
      const harmless = texts.map(visibleInLine);
      return [
        name,
        columnOf(
          name,
          name === 'release' ? harmless.map((text) => shortRelease(text, shape)) : harmless,
        ),
      ];
    }),
  );
}

const lengthOf = ({ length }: string): number => length;

/** A release that never changes, such as the name of the application's directory, is not worth a column. */
const areReleasesShown = ({ instances, isReleaseNamed }: Status): boolean =>
  instances.some(({ release }) => release !== undefined) &&
  (isReleaseNamed || new Set(instances.flatMap(({ release }) => release ?? [])).size > 1);

/** How far the text below an instance is indented. */
const indent = '    ';

function formatRows(
  { instances }: Status,
  table: Columns,
  { fixed, flowing }: Layout,
  colours: Colours,
  { columns, isWide }: Shape,
): string {
  const padded = fixed.map((name) => paddedColumn(name, table));
  const isNarrow = columns !== undefined && isWide !== true;
  const plain = rowsOf(padded);
  const heads = plain[0] ?? '';
  const full = formatLine(heads, flowing.map((name) => name.toUpperCase()).join(', '));
  const header = isNarrow && width(full) > columns ? heads.trimEnd() : full;
  let text = `${colours.bold(header)}\n`;
  const rows =
    colours.level === 0
      ? plain
      : rowsOf(
          padded.map((column, index) =>
            fixed[index] === 'state' ? painted(column, instances, colours) : column,
          ),
        );
  const flows = flowsOf(flowing, table, instances.length);
  for (let row = 1; row < rows.length; row += 1) {
    const flow = flows[row - 1] ?? '';
    const isBelow = isNarrow && width(formatLine(plain[row] ?? '', flow)) > columns;
    text += `${formatLine(rows[row] ?? '', isBelow ? '' : flow)}\n`;
    if (isBelow && flow !== '') text += `${wrap(indent + flow, columns, indent).join('\n')}\n`;
  }
  return text;
}

/** The rows of columns that begin with their headers. */
const rowsOf = ([first = [], ...others]: readonly (readonly string[])[]): readonly string[] =>
  others.reduce((rows, column) => rows.map((row, at) => `${row}  ${column[at] ?? ''}`), first);

/** A column with its header, all as wide as the widest. */
function paddedColumn(name: ColumnName, table: Columns): string[] {
  const { cells, widths, width: most } = table.get(name) ?? columnOf(name, []);
  const isRight = columnsOf[name].isRight === true;
  // A character need not take one column, as padEnd counts them.
  const pad = (text: string, taken: number): string => {
    const length = most - taken + text.length;
    return isRight ? text.padStart(length) : text.padEnd(length);
  };
  const header = pad(name.toUpperCase(), name.length);
  return [header].concat(cells.map((text, row) => pad(text, widths[row] ?? 0)));
}

/** The column of the states, in their colours. */
function painted(
  column: readonly string[],
  instances: Status['instances'],
  colours: Colours,
): readonly string[] {
  const paint = paintOf(colours);
  return column.map((text, row) => {
    const state = instances[row - 1]?.state;
    return state === undefined ? text : text.replace(state, () => paint[state](state));
  });
}

/** What follows the columns in each row. */
const flowsOf = (
  flowing: readonly ColumnName[],
  table: Columns,
  count: number,
): readonly string[] =>
  flowing.reduce<readonly string[]>((flows, name) => {
    const cells = table.get(name)?.cells ?? [];
    return flows.map((flow, row) => {
      const cell = cells[row] ?? '';
      if (cell === '' || cell === nothing) return flow;
      return flow === '' ? cell : `${flow}; ${cell}`;
    });
  }, Array<string>(count).fill(''));

const formatLine = (row: string, flow: string): string =>
  (flow === '' ? row : `${row}  ${flow}`).trimEnd();

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
