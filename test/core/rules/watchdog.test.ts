import { describe, expect, test } from 'vitest';
import { noDesired, type Desired } from '../../../src/core/model/desired.ts';
import type { ObservedInstance } from '../../../src/core/model/observation.ts';
import { formatPlan } from '../../../src/core/model/plan.ts';
import { durationOf, type Duration } from '../../../src/core/basics/time.ts';
import type { HeartbeatPolicy } from '../../../src/core/model/config.ts';
import {
  aConfig,
  alive,
  aWorker,
  busy,
  dead,
  heldIntent,
  nextChange,
  observation,
  planned,
  retiring,
  seconds,
  seenAt,
  stopOf,
  upAtNoon,
} from '../builders.ts';

const plain: HeartbeatPolicy = { timeout: seconds(30), grace: seconds(2) };
const dumping: HeartbeatPolicy = { ...plain, dump: 'QUIT' };
const configWith = (heartbeat?: HeartbeatPolicy): ReturnType<typeof aConfig> =>
  aConfig(aWorker('mail', ['1'], { ...(heartbeat && { heartbeat }) }));

/** Silent for so many seconds; dumped so many seconds before noon. */
const silent = (
  one: ObservedInstance,
  forSeconds: number,
  dumpedAgo?: number,
): ObservedInstance => ({
  ...one,
  silence: seconds(forSeconds),
  ...(dumpedAgo !== undefined && { dumpedAt: durationOf(upAtNoon - dumpedAgo * 1000) }),
});
const mail = alive('mail.1', 10, { hasShownReady: true });

const planFor = (heartbeat: HeartbeatPolicy | undefined, ...seen: ObservedInstance[]): string =>
  formatPlan(planned(configWith(heartbeat), noDesired, observation(...seen)));

const kinds = (heartbeat: HeartbeatPolicy, seen: ObservedInstance, desired: Desired = noDesired) =>
  planned(configWith(heartbeat), desired, observation(seen)).map(
    ({ kind, instance }) => `${kind} ${instance}`,
  );

describe('a worker that gives no sign of life', () => {
  test('must be left alone below its timeout', () => {
    expect(planFor(dumping, silent(mail, 29.999))).toBe('');
    expect(planFor(plain, silent(mail, 29.999))).toBe('');
  });

  test('must be left alone if that is not watched for, or it was not looked at', () => {
    expect(planFor(undefined, silent(mail, 3600))).toBe('');
    expect(planFor(plain, mail)).toBe('');
  });

  test('must be killed by the watchdog at its timeout, and its job named', () => {
    const working = alive('mail.1', 10, { hasShownReady: true, activity: busy });
    const [kill, ...others] = planned(
      configWith(plain),
      noDesired,
      observation(silent(working, 30)),
    );
    expect(others).toEqual([]);
    expect(kill).toMatchObject({
      kind: 'kill',
      instance: 'mail.1',
      isWatchdog: true,
      held: { job: 'job 212' },
      cause: 'no sign of life for 30s (limit 30s)',
    });
  });

  test('must be dumped first, and have its grace', () => {
    expect(kinds(dumping, silent(mail, 30))).toEqual(['dump mail.1']);
    expect(kinds(dumping, silent(mail, 31.9, 1.9))).toEqual([]);
    expect(kinds(dumping, silent(mail, 32, 2))).toEqual(['kill mail.1']);
  });

  test('must be dumped and killed at once where there is no grace, in two passes', () => {
    const hasty = { ...dumping, grace: seconds(0) };
    expect(kinds(hasty, silent(mail, 30))).toEqual(['dump mail.1']);
    expect(kinds(hasty, silent(mail, 30, 0))).toEqual(['kill mail.1']);
  });

  test('must be spared when it gives one during the grace', () => {
    expect(kinds(dumping, silent(mail, 0.1, 1.9))).toEqual([]);
    expect(kinds(dumping, silent(mail, 0.1, 60))).toEqual([]);
  });

  test('must be killed while it drains and while it leaves, too', () => {
    const draining = alive('mail.1', 10, { stop: stopOf(10) });
    expect(kinds(plain, silent(draining, 30))).toEqual(['kill mail.1']);
    const old = retiring('mail.1', 9);
    const plan = planned(configWith(plain), noDesired, observation(mail, silent(old, 30)));
    expect(plan.map(({ kind, instance }) => `${kind} ${instance}`)).toEqual([`kill ${old.name}`]);
  });

  test('must be killed while watch ends', () => {
    const draining = alive('mail.1', 10, { stop: stopOf(10) });
    const ending: Desired = { ...noDesired, isEnding: 'watch ends' };
    expect(kinds(plain, silent(draining, 30), ending)).toEqual(['kill mail.1']);
  });

  test('must be left alone while it is held', () => {
    expect(kinds(plain, silent(mail, 3600), heldIntent('mail.1'))).toEqual([]);
  });

  test('must be alive to be killed', () => {
    expect(kinds(plain, silent(dead('mail.1', 10), 3600))).toEqual(['start mail.1']);
  });
});

describe('the next look', () => {
  const nextLook = (seen: ObservedInstance, after: Duration = seconds(0)): Duration | undefined =>
    nextChange(configWith(dumping), noDesired, seenAt(after, seen));

  test.each<[string, ObservedInstance, number]>([
    ['when the silence reaches the timeout', silent(mail, 12), 18],
    ['when the grace is over', silent(mail, 30.5, 0.5), 1.5],
    ['at once, when the grace was over before', silent(mail, 90, 60), 0],
    ['at the timeout, where a beat has ended the silence', silent(mail, 1, 3), 29],
  ])('must be %s', (_, seen, expected) => {
    expect(nextLook(seen)).toBe(seconds(expected));
  });
});
