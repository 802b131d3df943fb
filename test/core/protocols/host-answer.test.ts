import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { answerIn } from '../../../src/core/protocols/host-answer.ts';
import { createJsonReader } from '../../../src/core/protocols/json-reader.ts';
import { fleetCode, outcomeOf, type HostState } from '../../../src/core/rules/host-outcome.ts';

const end = { status: 0, words: 'exit status 0', last: undefined, messages: [] };
const result = { schema: 2, kind: 'result', exit_code: 0 };

describe('what a host has answered', () => {
  test.each<[string, object, string, HostState]>([
    ['a result, whatever ssh says', { status: 255, last: result }, 'answered', 'done'],
    [
      'a result of a failure',
      { status: 0, last: { ...result, exit_code: 1 } },
      'answered',
      'failed',
    ],
    [
      'a restart that another command has ended',
      { last: { ...result, exit_code: 5 } },
      'answered',
      'ended',
    ],
    ['a wait that is over', { last: { ...result, exit_code: 124 } }, 'answered', 'timed_out'],
    [
      'an operation whose end is not known there',
      { last: { ...result, exit_code: 4 } },
      'answered',
      'unknown',
    ],
    [
      'a status that is short',
      { last: { schema: 2, ok: false, instances: [] } },
      'answered',
      'short',
    ],
    [
      'a state that is not known',
      { last: { schema: 2, ok: true, wanted_is_known: false, instances: [] } },
      'answered',
      'failed',
    ],
    [
      'an error',
      { status: 78, last: { schema: 2, error: { message: 'x' }, exit_code: 78 } },
      'answered',
      'failed',
    ],
    [
      'an event and no result',
      { status: 255, last: { schema: 2, kind: 'draining', at: '' } },
      'unknown',
      'unknown',
    ],
    [
      'an event, and then 127',
      { status: 127, last: { schema: 2, kind: 'draining', at: '' } },
      'unknown',
      'unknown',
    ],
    ['nothing, with success', { status: 0 }, 'unknown', 'unknown'],
    ['nothing: no workerctl', { status: 127 }, 'unable', 'failed'],
    [
      'nothing: an old Node',
      { status: 126, messages: ['workerctl: expected Node.js 20'] },
      'unable',
      'failed',
    ],
    ['nothing: a cut connection', { status: 255 }, 'unknown', 'unknown'],
    ['another schema', { last: { ...result, schema: 3 } }, 'other_schema', 'unknown'],
    ['JSON of something else', { last: { hello: 1 } }, 'unknown', 'unknown'],
  ])('%s', (_, own, kind, state) => {
    const answer = answerIn({ ...end, ...own }, 'workerctl');
    expect(answer.kind).toBe(kind);
    expect(outcomeOf('web1', answer).state).toBe(state);
  });
});

test('the worst host must decide the exit code: what is certain before what is not', () => {
  const code = (...states: HostState[]): string =>
    fleetCode(states.map((state) => ({ host: 'web1', state })));
  expect(code('done', 'untouched')).toBe('done');
  expect(code('done', 'short')).toBe('notReady');
  expect(code('short', 'timed_out')).toBe('timedOut');
  expect(code('timed_out', 'ended', 'untouched')).toBe('ended');
  expect(code('ended', 'unknown')).toBe('unknown');
  expect(code('unknown', 'failed', 'done')).toBe('failed');
});

test('objects must be found in any output: in a line or over several, between other lines', () => {
  const noise = fc.string().map((text) => `# ${text.replace(/\n/g, ' ')}`);
  const object = fc.dictionary(
    fc.string({ minLength: 1 }),
    fc.oneof(fc.string(), fc.integer(), fc.constant({ a: [1] })),
    { minKeys: 1 },
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(noise, object, fc.boolean())), (parts) => {
      const lines = parts.flatMap(([text, value, isPretty]) => [
        text,
        ...JSON.stringify(value, undefined, isPretty ? 2 : 0).split('\n'),
      ]);
      const reader = createJsonReader(1_000_000);
      const found = lines.flatMap((line) => reader.push(line) ?? []);
      expect(found).toEqual(parts.map(([, value]) => value));
    }),
  );
});

test('an object that is too long must be left out, and what follows must be read', () => {
  const reader = createJsonReader(100);
  const lines = ['{', `  "a": "${'x'.repeat(200)}"`, '}', '{"b":1}'];
  expect(lines.flatMap((line) => reader.push(line) ?? [])).toEqual([{ b: 1 }]);
});

test.each([
  ['a title without a newline', ['\u001b]0;web1\u0007{"schema":2}'], [{ schema: 2 }]],
  ['a prompt before an object over several lines', ['$ {', '  "a": 1', '}'], [{ a: 1 }]],
  [
    'a brace that opens nothing',
    ['f() {', '{"a":1}', '{', '{', '  "b": 2', '}'],
    [{ a: 1 }, { b: 2 }],
  ],
  ['what only looks like an answer', ['x {"schema":2', '{"schema":', '}'], []],
])('objects must be found behind %s', (_, lines, expected) => {
  const reader = createJsonReader(1_000);
  expect(lines.flatMap((line) => reader.push(line) ?? [])).toEqual(expected);
});

test('lines that belong to no object must be kept in part, and the last of them only', () => {
  const reader = createJsonReader(1_000);
  for (let number = 0; number < 100; number += 1) reader.push(`${number} ${'x'.repeat(10_000)}`);
  expect(reader.others()).toHaveLength(20);
  expect(reader.others().join('').length).toBeLessThan(20_000);
  expect(reader.others().at(-1)).toMatch(/^99 x/);
});
