import { describe, expect, test } from 'vitest';
import { formatEvent } from '../../../src/core/events/event.ts';
import { noDesired, type Desired } from '../../../src/core/model/desired.ts';
import { noLedger, type Ledger } from '../../../src/core/model/ledger.ts';
import type { ObservedInstance } from '../../../src/core/model/observation.ts';
import { isShort } from '../../../src/core/views/status.ts';
import type { InstanceStatus } from '../../../src/core/views/instance-status.ts';
import { durationOf } from '../../../src/core/basics/time.ts';
import {
  absent,
  aConfig,
  alive,
  aRollout,
  aWorker,
  crashed,
  dead,
  heldIntent,
  noon,
  noonPlus,
  observation,
  quietOf,
  retiring,
  rolling,
  seconds,
  statusFor,
  stopOf,
  stoppedIntent,
  stray,
  upAtNoon,
} from '../builders.ts';

const mail = aWorker('mail', ['1'], {
  ready: { kind: 'log', pattern: 'up', timeout: seconds(60) },
});
const config = aConfig(mail);
const isUp = { hasShownReady: true };

const lineOf = (
  seen: ObservedInstance,
  desired: Desired = noDesired,
  releases = {},
  ledger = noLedger,
): InstanceStatus | undefined =>
  statusFor(config, desired, observation(seen), releases, ledger).instances[0];

const failed: Ledger = {
  ...noLedger,
  failures: { 'mail.1': { runId: 'start-10', count: 3, at: noon } },
};
const until = noonPlus(seconds(600));

const frozenWords = 'stopped (SIGSTOP) and doing nothing; kill -CONT continues it';
const frozen = (seen: ObservedInstance): ObservedInstance => {
  if (seen.presence.kind !== 'alive') return seen;
  const { presence } = seen;
  return {
    ...seen,
    presence: { ...presence, process: { ...presence.process, activity: 'stopped' } },
  };
};

describe('an instance', () => {
  test.each<[string, string, ObservedInstance, Desired, Ledger?]>([
    ['ready', '', alive('mail.1', 10, isUp), noDesired],
    ['starting', '', alive('mail.1', 10, { age: seconds(2) }), noDesired],
    ['late', 'not ready after 1m', alive('mail.1', 10), noDesired],
    [
      'quiet',
      'quiet by ann@web1 until 12:10:00',
      alive('mail.1', 10, { ...isUp, quiet: quietOf(10, { stopsWhenIdle: false }) }),
      { ...noDesired, quiet: { 'mail.1': { at: noon, by: 'ann@web1', until } } },
    ],
    ['frozen', frozenWords, frozen(alive('mail.1', 10, isUp)), noDesired],
    ['frozen', `not ready after 1m; ${frozenWords}`, frozen(alive('mail.1', 10)), noDesired],
    [
      'draining',
      `asked 0s ago, no limit (restart); ${frozenWords}`,
      frozen(alive('mail.1', 10, { stop: stopOf(10) })),
      noDesired,
    ],
    [
      'draining',
      'asked 0s ago, no limit (restart)',
      alive('mail.1', 10, { stop: stopOf(10) }),
      noDesired,
    ],
    [
      'draining',
      'asked 0s ago, no limit (restart)',
      alive('mail.1', 10, { quiet: quietOf(10) }),
      noDesired,
    ],
    [
      'draining',
      'asked 0s ago, killed in 10s (restart)',
      alive('mail.1', 10, { stop: stopOf(10, true, { deadline: durationOf(upAtNoon + 10_000) }) }),
      noDesired,
    ],
    ['retiring', 'asked 0s ago, no limit (restart)', retiring('mail.1', 10), noDesired],
    ['missing', 'not started; bootcheck starts it', absent('mail.1'), noDesired],
    [
      'missing',
      'pid 10 exited 0s ago: status 0; bootcheck starts it',
      dead('mail.1', 10, isUp),
      noDesired,
    ],
    ['missing', 'not started; held by ann@web1', absent('mail.1'), heldIntent('mail.1')],
    [
      'backoff',
      'pid 10 exited 0s ago: status 1; failed 3 times in a row before it was ready; next start in 5s, at 12:00:04',
      crashed('mail.1', 10),
      noDesired,
      failed,
    ],
    [
      'missing',
      'pid 10 exited 0s ago: status 1; held by ann@web1',
      crashed('mail.1', 10),
      heldIntent('mail.1'),
      failed,
    ],
    ['stopped', 'by ann@web1 at 12:00:00', dead('mail.1', 10), stoppedIntent('mail.1')],
    ['surplus', 'not wanted; bootcheck drains it', alive('mail.9', 90), noDesired],
    ['surplus', 'not in the config; workerctl stop old.1 drains it', alive('old.1', 90), noDesired],
    ['ready', 'no record claims it; bootcheck adopts it', stray('mail.1', 10), noDesired],
    ['ready', 'to be stopped', alive('mail.1', 10, isUp), stoppedIntent('mail.1')],
  ])('must be %s: %s', (state, detail, seen, desired, ledger) => {
    expect(lineOf(seen, desired, {}, ledger)).toMatchObject({ state, detail });
  });

  test.each([
    ['that the config no longer wants', dead('mail.9', 90)],
    ['of which an old process has left', { ...dead('mail.1', 9), retiring: 'start-9' }],
  ])('%s must not be shown', (_, seen) => {
    expect(lineOf(seen)).toBeUndefined();
  });

  test('must be shown under its name, whether its process is leaving or not', () => {
    expect(lineOf(retiring('mail.1', 10))?.name).toBe('mail.1');
  });

  test('must be outdated when it runs another release, or is to be replaced', () => {
    const seen = alive('mail.1', 10, { ...isUp, release: 'a1b2c3d' });
    expect(lineOf(seen, noDesired, { 'mail.1': 'a1b2c3d' })).toMatchObject({
      release: 'a1b2c3d',
      isOutdated: false,
    });
    expect(lineOf(seen, noDesired, { 'mail.1': '9f8e7d6' })?.isOutdated).toBe(true);
    expect(lineOf(seen, noDesired)?.isOutdated).toBe(false);
    expect(lineOf(seen, rolling(aRollout({ 'mail.1': 10 })))?.isOutdated).toBe(true);
    expect(lineOf(seen, rolling(aRollout({ 'mail.1': 9 })))?.isOutdated).toBe(false);
  });
});

describe('the whole', () => {
  const four = aConfig({
    ...mail,
    identifiers: ['1', '2', '3', '4'],
    configured: ['1', '2', '3', '4'],
  });
  const quiet = alive('mail.2', 20, { ...isUp, quiet: quietOf(20, { stopsWhenIdle: false }) });
  const stopped = stoppedIntent('mail.4');
  const wholeOf = (third: ObservedInstance): ReturnType<typeof statusFor> =>
    statusFor(
      four,
      stopped,
      observation(
        alive('mail.1', 10, isUp),
        quiet,
        third,
        dead('mail.4', 40),
        retiring('mail.1', 9),
      ),
    );

  test('must not want what was stopped, nor count what is leaving', () => {
    const whole = wholeOf(alive('mail.3', 30, isUp));
    expect(whole).toMatchObject({ wanted: 3, up: 3, ready: 2, quiet: 1 });
  });

  test('must not be short because of what is quiet on purpose', () => {
    expect(isShort(wholeOf(alive('mail.3', 30, isUp)))).toBe(false);
  });

  test.each([
    alive('mail.3', 30),
    alive('mail.3', 30, { ...isUp, stop: stopOf(30) }),
    frozen(alive('mail.3', 30, isUp)),
    dead('mail.3', 30),
    absent('mail.3'),
  ])('must be short when one is not ready', (third) => {
    expect(isShort(wholeOf(third))).toBe(true);
  });
});

test.each(['constructor', 'toString', 'valueOf', 'hasOwnProperty'])(
  'a worker named %s must have no want and no release other than those that were set',
  (name) => {
    const seen = alive(`${name}.1`, 10, { ...isUp, release: 'r1' });
    const found = statusFor(aConfig(aWorker(name, ['1'])), noDesired, observation(seen));
    expect(found.counts).toEqual([]);
    expect(found.instances[0]).toMatchObject({ release: 'r1', isOutdated: false });
  },
);

test('moments of another day must be shown with their day', () => {
  const days = (count: number) => noonPlus(seconds(count * 86_400));
  const by = 'ann@web1';
  const stopped = { ...noDesired, stopped: { 'mail.1': { at: days(-3), by } } };
  expect(lineOf(absent('mail.1'), stopped)?.detail).toBe('by ann@web1 at 2026-01-12 12:00:00');
  const held = { ...noDesired, held: { 'mail.1': { at: noon, by, until: days(1) } } };
  const seen = alive('mail.1', 10, isUp);
  expect(lineOf(seen, held)?.detail).toBe('held by ann@web1 until 2026-01-16 12:00:00');
  expect(formatEvent({ at: noon, instance: 'mail.1', kind: 'held', until: days(1) })).toBe(
    'mail.1: held until 2026-01-16 12:00:00',
  );
});
