import { expect, test } from 'vitest';
import { noDesired, type Desired } from '../../../src/core/model/desired.ts';
import { noLedger, type Ledger } from '../../../src/core/model/ledger.ts';
import type { ObservedInstance } from '../../../src/core/model/observation.ts';
import { durationOf } from '../../../src/core/basics/time.ts';
import {
  aConfig,
  alive,
  aRollout,
  aWorker,
  crashed,
  heldIntent,
  nextChange,
  noon,
  noonPlus,
  observation,
  restartPolicy,
  retiring,
  rolling,
  seconds,
  seenAt,
  stopOf,
  upAtNoon,
} from '../builders.ts';

const config = aConfig(aWorker('mail', ['1', '2']));
const rollout = rolling(aRollout({ 'mail.1': 10, 'mail.2': 20 }));
const draining = alive('mail.1', 10, { stop: stopOf(10) });
const limited = stopOf(10, true, { deadline: durationOf(upAtNoon + 90_000) });
const longDrain = 1_800_000;
const request = (length: number): Desired['held'] => ({
  'mail.2': { at: noon, by: 'ann@web1', until: noonPlus(seconds(length)) },
});
const failed: Ledger = {
  ...noLedger,
  failures: { 'mail.1': { runId: 'start-10', count: 3, at: noon } },
};

test.each<[string, Desired, ObservedInstance[], number | undefined, Ledger?]>([
  ['nothing is under way', noDesired, [alive('mail.1', 10)], undefined],
  ['one drains without a limit', noDesired, [draining], longDrain],
  [
    'the long drain of one was reported',
    noDesired,
    [draining],
    undefined,
    { ...noLedger, longDrains: { 'start-10': 'mail.1' } },
  ],
  ['one drains with a limit', noDesired, [alive('mail.1', 10, { stop: limited })], 90_000],
  [
    'an old one leaves with a limit',
    noDesired,
    [retiring('mail.1', 10, { stop: limited })],
    90_000,
  ],
  ['one is down for a while', noDesired, [crashed('mail.1', 10)], 4965, failed],
  ['a replacement starts', rollout, [alive('mail.1', 101, { age: durationOf(400) })], 600],
  ['the canary drains', rollout, [draining, alive('mail.2', 20)], 30_000],
  ['one is quiet for a time', { ...noDesired, quiet: request(20) }, [], 20_000],
  ['one is held for a time', { ...noDesired, held: request(20) }, [], 20_000],
  [
    'the soonest of two comes',
    { ...noDesired, held: request(2) },
    [crashed('mail.1', 10)],
    2000,
    failed,
  ],
  [
    'one is held and overdue',
    heldIntent('mail.1'),
    [alive('mail.1', 10, { stop: limited })],
    undefined,
  ],
])('when %s, a look must be due in time', (_, desired, seen, length, ledger) => {
  expect(nextChange(config, desired, observation(...seen), ledger)).toBe(length);
});

test('patience must come to its end later by a clock that was set back', () => {
  const seen = seenAt(seconds(-3600), draining, alive('mail.2', 20));
  expect(nextChange(config, rollout, seen)).toBe(3_630_000);
});

test('if no other instance can be asked, patience must cause no further look', () => {
  const restart = restartPolicy({ batch: { kind: 'count', count: 1 }, patience: seconds(0) });
  const own = aConfig(aWorker('mail', ['1', '2'], { restart }));
  const seen = seenAt(seconds(60), draining, alive('mail.2', 20));
  expect(nextChange(own, rollout, seen)).toBe(longDrain - 60_000);
});

test('no patience at all must cause another look at once', () => {
  const restart = restartPolicy({ patience: seconds(0) });
  const own = aConfig(aWorker('mail', ['1', '2'], { restart }));
  expect(nextChange(own, rollout, observation(draining, alive('mail.2', 20)))).toBe(1);
});

test('what is overdue must be looked at now', () => {
  const seen = seenAt(seconds(100), alive('mail.1', 10, { stop: limited }));
  expect(nextChange(config, noDesired, seen)).toBe(0);
});
