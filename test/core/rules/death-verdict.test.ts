import { describe, expect, test } from 'vitest';
import type { ObservedInstance } from '../../../src/core/model/observation.ts';
import type { Death } from '../../../src/core/model/record.ts';
import { assessDeath, type DeathAssessment } from '../../../src/core/rules/death-verdict.ts';
import { aWorker, busy, dead, idle, noon, process, seconds, stopOf } from '../builders.ts';

const worker = aWorker('mail', ['1'], { ready: { kind: 'after', after: seconds(1) } });

const by = (signal: number): Death => ({ kind: 'signalled', signal, coreDumped: false });
const exited = (status: number): Death => ({ kind: 'exited', status });

type Seen = Parameters<typeof dead>[2] & Pick<ObservedInstance, 'activity'>;

function found({ activity, ...more }: Seen): DeathAssessment {
  const one = dead('mail.1', 10, more);
  if (one.presence.kind !== 'dead') throw new Error('expected a dead one');
  return assessDeath({ ...one, ...(activity && { activity }) }, one.presence, worker, noon);
}

describe('a death that was not asked for', () => {
  test.each<[string, Seen, DeathAssessment['isJobLost']]>([
    ['killed while it said that it was busy', { death: by(9), activity: busy }, 'yes'],
    ['killed while it said that it was idle', { death: by(9), activity: idle }, 'no'],
    ['killed, and its activity is not known', { death: by(9) }, 'unknown'],
    ['aborted', { death: by(6) }, 'unknown'],
    ['exit status 134, which is no SIGABRT', { death: exited(134) }, 'unknown'],
    ['TERM by hand, of a program that knows no drain', { death: by(15), activity: busy }, 'yes'],
    ['exit status 0: it has had its chance', { death: exited(0) }, 'no'],
    ['exit status 0 in a job', { death: exited(0), activity: busy }, 'yes'],
    ['before it was ready: it had no job', { death: exited(1), ranFor: seconds(0.5) }, 'no'],
    [
      'no report of how it exited',
      { death: { kind: 'unknown', problem: 'no report of how it exited' } },
      'unknown',
    ],
    ['the host was booted', { death: { kind: 'rebooted' }, activity: busy }, 'yes'],
  ])('%s must be unexpected', (_, seen, isJobLost) => {
    expect(found(seen)).toMatchObject({ verdict: 'unexpected', isJobLost });
  });

  test('must carry the job in its own words', () => {
    expect(found({ death: by(9), activity: busy }).held).toEqual({
      job: 'job 212',
      jobs: ['job 212'],
      jobCount: 1,
    });
    expect(found({ death: by(9), activity: idle }).held).toEqual({});
  });
});

describe('a death that was asked for', () => {
  const stop = stopOf(10, true, { cause: 'restart of 12:00 by ann@web1' });

  test.each<[string, Seen, DeathAssessment['isJobLost']]>([
    ['an exit', { death: exited(0), stop }, 'no'],
    ['an exit whose last words were busy', { death: exited(0), stop, activity: busy }, 'no'],
    ['a death by the signal itself', { death: by(15), stop }, 'no'],
    ['a death by the signal itself during a job', { death: by(15), stop, activity: busy }, 'yes'],
  ])('%s must be requested, with its cause', (_, seen, isJobLost) => {
    expect(found(seen)).toMatchObject({ verdict: 'requested', cause: stop.cause, isJobLost });
  });

  test('must be unexpected if something else has ended its drain', () => {
    expect(found({ death: by(9), stop, activity: busy })).toMatchObject({
      verdict: 'unexpected',
      isJobLost: 'yes',
      cause: 'while it drained (restart of 12:00 by ann@web1)',
    });
  });

  test('must be unexpected if the signal was never sent', () => {
    expect(found({ death: by(9), stop: stopOf(10, false) }).verdict).toBe('unexpected');
  });

  test('must be recycled if the stop says so', () => {
    expect(found({ death: exited(0), stop: { ...stop, isRecycle: true } })).toMatchObject({
      verdict: 'recycled',
      isJobLost: 'no',
    });
  });

  test('must name the watchdog and lose the job', () => {
    expect(found({ death: by(9), isWatchdogKill: true, activity: busy })).toMatchObject({
      verdict: 'requested',
      cause: 'the watchdog: silent',
      isJobLost: 'yes',
    });
  });

  test('must name the limit', () => {
    const one = dead('mail.1', 10, { death: by(9), stop });
    if (one.presence.kind !== 'dead') throw new Error('expected a dead one');
    const killing = { process: process(10), at: noon, cause: 'too long', isWatchdog: false };
    expect(assessDeath(one, { ...one.presence, killing }, worker, noon)).toEqual({
      verdict: 'requested',
      cause: 'its limit: too long',
      held: {},
      isJobLost: 'unknown',
    });
  });
});

test.each([1, 2, 3, 15])(
  'signal %i from outside before the process is ready must not be a loss',
  (signal) => {
    expect(found({ death: by(signal), ranFor: seconds(0.5) })).toMatchObject({
      verdict: 'requested',
      isJobLost: 'no',
    });
  },
);

test('without its worker in the config, a process must not count as not ready yet', () => {
  const one = dead('mail.1', 10, { death: by(9), ranFor: seconds(0.1) });
  if (one.presence.kind !== 'dead') throw new Error('expected a dead one');
  expect(assessDeath(one, one.presence, undefined, noon)).toEqual({
    verdict: 'unexpected',
    held: {},
    isJobLost: 'unknown',
  });
});
