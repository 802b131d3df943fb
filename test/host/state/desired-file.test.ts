import { mkdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { WorkerctlError } from '../../../src/core/basics/error.ts';
import { durationOf, momentOf } from '../../../src/core/basics/time.ts';
import { noDesired, type Desired } from '../../../src/core/model/desired.ts';
import { desiredPath, readDesired, writeDesired } from '../../../src/host/state/desired-file.ts';
import { useScratch } from '../../rig/scratch.ts';

const scratch = useScratch();

const request = { at: momentOf(1_700_000_000_000), by: 'deploy@web1' };
const identity = { pid: 7, startTime: 8, bootId: 'x' };

/** With every possible member. */
const desired: Desired = {
  stopped: { 'mail.1': request },
  held: { 'mail.3': { ...request, until: momentOf(1_700_000_060_000) }, 'mail.4': request },
  quiet: { 'mail.5': { ...request, until: momentOf(1_700_000_060_000) } },
  done: {
    'mail.6': { at: request.at, runId: 'f00', release: 'a', commandDigest: 'd', problem: 'why' },
    'mail.8': { at: request.at, runId: 'f01', commandDigest: 'd' },
  },
  counts: { mail: { ...request, identifiers: ['1', '2'] } },
  deadlines: { 'mail.2': { process: identity, at: durationOf(123_456) } },
  rollouts: [
    {
      ...request,
      id: 'abc',
      options: { canary: false, batch: { kind: 'count', count: 2 }, overlap: true },
      replaces: {
        'mail.2': { ...identity, runId: 'f00', successor: { ...identity, pid: 9 } },
        'mail.7': null,
        'mail.8': { ...identity, wasAsked: true },
      },
      releases: { mail: { from: 'a', to: 'b' } },
      origins: { mail: { directory: '/srv/a', release: 'a', commandDigest: 'd0' } },
      proven: { mail: { release: 'b', commandDigest: 'd1' }, maps: { commandDigest: 'd2' } },
      startedByName: ['mail.2'],
      aborted: { at: momentOf(1_700_000_000_003), instance: 'mail.2', problem: 'it died' },
      paused: { ...request, until: momentOf(1_700_000_060_000) },
    },
    {
      ...request,
      id: 'def',
      options: { batch: { kind: 'percent', percent: 25 }, killAfter: durationOf(900_000) },
      replaces: { 'maps.1': identity },
      releases: { maps: {} },
      proven: {},
      paused: request,
      cancelled: request,
    },
  ],
  ended: [
    { ...request, id: 'ghi', how: 'done' },
    { ...request, id: 'jkl', how: 'rolled_back', problem: 'mail.1: it died' },
  ],
  pins: {
    mail: { ...request, directory: '/srv/releases/1', release: '1', commandDigest: 'd1' },
    maps: { ...request, directory: '/srv/maps', commandDigest: 'd2' },
  },
};

function refusal(act: () => unknown): WorkerctlError {
  try {
    act();
  } catch (error) {
    if (error instanceof WorkerctlError) return error;
    throw error;
  }
  throw new Error('expected an error');
}

const write = (one: Desired): void => {
  writeDesired(scratch.folder(), one, { isDurable: true });
};

test('without a file nothing must be desired beyond the config', () => {
  expect(readDesired(scratch.folder())).toEqual(noDesired);
});

test.each([desired, { ...noDesired, stopped: desired.stopped }, noDesired])(
  '%j must be read as it was written',
  (one) => {
    write(one);
    expect(readDesired(scratch.folder())).toEqual(one);
  },
);

test('the file must name units, and hold moments in RFC 3339', () => {
  write(desired);
  const json = JSON.parse(readFileSync(desiredPath(scratch.folder()), 'utf8')) as unknown;
  expect(json).toMatchObject({
    schema: 2,
    stopped: { 'mail.1': { at: '2023-11-14T22:13:20.000Z', by: 'deploy@web1' } },
    deadlines: { 'mail.2': { since_boot_seconds: 123.456 } },
    rollouts: [
      { replaces: { 'mail.2': { start_time: 8, boot_id: 'x', run_id: 'f00' } } },
      { options: { kill_after_seconds: 900 } },
    ],
  });
});

test('the cause of a death must never be written', () => {
  write({ ...noDesired, isEnding: 'the container ends' });
  expect(readDesired(scratch.folder())).toEqual(noDesired);
});

test.each([
  ['', 'expected JSON, found an empty file'],
  ['abc', 'expected JSON, found "abc"'],
  ['[]', 'expected an object, found []'],
  ['{}', 'schema: expected 2, found nothing'],
  ['{"schema":1,"stopped":{}}', 'schema: expected 2, found 1'],
  ['{"schema":2,"stopped":{"a":1}}', 'stopped.a: expected an object, found 1'],
  ['{"schema":2,"stopped":{"a":{"at":5,"by":"me"}}}', 'stopped.a.at: expected a moment, found 5'],
  [
    '{"schema":2,"rollouts":[{"at":"2023-11-14T22:13:20Z","by":"me"}]}',
    'rollouts.0.id: expected a text, found nothing',
  ],
])('%j must be refused, naming the file, what is wrong and what to do', (text, problem) => {
  scratch.write('state.json', text);
  const error = refusal(() => readDesired(scratch.folder()));
  expect(error.code).toBe('state');
  expect(error.message).toBe(`${desiredPath(scratch.folder())} is damaged (${problem})`);
  expect(error.hint).toContain('move it away to continue; lost with it: stops, holds');
});

test('a file that cannot be written must be an error, and leave the old one', () => {
  mkdirSync(desiredPath(scratch.folder()));
  const error = refusal(() => {
    write(desired);
  });
  expect(error.code).toBe('state');
  expect(error.message).toContain('nothing was done');
});

test('a name that every object inherits must work like any other', () => {
  const odd: Desired = { ...noDesired, stopped: { '__proto__.1': { at: momentOf(1), by: 'me' } } };
  write(odd);
  expect(readFileSync(desiredPath(scratch.folder()), 'utf8')).toContain('__proto__.1');
  expect(readDesired(scratch.folder())).toEqual(odd);
});
