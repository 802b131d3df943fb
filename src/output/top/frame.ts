import { visibleInLine } from '../../core/basics/visible.ts';
import type { InstanceStatus } from '../../core/views/instance-status.ts';
import { formatRollout } from '../../core/views/rollout-status.ts';
import { sorted } from '../../core/views/sort-status.ts';
import { isShort, type Status } from '../../core/views/status.ts';
import { countedStates } from '../../core/views/worker-summary.ts';
import type { Colours } from '../plain.ts';
import { paintOf } from '../status/table.ts';
import width, { cut } from '../width.ts';
import { wrap } from '../wrap.ts';
import { columns, nothing, type ColumnName } from '../status/columns.ts';
import type { Choice } from './keys.ts';

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** What `top` shows; `cpu` of each instance is what it takes now, per second. */
export interface Scenery {
  readonly status: Status;
  readonly choice: Choice;
  /** Why the last look has failed: what is shown is older. */
  readonly problem?: string;
}

export interface Details {
  /** Lines as the journal is shown. */
  readonly events: readonly string[];
  readonly log: readonly string[];
}

/** A frame, and what the next keys need to know about it. */
export interface Frame {
  /** One for each row of the screen. */
  readonly lines: readonly string[];
  /** How many instances have a row. */
  readonly page: number;
  /** The choice with its row inside of what there is. */
  readonly choice: Choice;
}

/** What is left out first if a terminal is narrow. */
const droppable: readonly ColumnName[] = ['restarts', 'pid', 'memory', 'uptime', 'cpu'];

/** The room that the text at the end should have. */
const roomForText = 28;

/** The instances that the filter leaves, in the order that was chosen. */
export function listed(status: Status, { sort, filter }: Choice): readonly InstanceStatus[] {
  const wanted = filter.toLowerCase();
  const isListed = (one: InstanceStatus): boolean =>
    [one.name, one.state, textOf(one, status)].some((text) => text.toLowerCase().includes(wanted));
  return sorted(status, sort).instances.filter((one) => wanted === '' || isListed(one));
}

/**
 * The whole screen: what is going on, the instances, the details of one, and the keys.
 * @param detailsOf only called for the instance that is selected, if its details are shown
 */
export function frameOf(
  scenery: Scenery,
  size: Size,
  colours: Colours,
  detailsOf: (one: InstanceStatus) => Details,
): Frame {
  const { status, choice } = scenery;
  const instances = listed(status, choice);
  const row = rowOf(instances, choice);
  const head = headOf(scenery, colours, size);
  const room = Math.max(0, size.rows - head.length - 1);
  const below = choice.isOpen ? Math.max(0, Math.floor(room / 2)) : 0;
  const page = Math.max(1, room - below - 1);
  const from = Math.floor(row / page) * page;
  const selected = instances[row];
  const table = tableOf(status, instances, { from, to: from + page, row }, size, colours);
  const pane =
    selected === undefined || below === 0
      ? []
      : paneOf(selected, status, detailsOf(selected), { ...size, rows: below }, colours);
  const body = [...table, ...Array<string>(page).fill('')].slice(0, room - below);
  const filled = [...head, ...body, ...pane, ...Array<string>(size.rows).fill('')];
  const more = instances.length > page ? `${row + 1} of ${instances.length}` : '';
  const lines = [
    ...filled.slice(0, Math.max(0, size.rows - 1)),
    footOf(choice, more, size, colours),
  ];
  return {
    lines: lines.slice(-size.rows),
    page,
    choice: { ...choice, row, key: selected && keyOf(selected) },
  };
}

function rowOf(instances: readonly InstanceStatus[], { row, key }: Choice): number {
  const found = key === undefined ? -1 : instances.findIndex((one) => keyOf(one) === key);
  return found >= 0 ? found : Math.max(0, Math.min(row, instances.length - 1));
}

/** An old process has the name of its replacement. */
const keyOf = ({ name, state, pid }: InstanceStatus): string =>
  state === 'retiring' ? `${name} ${pid ?? ''}` : name;

function headOf({ status, problem }: Scenery, colours: Colours, { columns: most }: Size): string[] {
  const { wanted, up, ready, instances, stateProblem } = status;
  const others = countedStates(instances)
    .filter(([state]) => state !== 'ready')
    .map(([state, count]) => `${count} ${state}`);
  const sums = [`${wanted} wanted, ${up} up, ${ready} ready`, ...others].join(', ');
  const line = (text: string): string => cut(visibleInLine(text), most);
  return [
    isShort(status) ? colours.red(line(sums)) : line(sums),
    ...status.rollouts.slice(0, 2).map((rollout) => line(formatRollout(rollout))),
    ...(stateProblem === undefined ? [] : [colours.red(line(stateProblem.problem))]),
    ...(problem === undefined ? [] : [colours.red(line(`the last look failed: ${problem}`))]),
  ];
}

/** Which instances are shown, and which row is selected. */
interface Window {
  readonly from: number;
  readonly to: number;
  readonly row: number;
}

function tableOf(
  status: Status,
  instances: readonly InstanceStatus[],
  { from, to, row }: Window,
  size: Size,
  colours: Colours,
): string[] {
  if (instances.length === 0) return ['', cut('  no such instances', size.columns)];
  const paint = paintOf(colours);
  const cells = (one: InstanceStatus): Map<ColumnName, string> =>
    new Map(fixed.map((name) => [name, cellOf(name, one, status)]));
  const all = instances.map(cells);
  const widths = new Map(
    fixed.map((name) => [
      name,
      Math.max(...all.map((one) => width(one.get(name) ?? '')), name.length),
    ]),
  );
  const names = fitting(widths, size.columns);
  const format = (mark: string, cell: (name: ColumnName) => string, text: string): string[] => [
    mark + names.map((name) => padded(cell(name), name, widths.get(name) ?? 0)).join('  '),
    text,
  ];
  const head = format('  ', (name) => name.toUpperCase(), 'JOB, DETAIL').join('  ');
  const rows = instances.slice(from, to).map((one, at) => {
    const isSelected = from + at === row;
    const line = cut(
      format(
        isSelected ? '> ' : '  ',
        (name) => all[from + at]?.get(name) ?? '',
        textOf(one, status),
      )
        .join('  ')
        .trimEnd(),
      size.columns,
    );
    const painted = line.replace(` ${one.state} `, () => ` ${paint[one.state](one.state)} `);
    return isSelected ? colours.bold(painted) : painted;
  });
  return [colours.bold(cut(head, size.columns)), ...rows];
}

const fixed: readonly ColumnName[] = [
  'instance',
  'state',
  'pid',
  'uptime',
  'restarts',
  'cpu',
  'memory',
];

function fitting(widths: ReadonlyMap<ColumnName, number>, most: number): readonly ColumnName[] {
  let names = fixed;
  for (const name of droppable) {
    const taken = names.reduce((sum, one) => sum + (widths.get(one) ?? 0) + 2, 2);
    if (taken + roomForText <= most) break;
    names = names.filter((one) => one !== name);
  }
  return names;
}

function cellOf(name: ColumnName, one: InstanceStatus, status: Status): string {
  if (name === 'cpu') return one.cpu === undefined ? nothing : `${Math.round(one.cpu / 10)}%`;
  return visibleInLine(columns[name].cell(one, status) ?? nothing);
}

const padded = (cell: string, name: ColumnName, most: number): string => {
  const pad = ' '.repeat(Math.max(0, most - width(cell)));
  return columns[name].isRight === true ? pad + cell : cell + pad;
};

const textOf = (one: InstanceStatus, status: Status): string =>
  [columns.job.cell(one, status) ?? '', columns.detail.cell(one, status) ?? '']
    .filter((text) => text !== '')
    .map(visibleInLine)
    .join('; ');

/** The details take their room from the list; what is latest is at the end, and stays. */
function paneOf(
  one: InstanceStatus,
  status: Status,
  { events, log }: Details,
  { columns: most, rows }: Size,
  colours: Colours,
): string[] {
  const title = `── ${one.name} ${'─'.repeat(most)}`;
  const facts = [
    one.state,
    one.pid === undefined ? '' : `pid ${one.pid}`,
    one.release === undefined ? '' : `release ${one.release}`,
    textOf(one, status),
  ].filter((text) => text !== '');
  const about = wrap(visibleInLine(facts.join('; ')), most, '  ')
    .slice(0, rows - 1)
    .map((line) => cut(line, most));
  const left = rows - 1 - about.length;
  const forLog = Math.min(
    log.length,
    Math.max(0, left - Math.min(events.length, Math.ceil(left / 3)) - 1),
  );
  const shownLog = log.slice(log.length - forLog).map((line) => cut(visibleInLine(line), most));
  const forEvents = Math.max(0, left - shownLog.length - (shownLog.length > 0 ? 1 : 0));
  const shownEvents = events
    .slice(Math.max(0, events.length - forEvents))
    .map((line) => cut(line, most));
  const logTitle = shownLog.length === 0 ? [] : [colours.dim(cut('log:', most))];
  const lines = [
    colours.bold(cut(title, most)),
    ...about,
    ...shownEvents,
    ...logTitle,
    ...shownLog,
  ];
  return [...lines, ...Array<string>(rows).fill('')].slice(0, rows);
}

function footOf(
  { isTyping, filter, sort }: Choice,
  more: string,
  size: Size,
  colours: Colours,
): string {
  const keys = isTyping
    ? `filter: ${filter}_   Enter keeps it, Esc removes it`
    : [
        'q quit',
        'up/down select',
        'Enter details',
        `s sort: ${sort}`,
        filter === '' ? '/ filter' : `/ filter: ${filter}`,
        more,
      ]
        .filter((text) => text !== '')
        .join('  ');
  return colours.dim(cut(visibleInLine(keys), size.columns));
}
