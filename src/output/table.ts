import width from './width.ts';

/**
 * Rows as aligned columns, two spaces apart; the last column is not padded. With `columns`, each line is cut there.
 */
export function formatTable(rows: readonly (readonly string[])[], columns?: number): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, index) => (widths[index] = Math.max(widths[index] ?? 0, width(cell))));
  }
  let text = '';
  for (const row of rows) {
    let line = '';
    let owed = 0;
    row.forEach((cell, index) => {
      line += ' '.repeat(owed) + cell;
      owed = (widths[index] ?? 0) - width(cell) + 2;
    });
    line = line.trimEnd();
    text += `${columns === undefined ? line : cut(line, columns)}\n`;
  }
  return text;
}

function cut(line: string, columns: number): string {
  return width(line) <= columns ? line : `${line.slice(0, columns - 1)}…`;
}
