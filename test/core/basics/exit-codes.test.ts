import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { exitCodeRows, exitCodes } from '../../../src/core/basics/exit-codes.ts';

const page = fileURLToPath(new URL('../../../README.md', import.meta.url));
const block = /(<!-- generated: exit-codes -->\n)[^]*(<!-- end -->)/;

/** A table whose columns are as wide as their longest cell, as the formatter has it. */
function tableOf(rows: readonly (readonly string[])[]): string {
  const [head = [], ...body] = rows;
  const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('\n');
}

test('the README must list every exit code', () => {
  const text = readFileSync(page, 'utf8');
  const table = tableOf([['code', 'meaning'], ...exitCodeRows]);
  const updated = text.replace(
    block,
    (_, start: string, end: string) => `${start}\n${table}\n\n${end}`,
  );
  if (process.env['UPDATE_DOCS'] === '1') writeFileSync(page, updated);
  const hint = 'README.md is outdated: rewrite it with UPDATE_DOCS=1 npm test';
  expect(readFileSync(page, 'utf8'), hint).toBe(updated);
  expect(updated).toMatch(block);
});

test('each exit code must have one meaning, and those of signals must be free', () => {
  const codes = Object.values(exitCodes).map(({ code }) => code);
  expect(new Set(codes).size).toBe(codes.length);
  expect(codes.toSorted((a, b) => a - b)).toEqual(codes);
  expect(codes.filter((code) => code > 128)).toEqual([130]);
});
