import { expect, test } from 'vitest';
import { momentOf } from '../../../src/core/basics/time.ts';
import {
  createLineReader,
  isWanted,
  type LogQuery,
} from '../../../src/core/rules/log-selection.ts';

const noon = momentOf(Date.UTC(2026, 0, 15, 12));
const lines = [
  'before any time',
  '2026-01-15T11:59:59Z INFO a',
  '2026-01-15T12:00:00Z ERROR b',
  '  at b',
  '  at c',
  'WARN d',
  '2026-01-15T12:00:01Z e',
];

function selected(query: LogQuery): string[] {
  const read = createLineReader<string>((line) => line, noon);
  return lines
    .map(read)
    .filter((line) => isWanted(line, query))
    .map(({ line }) => line);
}

test('a line without time and level must belong to the line before it', () => {
  expect(selected({ level: 'error' })).toEqual([lines[2], '  at b', '  at c']);
  expect(selected({ since: noon })).toEqual(lines.slice(2));
});

test('a line with a level must be as old as the line before it, and one with a time alone have no level', () => {
  expect(selected({ until: noon })).toEqual(lines.slice(1, 6));
  expect(selected({ level: 'warn' })).toEqual(lines.slice(2, 6));
});

test('a pattern must select single lines', () => {
  expect(selected({ matches: (text) => text.includes('at') })).toEqual([...['  at b', '  at c']]);
  expect(selected({ level: 'warn', matches: (text) => text.includes(' c') })).toEqual(['  at c']);
});
