import { expect, test } from 'vitest';
import { noDesired } from '../../../src/core/model/desired.ts';
import { unwitnessedAfter } from '../../../src/core/rules/adoptions.ts';
import {
  about,
  aConfig,
  alive,
  aWorker,
  decide,
  nextChange,
  observation,
  planned,
  process,
  seconds,
  seenAt,
  stopOf,
} from '../builders.ts';

const config = aConfig(aWorker('mail', ['1']));
const unclear = { path: '/state/mail.1.stop', problem: 'damaged' };
const doubtful = alive('mail.1', 10, { stop: stopOf(10, true, { unclear }) });
const stopWithin = (length: number) =>
  ({ kind: 'stop', killAfter: seconds(length), ...about('mail.1') }) as const;

test('stop --now must kill a process that may have been asked, without asking it', () => {
  const { plan } = decide(config, noDesired, observation(doubtful), stopWithin(0));
  expect(plan).toMatch(/^kill mail\.1 pid 10 and its session: [^\n]*\n$/);
});

test('a limit must be waited for, and kill it', () => {
  const { desired } = decide(config, noDesired, observation(doubtful), stopWithin(10));
  expect(nextChange(config, desired, observation(doubtful))).toBe(10_000);
  expect(decide(config, desired, seenAt(seconds(10), doubtful)).plan).toContain(
    'kill mail.1 pid 10',
  );
});

test('it must not count as one that works, and nothing beside it is recycled', () => {
  const recycle = { age: seconds(10), outdated: false, minAge: seconds(0) };
  const two = aConfig(aWorker('mail', ['1', '2'], { recycle }));
  const kinds = (one = doubtful): string[] =>
    planned(two, noDesired, {
      ...observation(one, alive('mail.2', 11, { age: seconds(100) })),
      mayRecycle: true,
    }).map(({ kind }) => kind);
  expect(kinds(alive('mail.1', 10))).toEqual(['stop']);
  expect(kinds()).toEqual([]);
});

test('that it gets no signal must be remembered as long as its note is damaged', () => {
  const known = { 'mail.1': { process: process(10), problem: 'damaged', isUnclear: true } };
  expect(unwitnessedAfter(known, {}, observation(doubtful))).toEqual(known);
  expect(unwitnessedAfter(known, {}, observation(alive('mail.1', 10)))).toEqual({});
});
