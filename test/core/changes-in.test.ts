import { expect, test } from 'vitest';
import { noIntent, type Intent } from '../../src/core/intent.ts';
import type { ObservedInstance } from '../../src/core/observation.ts';
import { changesIn } from '../../src/core/reconcile.ts';
import { durationOf } from '../../src/core/time.ts';
import {
  aConfig,
  alive,
  aRollout,
  aWorker,
  crashed,
  heldIntent,
  leaving,
  noon,
  noonPlus,
  observation,
  restartPolicy,
  rolling,
  seconds,
  seenAt,
  stopOf,
  upAtNoon,
} from './builders.ts';

const config = aConfig(aWorker('mail', ['1', '2']));
const rollout = rolling(aRollout({ 'mail.1': 10, 'mail.2': 20 }));
const draining = alive('mail.1', 10, { stop: stopOf(10) });
const limited = stopOf(10, true, { deadline: durationOf(upAtNoon + 90_000) });
const wish = (length: number): Intent['held'] => ({
  'mail.2': { at: noon, by: 'ann@web1', until: noonPlus(seconds(length)) },
});
const failed: Intent = {
  ...noIntent,
  failures: { 'mail.1': { start: 'start-10', count: 3, at: noon } },
};

test.each<[string, Intent, ObservedInstance[], number | undefined]>([
  ['nothing is under way', noIntent, [alive('mail.1', 10)], undefined],
  ['one drains without a limit', noIntent, [draining], undefined],
  ['one drains with a limit', noIntent, [alive('mail.1', 10, { stop: limited })], 90_000],
  ['an old one leaves with a limit', noIntent, [leaving('mail.1', 10, { stop: limited })], 90_000],
  ['one is down for a while', failed, [crashed('mail.1', 10)], 4000],
  ['a replacement starts', rollout, [alive('mail.1', 101, { age: durationOf(400) })], 600],
  ['the canary drains', rollout, [draining, alive('mail.2', 20)], 30_000],
  ['one is quiet for a time', { ...noIntent, quiet: wish(20) }, [], 20_000],
  ['one is held for a time', { ...noIntent, held: wish(20) }, [], 20_000],
  ['the soonest of two comes', { ...failed, held: wish(2) }, [crashed('mail.1', 10)], 2000],
  [
    'one is held and overdue',
    heldIntent('mail.1'),
    [alive('mail.1', 10, { stop: limited })],
    undefined,
  ],
])('when %s, a look must be due in time', (_, intent, seen, length) => {
  expect(changesIn(config, intent, observation(...seen))).toBe(length);
});

test('patience must come to its end later by a clock that was set back', () => {
  const seen = seenAt(seconds(-3600), draining, alive('mail.2', 20));
  expect(changesIn(config, rollout, seen)).toBe(3_630_000);
});

test('where nobody else can be asked, patience must make nobody look again', () => {
  const restart = restartPolicy({ batch: { kind: 'count', count: 1 }, patience: seconds(0) });
  const own = aConfig(aWorker('mail', ['1', '2'], { restart }));
  const seen = seenAt(seconds(60), draining, alive('mail.2', 20));
  expect(changesIn(own, rollout, seen)).toBeUndefined();
});

test('no patience at all must make somebody look again at once', () => {
  const restart = restartPolicy({ patience: seconds(0) });
  const own = aConfig(aWorker('mail', ['1', '2'], { restart }));
  expect(changesIn(own, rollout, observation(draining, alive('mail.2', 20)))).toBe(1);
});

test('what is overdue must be looked at now', () => {
  const seen = seenAt(seconds(100), alive('mail.1', 10, { stop: limited }));
  expect(changesIn(config, noIntent, seen)).toBe(0);
});
