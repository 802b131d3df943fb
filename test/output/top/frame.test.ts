import { expect, test } from 'vitest';
import { durationOf } from '../../../src/core/basics/time.ts';
import type { InstanceStatus } from '../../../src/core/views/instance-status.ts';
import { plain } from '../../../src/output/plain.ts';
import { frameOf, type Details, type Frame } from '../../../src/output/top/frame.ts';
import type { Choice } from '../../../src/output/top/keys.ts';
import width from '../../../src/output/width.ts';
import { instanceOf, statusOfAll } from '../status/statuses.ts';

const start: Choice = { sort: 'instance', filter: '', isTyping: false, row: 0, isOpen: false };

const many = (count: number): InstanceStatus[] =>
  Array.from({ length: count }, (_, index) =>
    instanceOf(`mail.${index + 1}`, { cpu: durationOf(10 * index) }),
  );

const details: Details = {
  events: ['12:00:01  mail.1  started pid 1', '12:00:02  mail.1  exited'],
  log: ['first\x1b[2J', '日本語'.repeat(80), 'last'],
};

const frame = (
  instances: readonly InstanceStatus[],
  choice: Partial<Choice> = {},
  size = { columns: 80, rows: 24 },
): Frame =>
  frameOf(
    { status: statusOfAll(instances), choice: { ...start, ...choice } },
    size,
    plain,
    () => details,
  );

test('a frame must fill the screen exactly, and no line may be wider, however small it is', () => {
  for (const rows of [1, 2, 3, 5, 24, 50])
    for (const columns of [1, 10, 40, 80, 200])
      for (const count of [0, 1, 3, 200])
        for (const isOpen of [false, true]) {
          const { lines } = frame(many(count), { isOpen }, { columns, rows });
          expect(lines).toHaveLength(rows);
          for (const line of lines) expect(width(line)).toBeLessThanOrEqual(columns);
        }
});

test('nothing that a worker says may command the terminal', () => {
  const { lines } = frame([instanceOf('mail.1', { detail: '\x1b[31mred\nnext' })], {
    isOpen: true,
  });
  for (const line of lines) expect(line).not.toMatch(/\p{Cc}/u);
});

test('the list must scroll to what is selected, and say where it is', () => {
  const { lines, choice } = frame(many(200), { row: Number.MAX_SAFE_INTEGER });
  expect(choice.row).toBe(199);
  expect(lines.find((line) => line.startsWith('> '))).toMatch(/^> mail\.200 /);
  expect(lines.at(-1)).toContain('200 of 200');
});

test('what is selected must stay so when the order changes, and if it is gone, its row', () => {
  const { choice } = frame(many(10), { row: 3 });
  expect(choice.key).toBe('mail.4');
  expect(frame(many(10), { ...choice, sort: 'cpu' }).choice).toMatchObject({
    row: 6,
    key: 'mail.4',
  });
  const without = many(10).filter(({ name }) => name !== 'mail.4');
  expect(frame(without, choice).choice).toMatchObject({ row: 3, key: 'mail.5' });
});

test('the filter must search names, states, jobs and details', () => {
  const all = [
    instanceOf('mail.1'),
    instanceOf('web.1', { state: 'late', detail: 'not ready after 30s' }),
    instanceOf('web.2', { activity: { kind: 'busy', count: 1, jobs: [{ what: 'Import 212' }] } }),
  ];
  const rows = (filter: string) =>
    frame(all, { filter }).lines.filter((line) => /^[> ] (mail|web)/.test(line)).length;
  expect(['web', 'LATE', 'import', 'not ready', 'nothing'].map(rows)).toEqual([2, 1, 1, 1, 0]);
});

test('the details must show events and the end of the log, and leave half of the list', () => {
  const { lines, page } = frame(many(30), { isOpen: true });
  const text = lines.join('\n');
  expect(text).toMatch(/^── mail\.1 ─/m);
  for (const shown of [...details.events, 'log:', 'first^[[2J', 'last'])
    expect(text).toContain(shown);
  expect(page).toBe(10);
});

test('the CPU must be a share of one CPU, and unknown at the first look', () => {
  const unknown: InstanceStatus = {
    name: 'mail.2',
    worker: 'mail',
    state: 'ready',
    uptime: durationOf(7_500_000),
    isOutdated: false,
    detail: '',
  };
  const { lines } = frame([instanceOf('mail.1', { cpu: durationOf(1_234) }), unknown]);
  expect(lines[2]).toMatch(/ 123% /);
  expect(lines[3]).toMatch(/ 2h 5m +- /);
});
