import { expect, test } from 'vitest';
import { configIn, scratchFolder } from './scratch.ts';

const { load, problems, worker } = configIn(scratchFolder());

const withKeys = (keys: string) => `workers:\n  a:\n    command: x\n    ${keys}\n`;

test.each([
  ['stop: {timeout: 1h30m}', { stop: { timeout: 5_400_000 } }],
  ['stop: {timeout: 48h}', { stop: { timeout: 172_800_000 } }],
  ['stop: {timeout: 2d}', { stop: { timeout: 172_800_000 } }],
  ['recycle: {age: 1d12h, memory: 500M}', { recycle: { age: 129_600_000, memory: 524_288_000 } }],
  ['log: {max_size: 1G}', { log: { maxSize: 1024 ** 3 } }],
  ['limits: {as: 1.5G}', { limits: { as: 1.5 * 1024 ** 3 } }],
])('%s must be understood', (keys, expected) => {
  expect(worker(withKeys(keys))).toMatchObject(expected);
});

test.each(['0h0m', '400d', '30m1h', '1h 30m'])('a stop.timeout of %s must be refused', (value) => {
  expect(problems(withKeys(`stop: {timeout: ${value}}`))).toEqual([
    expect.stringContaining('workers.a.stop.timeout: expected a duration above 0 and at most 365d'),
  ]);
});

test('max_count below count must be refused, wherever the two are written', () => {
  const found = 'max_count: expected max_count to be at least count, found max_count 2 and count 3';
  expect(problems(withKeys('count: 3\n    max_count: 2'))).toEqual([`5:16: workers.a.${found}`]);
  expect(problems(`defaults: {max_count: 2}\n${withKeys('count: 3')}`)).toEqual([
    `5:12: workers.a.${found.replace('max_count', 'count')}`,
  ]);
  expect(problems(`defaults: {count: 3, max_count: 2}\n${withKeys('umask: "022"')}`)).toEqual([
    `1:33: defaults.${found}`,
  ]);
  expect(worker(withKeys('count: 3\n    max_count: 3')).maxCount).toBe(3);
});

test('keys at the top that begin with x- must be left to the user, for anchors', () => {
  const text =
    'x-all: &all {umask: "077", count: 2}\nx-n: [1, {y: z}]\nworkers: {a: {<<: *all, command: x}}\n';
  expect(load(text).workers).toMatchObject([{ name: 'a', umask: 0o077, configured: ['1', '2'] }]);
  expect(problems('y-all: 1\nworkers: {a: {command: x}}')[0]).toContain(
    'y-all: found an unknown key',
  );
  expect(problems('workers: {a: {command: x, x-y: 1}}')[0]).toContain(
    'workers.a.x-y: found an unknown key',
  );
});
