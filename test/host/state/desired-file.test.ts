import { readFileSync, mkdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { WorkerctlError } from '../../../src/core/basics/error.ts';
import { noDesired, type Desired } from '../../../src/core/model/desired.ts';
import { durationOf, momentOf } from '../../../src/core/basics/time.ts';
import { desiredPath, readDesired, writeDesired } from '../../../src/host/state/desired-file.ts';
import { useScratch } from '../../rig/scratch.ts';

const scratch = useScratch();

const request = { at: momentOf(1_700_000_000_000), by: 'deploy@web1' };
const identity = { pid: 7, startTime: 8, bootId: 'x' };

/** With every member that there is. */
const desired: Desired = {
  stopped: { 'mail.1': request },
  held: { 'mail.3': { ...request, until: momentOf(1_700_000_060_000) }, 'mail.4': request },
  quiet: { 'mail.5': { ...request, until: momentOf(1_700_000_060_000) } },
  counts: { mail: { ...request, identifiers: ['1', '2'] } },
  failures: {
    'mail.6': { runId: 'f00', count: 3, at: momentOf(1_700_000_000_002) },
    'mail.7': { runId: 'f01', count: 1, at: momentOf(1_700_000_000_002), isSpared: true },
  },
  deadlines: { 'mail.2': { process: identity, at: durationOf(123_456) } },
  told: { 'mail.8': 'f01' },
  losses: [
    {
      instance: 'mail.8',
      pid: 9,
      runId: 'f01',
      death: { kind: 'signalled', signal: 9, coreDumped: false, outOfMemory: 'likely' },
      at: momentOf(1_700_000_000_004),
      due: momentOf(1_700_000_010_004),
    },
    {
      instance: 'mail.9',
      pid: 10,
      runId: 'f02',
      death: { kind: 'unknown', why: 'its shim was killed' },
      at: momentOf(1_700_000_000_005),
      due: momentOf(1_700_000_010_005),
    },
  ],
  rollouts: [
    {
      ...request,
      id: 'abc',
      options: { canary: false, batch: { kind: 'count', count: 2 }, overlap: true },
      replaces: { 'mail.2': identity, 'mail.7': null },
      releases: { mail: { from: 'a', to: 'b' } },
      proven: ['mail'],
      aborted: { at: momentOf(1_700_000_000_003), instance: 'mail.2', why: 'it died' },
    },
    {
      ...request,
      id: 'def',
      options: { batch: { kind: 'percent', percent: 25 }, killAfter: durationOf(900_000) },
      replaces: { 'maps.1': identity },
      releases: { maps: {} },
      proven: [],
    },
  ],
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

test('nothing must be wanted without a file', () => {
  expect(readDesired(scratch.folder())).toEqual(noDesired);
});

test.each([desired, { ...noDesired, stopped: desired.stopped }, noDesired])(
  '%j must come back',
  (one) => {
    writeDesired(scratch.folder(), one, { durable: true });
    expect(readDesired(scratch.folder())).toEqual(one);
  },
);

test('one that a version without rollouts wrote must be read', () => {
  scratch.write('state.json', '{"version":1,"stopped":{"mail.1":{"at":5,"by":"me"}}}');
  expect(readDesired(scratch.folder())).toEqual({
    ...noDesired,
    stopped: { 'mail.1': { at: 5, by: 'me' } },
  });
});

test.each(['', 'abc', '[]', '{}', '{"version":2,"stopped":{}}', '{"version":1,"stopped":{"a":1}}'])(
  '%j must be refused, naming the file and what to do',
  (text) => {
    scratch.write('state.json', text);
    const error = refusal(() => readDesired(scratch.folder()));
    expect(error.code).toBe('state');
    expect(error.message).toContain(desiredPath(scratch.folder()));
    expect(error.message).toContain('expected the intent that workerctl wrote');
    expect(error.hint).toContain('remove that file');
  },
);

test('one that cannot be written must be an error, and leave the old one', () => {
  mkdirSync(desiredPath(scratch.folder()));
  const error = refusal(() => {
    writeDesired(scratch.folder(), desired, { durable: true });
  });
  expect(error.code).toBe('state');
  expect(error.message).toContain('nothing was done');
});

test('a name like those of objects must be an instance like any other', () => {
  const odd: Desired = { ...noDesired, stopped: { '__proto__.1': { at: momentOf(1), by: 'me' } } };
  writeDesired(scratch.folder(), odd, { durable: true });
  expect(readFileSync(desiredPath(scratch.folder()), 'utf8')).toContain('__proto__.1');
  expect(readDesired(scratch.folder())).toEqual(odd);
});
