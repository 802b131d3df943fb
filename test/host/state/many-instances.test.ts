// What grows with the number of instances must be read again, however many there are.
import { statSync } from 'node:fs';
import { expect, test } from 'vitest';
import { mapOf } from '../../../src/core/basics/lookup.ts';
import { durationOf, momentOf } from '../../../src/core/basics/time.ts';
import { noDesired } from '../../../src/core/model/desired.ts';
import type { ObservedInstance } from '../../../src/core/model/observation.ts';
import { noLedger } from '../../../src/core/model/ledger.ts';
import { desiredPath, findDesired } from '../../../src/host/state/desired-file.ts';
import { writeDesired } from '../../../src/host/state/desired-write.ts';
import { ledgerFolder, readLedger, writeLedger } from '../../../src/host/state/ledger-file.ts';
import { createMemoryTracker } from '../../../src/host/state/memory-samples.ts';
import { alive, observation, process } from '../../core/builders.ts';
import { useScratch } from '../../rig/scratch.ts';

const scratch = useScratch();
const names = Array.from({ length: 20_000 }, (_, index) => `worker.${index + 1}`);
const ofEach = <T>(value: T): Record<string, T> =>
  mapOf(names.map((name) => [name, value] as const));

const megabyte = 1024 * 1024;
const request = { at: momentOf(1_700_000_000_000), by: 'deploy@web1' };
const identity = { pid: 7, startTime: 8, bootId: 'x' };

test('what is asked for', () => {
  const desired = {
    ...noDesired,
    stopped: ofEach(request),
    deadlines: ofEach({ process: identity, at: durationOf(123_456) }),
  };
  writeDesired(scratch.folder(), desired, { isDurable: false });
  expect(statSync(desiredPath(scratch.folder())).size).toBeGreaterThan(megabyte);
  expect(findDesired(scratch.folder())).toEqual({ desired });
});

test('the ledger', () => {
  const failures = ofEach({ runId: 'abcdef0123456789', count: 3, at: request.at });
  const ledger = { ...noLedger, failures, reportedDeaths: ofEach('abcdef0123456789') };
  writeLedger(scratch.folder(), ledger);
  expect(readLedger(scratch.folder())).toEqual({ kind: 'read', value: ledger });
});

/** An instance whose process has this many bytes. */
function using(name: string, rss: number): ObservedInstance {
  const one = alive(name, 10);
  if (one.presence.kind !== 'alive') throw new Error('alive');
  return { ...one, presence: { ...one.presence, process: process(10, { rss }) } };
}

test('the memory that processes had', () => {
  const tracker = createMemoryTracker(scratch.folder());
  tracker.see(observation(...names.map((name, index) => using(name, index))));
  tracker.save();
  expect(statSync(`${ledgerFolder(scratch.folder())}/memory.json`).size).toBeGreaterThan(megabyte);
  const next = createMemoryTracker(scratch.folder());
  expect(next.rssOf({ instance: 'worker.20000' }, 'start-10')).toBe(19_999);
});
