import { describe, expect, test } from 'vitest';
import { noDesired, type Desired } from '../../../src/core/model/desired.ts';
import { noLedger, type Ledger, type State } from '../../../src/core/model/ledger.ts';
import type { Observation, ObservedInstance } from '../../../src/core/model/observation.ts';
import type { Config, Worker } from '../../../src/core/model/config.ts';
import { withUnstarted } from '../../../src/core/rules/unstarted.ts';
import {
  about,
  absent,
  aConfig,
  alive,
  aRollout,
  aWorker,
  check,
  crashed,
  dead,
  decide,
  heldIntent,
  nextChange,
  noon,
  noonPlus,
  observation,
  rolling,
  seconds,
  stoppedIntent,
  stopOf,
} from '../builders.ts';

const identifiers = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => String(index + 1));

const slow = { ready: { kind: 'after', after: seconds(10) } } as const;

const mail = (count: number, more: Partial<Worker> = {}): Worker =>
  aWorker('mail', identifiers(count), { ...slow, ...more });

const names = (count: number, from = 1, worker = 'mail'): string[] =>
  identifiers(count)
    .slice(from - 1)
    .map((identifier) => `${worker}.${identifier}`);

const gone = (count: number, from = 1, worker = 'mail'): ObservedInstance[] =>
  names(count, from, worker).map((name) => absent(name));

const rebooted = (name: string): ObservedInstance =>
  dead(name, 10, { death: { kind: 'rebooted' }, diedAt: null });

const starting = (name: string, pid: number): ObservedInstance =>
  alive(name, pid, { age: seconds(2) });

const seen = (...all: ObservedInstance[]): Observation => ({
  ...observation(...all),
  startsAtOnce: 8,
});

const nothing: State = { desired: noDesired, ledger: noLedger };
const inTurn: Ledger = { ...noLedger, startsInTurn: true };
const turns: State = { desired: noDesired, ledger: inTurn };

const startsOf = ({ plan }: { readonly plan: string }): string[] =>
  [...plan.matchAll(/^start ([^:]+)/gm)].map(([, name = '']) => name);

const after = (config: Config, before: State, ...all: ObservedInstance[]) =>
  check(config, before, seen(...all));

describe('if many instances are missing', () => {
  const config = aConfig(mail(30));

  test('as many as the host allows must be started, and the rest in turn', () => {
    const first = after(config, nothing, ...gone(30));
    expect(startsOf(first)).toEqual(names(8));
    expect(first.ledger.startsInTurn).toBe(true);
    const up = names(8).map((name, index) => starting(name, 100 + index));
    expect(startsOf(after(config, first, ...up, ...gone(30, 9)))).toEqual([]);
    const ready = [...names(3).map((name) => alive(name, 20)), ...up.slice(3)];
    expect(startsOf(after(config, first, ...ready, ...gone(30, 9)))).toEqual(names(11, 9));
  });

  test('the last twenty must take their turns, too, and then it is over', () => {
    const up = names(25).map((name) => alive(name, 20));
    expect(startsOf(after(config, turns, ...up.slice(0, 15), ...gone(30, 16)))).toHaveLength(8);
    const last = after(config, turns, ...up, ...gone(30, 26));
    expect(startsOf(last)).toEqual(names(30, 26));
    const all = after(config, last, ...names(30).map((name) => alive(name, 20)));
    expect(all.ledger).toEqual(noLedger);
  });

  test('a look at some of them must change nothing', () => {
    const { ledger } = check(config, turns, observation(alive('mail.1', 20)));
    expect(ledger.startsInTurn).toBe(true);
  });

  test('a command that was asked to start them must start them all', () => {
    const goal = { kind: 'start', ...about(...names(30)) } as const;
    expect(startsOf(decide(config, noDesired, observation(...gone(30)), goal))).toHaveLength(30);
  });

  describe('those that a command has left to a watch', () => {
    const asked = Object.fromEntries(names(30).map((name) => [name, noon]));
    const left: State = { desired: noDesired, ledger: { ...noLedger, asked } };

    test('must all be started at once, and make the others wait no less', () => {
      const found = after(config, left, ...gone(30));
      expect(startsOf(found)).toEqual(names(30));
      expect(found.ledger.startsInTurn).toBeUndefined();
      const more = aConfig(mail(60));
      expect(startsOf(after(more, left, ...gone(60)))).toEqual(names(38));
    });

    test('must wait like all others once they have had a process', () => {
      const up = names(30).map((name, index) => starting(name, 100 + index));
      expect(after(config, left, ...up).ledger).toEqual(noLedger);
      const diedAt = noonPlus(seconds(3600));
      const died = names(30).map((name) => dead(name, 20, { ranFor: seconds(600), diedAt }));
      expect(startsOf(after(config, left, ...died))).toHaveLength(8);
    });

    test('must not be forgotten because of an old process', () => {
      const died = names(30).map((name) => dead(name, 20));
      expect(startsOf(after(config, left, ...died))).toEqual(names(30));
    });

    test('must wait like all others after a boot, and after a start that has failed', () => {
      const long = { ...seen(...gone(30)), sinceBoot: seconds(10), now: noonPlus(seconds(3600)) };
      expect(startsOf(check(config, left, long))).toHaveLength(8);
      const failed = names(30).map((instance) => ({ instance, problem: 'no space' }));
      expect(withUnstarted(left.ledger, failed, noon).asked).toEqual({});
    });

    test('must not be started if they are not wanted any more', () => {
      const desired = stoppedIntent(...names(30));
      expect(after(config, { ...left, desired }, ...gone(30)).ledger.asked).toEqual({});
      expect(after(aConfig(mail(1)), left, ...gone(1)).ledger.asked).toEqual({ 'mail.1': noon });
    });
  });

  test.each([
    ['four, if the config says so', mail(30, { startsAtOnce: 4 }), 4],
    ['twenty, if the config says so', mail(30, { startsAtOnce: 20 }), 20],
  ])('%s', (_, worker, count) => {
    expect(startsOf(after(aConfig(worker), nothing, ...gone(30)))).toHaveLength(count);
  });

  test('up to twenty must be started at once', () => {
    const found = after(aConfig(mail(20)), nothing, ...gone(20));
    expect(startsOf(found)).toHaveLength(20);
    expect(found.ledger.startsInTurn).toBeUndefined();
  });

  test('those that are held, stopped or done must not count', () => {
    const desired: Desired = { ...noDesired, ...heldIntent('mail.1') };
    const found = after(aConfig(mail(21)), { ...nothing, desired }, ...gone(21));
    expect(startsOf(found)).toEqual(names(21, 2));
  });
});

test('after a boot even a few must be started in turn', () => {
  const config = aConfig(mail(6, { startsAtOnce: 2 }));
  const first = after(config, nothing, ...names(6).map(rebooted));
  expect(startsOf(first)).toEqual(['mail.1', 'mail.2']);
  const up = names(2).map((name, index) => starting(name, 100 + index));
  expect(startsOf(after(config, first, ...up, ...names(6, 3).map(rebooted)))).toEqual([]);
});

describe('no place must be taken', () => {
  const config = aConfig(
    mail(4, { startsAtOnce: 1, ready: { kind: 'file', path: 'f', timeout: seconds(10) } }),
  );
  const next = gone(4, 2);

  test.each<[string, ObservedInstance, Ledger, Desired]>([
    ['by one that is late', alive('mail.1', 20, { age: seconds(10) }), inTurn, noDesired],
    [
      'by one that is ready',
      alive('mail.1', 20, { age: seconds(2), hasShownReady: true }),
      inTurn,
      noDesired,
    ],
    [
      'by one that drains',
      alive('mail.1', 20, { age: seconds(2), stop: stopOf(20) }),
      inTurn,
      noDesired,
    ],
    [
      'by one that is down for a while',
      crashed('mail.1', 20),
      {
        ...inTurn,
        failures: { 'mail.1': { runId: 'start-20', count: 3, at: noon } },
        reportedDeaths: { 'mail.1': 'start-20' },
      },
      noDesired,
    ],
    ['by a replacement', starting('mail.1', 20), inTurn, rolling(aRollout({ 'mail.1': 10 }))],
  ])('%s', (_, first, ledger, desired) => {
    expect(startsOf(after(config, { desired, ledger }, first, ...next))).toEqual(['mail.2']);
  });

  test('but by one that is not ready yet', () => {
    expect(startsOf(after(config, turns, starting('mail.1', 20), ...next))).toEqual([]);
    const state = { ...seen(starting('mail.1', 20), ...next) };
    expect(nextChange(config, noDesired, state, inTurn)).toBe(500);
  });

  test('nor must a replacement wait for one', () => {
    const desired = rolling(
      aRollout({ 'mail.2': 10 }, { proven: { mail: { commandDigest: 'digest' } } }),
    );
    const exited = dead('mail.2', 10, { stop: stopOf(10) });
    const found = after(
      config,
      { desired, ledger: inTurn },
      starting('mail.1', 20),
      exited,
      ...gone(4, 3),
    );
    expect(startsOf(found)).toEqual(['mail.2']);
  });

  test('but what a boot has ended must wait, also in a restart', () => {
    const desired = rolling(
      aRollout({ 'mail.2': 10 }, { proven: { mail: { commandDigest: 'digest' } } }),
    );
    const found = after(
      config,
      { desired, ledger: inTurn },
      starting('mail.1', 20),
      rebooted('mail.2'),
      ...gone(4, 3),
    );
    expect(startsOf(found)).toEqual([]);
  });
});

describe('with several workers', () => {
  const config = aConfig(mail(15), aWorker('fsck', identifiers(15), { ...slow, startsAtOnce: 2 }));
  const all = [...gone(15), ...gone(15, 1, 'fsck')];

  test('each must get its share of the places, and none more than its own', () => {
    expect(startsOf(after(config, nothing, ...all))).toEqual([...names(6), 'fsck.1', 'fsck.2']);
  });

  test('a worker whose instances do not get ready must not keep the others down', () => {
    const stuck = names(6).map((name, index) => starting(name, 100 + index));
    const found = after(config, turns, ...stuck, ...gone(15, 7), ...gone(15, 1, 'fsck'));
    expect(startsOf(found)).toContain('fsck.1');
  });
});

test('the next turn must come when the first of those that start is ready', () => {
  const config = aConfig(mail(3, { startsAtOnce: 2 }));
  const up = [alive('mail.1', 20, { age: seconds(2) }), alive('mail.2', 21, { age: seconds(4) })];
  expect(nextChange(config, noDesired, seen(...up, absent('mail.3')), inTurn)).toBe(6000);
  expect(nextChange(config, noDesired, seen(...up, absent('mail.3')))).toBe(undefined);
});
