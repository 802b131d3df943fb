import { cpus, loadavg, release } from 'node:os';

/** What the figures were measured on. */
export const machine = () => ({
  cores: cpus().length,
  cpu: cpus()[0]?.model ?? 'unknown',
  kernel: release(),
  node: process.version,
  load_before: Number(loadavg()[0].toFixed(2)),
});

/** Whether a figure is within its limit; undefined if it has none. */
export const isMet = ({ figure, limit }) => (limit === undefined ? undefined : figure <= limit);

/** The table that people read. */
export function formatTable(figures) {
  const rows = figures.map((each) => [
    each.name,
    shown(each.figure, each.unit) + multiple(each),
    each.limit === undefined ? '-' : limitOf(each),
    { true: 'met', false: 'NOT MET', undefined: '-' }[String(isMet(each))],
  ]);
  const table = [['WHAT', 'FIGURE', 'LIMIT', 'MET'], ...rows];
  const widths = table[0].map((_, at) => Math.max(...table.map((row) => row[at].length)));
  return table
    .map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at]))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

const multiple = ({ base }) => (base === undefined ? '' : ` (${base.ratio.toFixed(2)} x)`);

/** How each figure was measured, below the table. */
export const formatNotes = (figures) =>
  figures.map(({ name, note }) => `  ${name}: ${note}`).join('\n');

const limitOf = ({ limit, aim, unit }) =>
  `≤ ${shown(limit, unit)}${aim === undefined ? '' : ` (aim ${shown(aim, unit)})`}`;

function shown(value, unit) {
  switch (unit) {
    case 'x':
      return `${value.toFixed(2)} x`;
    case 's':
      return `${value.toFixed(2)} s`;
    case 'ms':
      return `${value.toFixed(1)} ms`;
    default:
      return String(value);
  }
}
