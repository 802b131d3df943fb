import { visibleInLine } from '../core/basics/visible.ts';
import width, { cut } from './width.ts';

/**
 * Rows as aligned columns, two spaces apart; the last column is not padded. Lines are cut off at `columns`, if given.
 * `right`: the columns of numbers, by index.
 */
export function formatTable(
  rows: readonly (readonly string[])[],
  columns?: number,
  right?: ReadonlySet<number>,
): string {
  const widths: number[] = [];
  const taken: number[] = []; // the width of each cell, measured once: there may be thousands
  const cells = rows.map((row) => row.map(visibleInLine));
  for (const row of cells) {
    row.forEach((cell, index) => {
      const own = width(cell);
      taken.push(own);
      if (own > (widths[index] ?? 0)) widths[index] = own;
    });
  }
  let text = '';
  let at = 0;
  for (const row of cells) {
    let line = '';
    let owed = 0;
    row.forEach((cell, index) => {
      const pad = (widths[index] ?? 0) - (taken[at] ?? 0);
      const before = right?.has(index) === true ? pad : 0;
      line += ' '.repeat(owed + before) + cell;
      owed = pad - before + 2;
      at += 1;
    });
    line = line.trimEnd();
    text += `${columns === undefined ? line : cut(line, columns)}\n`;
  }
  return text;
}
