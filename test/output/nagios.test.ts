import { expect, test } from 'vitest';
import { instanceStates, type InstanceState } from '../../src/core/views/instance-state.ts';
import { formatNagios, nagiosUnknown } from '../../src/output/nagios.ts';
import { instanceOf, statusOfAll } from './status/statuses.ts';

const codeOf = (...states: readonly InstanceState[]): number =>
  formatNagios(statusOfAll(states.map((state, index) => instanceOf(`mail.${index}`, { state }))))
    .code;

test.each([
  [0, ['ready', 'starting', 'quiet', 'draining', 'retiring', 'stopped', 'done', 'gone']],
  [1, ['surplus']],
  [2, ['missing', 'backoff', 'failed', 'late', 'frozen']],
] as const)('the states with code %d must be %j', (code, states) => {
  expect(instanceStates.filter((state) => codeOf(state) === code).sort()).toEqual(
    [...states].sort(),
  );
});

test('the worst must decide, and be named first', () => {
  const { text, code } = formatNagios(
    statusOfAll([
      instanceOf('mail.1', { state: 'surplus', detail: 'not wanted' }),
      instanceOf('mail.2', { state: 'backoff', detail: 'exited: status 1' }),
      instanceOf('mail.3'),
    ]),
  );
  expect(code).toBe(2);
  const [first = '', ...lines] = text.trimEnd().split('\n');
  expect(first).toMatch(
    /^WORKERCTL CRITICAL - 1 of 3 ready, 2 up: mail\.2 backoff: exited: status 1 \(and 1 more\) \| 'wanted'=3;;;0; /,
  );
  expect(lines).toEqual([
    'CRITICAL: mail.2 backoff: exited: status 1',
    'WARNING: mail.1 surplus: not wanted',
  ]);
});

test('what a worker says must not begin performance data or a line', () => {
  const detail = "a | 'fake'=1\nOK";
  const { text } = formatNagios(statusOfAll([instanceOf('mail.1', { state: 'late', detail })]));
  expect(text.split('\n')).toHaveLength(2);
  expect(text.split('|')).toHaveLength(2);
  expect(nagiosUnknown(detail).split('\n')).toHaveLength(2);
});

test('performance data must have the form of the guidelines', () => {
  const { text } = formatNagios(
    statusOfAll([instanceOf('mail.1', { restarts: { all: 4, unexpected: 1 } })], {
      desired: { mail: 1 },
    }),
  );
  const [, data = ''] = text.trimEnd().split(' | ');
  const items = data.match(/'[^']+'=\S+/g) ?? [];
  expect(items.join(' ')).toBe(data);
  for (const item of items) expect(item).toMatch(/^'[\w ]+'=\d+(\.\d+)?(s|B)?;;;0;?\d*$/);
  expect(items).toContain("'mail restarts_24h'=4;;;0;");
  expect(items).toContain("'mail memory'=20971520B;;;0");
});

test('an unknown state of what is wanted must be UNKNOWN, and a restart that was aborted a warning', () => {
  const problem = 'state.json and its copy are damaged';
  const unknown = statusOfAll([instanceOf('mail.1')], {
    stateProblem: { problem, isUnknown: true },
  });
  expect(formatNagios(unknown)).toMatchObject({ code: 3 });
  const known = { ...unknown, stateProblem: { problem, isUnknown: false } };
  expect(formatNagios(known)).toMatchObject({ code: 1 });
});
