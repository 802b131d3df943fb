import width from './width.ts';

/**
 * Rows as aligned columns, two spaces apart; the last column is not padded. With `columns`, each line is cut there.
 */
export function formatTable(rows: readonly (readonly string[])[], columns?: number): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, index) => (widths[index] = Math.max(widths[index] ?? 0, width(cell))));
  }
  const lines = rows.map((row) =>
    row
      .map((cell, index) =>
        index === row.length - 1 ? cell : cell + ' '.repeat((widths[index] ?? 0) - width(cell)),
      )
      .join('  ')
      .trimEnd(),
  );
  return lines.map((line) => `${columns === undefined ? line : cut(line, columns)}\n`).join('');
}

function cut(line: string, columns: number): string {
  return width(line) <= columns ? line : `${line.slice(0, columns - 1)}…`;
}
