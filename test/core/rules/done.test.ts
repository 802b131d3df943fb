import { describe, expect, test } from 'vitest';
import { noDesired, type Desired } from '../../../src/core/model/desired.ts';
import { noLedger, type State } from '../../../src/core/model/ledger.ts';
import type { ObservedInstance } from '../../../src/core/model/observation.ts';
import type { Worker } from '../../../src/core/model/config.ts';
import { newDeaths } from '../../../src/core/rules/deaths.ts';
import { membersOf } from '../../../src/core/rules/rollout-members.ts';
import { durationOf } from '../../../src/core/basics/time.ts';
import {
  about,
  absent,
  aConfig,
  alive,
  aRollout,
  aWorker,
  check,
  dead,
  decide,
  heldIntent,
  noon,
  observation,
  restartOf,
  rolling,
  seconds,
  snapshot,
  statusFor,
  stopOf,
  stoppedIntent,
} from '../builders.ts';

const once = (more: Partial<Worker> = {}): Worker =>
  aWorker('mail', ['1'], { onExit: 'on_failure', ...more });

const nothing: State = { desired: noDesired, ledger: noLedger };

const exit = (status: number, more: Parameters<typeof dead>[2] = {}): ObservedInstance =>
  dead('mail.1', 10, { ranFor: seconds(2), death: { kind: 'exited', status }, ...more });

const killedBy = (signal: number): ObservedInstance =>
  dead('mail.1', 10, {
    ranFor: seconds(2),
    death: { kind: 'signalled', signal, coreDumped: false },
  });

const rebooted = dead('mail.1', 10, { death: { kind: 'rebooted' }, diedAt: null });

const success = { at: noon, runId: 'start-10', commandDigest: 'digest' };

const withDone = (done: Desired['done'][string] = success): Desired => ({
  ...noDesired,
  done: { 'mail.1': done },
});

const after = (worker: Worker, seen: ObservedInstance, before = nothing) =>
  check(aConfig(worker), before, observation(seen));

const failure = (problem: string) => ({ ...success, problem });

test.each([
  ['a success code ends it', once(), exit(0), success],
  ['each success code ends it', once({ successCodes: [0, 3] }), exit(3), success],
  ['another code does not', once(), exit(3), undefined],
  ['nor does 0 if it is no success code', once({ successCodes: [3] }), exit(0), undefined],
  ['nor does a signal', once(), killedBy(9), undefined],
  ['nor does a reboot', once(), rebooted, undefined],
  ['nor an exit that was asked for', once(), exit(0, { stop: stopOf(10) }), undefined],
  ['nor a kill by the watchdog', once(), exit(0, { isWatchdogKill: true }), undefined],
  ['with always nothing ends it', once({ onExit: 'always' }), exit(0), undefined],
  ['with never success ends it', once({ onExit: 'never' }), exit(0), success],
  ['with never failure ends it', once({ onExit: 'never' }), exit(4), failure('exit status 4')],
  [
    'with never a signal ends it',
    once({ onExit: 'never' }),
    killedBy(9),
    failure('signal 9 (SIGKILL)'),
  ],
  [
    'with never a reboot ends it',
    once({ onExit: 'never' }),
    rebooted,
    failure('status unknown: the host was booted since'),
  ],
  [
    'with never a stop does not',
    once({ onExit: 'never' }),
    exit(0, { stop: stopOf(10) }),
    undefined,
  ],
])('%s', (_, worker, seen, done) => {
  const { desired, ledger, plan } = after(worker, seen);
  expect(desired.done['mail.1']).toEqual(done);
  if (done === undefined) return;
  expect(plan).toBe('');
  expect(ledger.failures).toEqual({});
  const later = after(worker, seen, { desired, ledger });
  expect(later.desired.done).toBe(desired.done);
  expect(later.plan).toBe('');
});

test('a failure of a one-shot must be followed by a pause and another attempt', () => {
  const first = after(once(), exit(1));
  const second = after(
    once(),
    dead('mail.1', 11, { ranFor: seconds(2), death: { kind: 'exited', status: 1 } }),
    first,
  );
  expect(first.plan).toContain('start mail.1');
  expect(second.plan).toBe('');
  expect(second.ledger.failures['mail.1']?.count).toBe(2);
});

test('the end of a one-shot is no unexpected death', () => {
  const [found] = newDeaths(aConfig(once()), noLedger, observation(exit(0)));
  expect(found?.assessment).toEqual({ verdict: 'done', held: {}, isJobLost: 'no' });
});

describe('an instance that is done', () => {
  const config = aConfig(once());
  const done = after(once(), exit(0));

  test('must stay so without its record, over a boot, and if its ledger is lost', () => {
    for (const seen of [exit(0), absent('mail.1')]) {
      const { plan, desired } = check(config, { ...done, ledger: done.ledger }, observation(seen));
      expect(plan).toBe('');
      expect(desired.done).toEqual({ 'mail.1': success });
    }
    const { plan } = check(config, { ...done, ledger: noLedger }, observation(exit(0)));
    expect(plan).toBe('');
  });

  test.each([
    ['start', { kind: 'start', ...about('mail.1') } as const],
    ['a restart that names it', restartOf(['mail.1'])],
  ])('must run again after %s, even if the first attempt fails', (_, goal) => {
    const again = decide(config, done.desired, observation(exit(0)), goal, done.ledger);
    expect(again.plan).toContain('start mail.1');
    expect(again.desired.done).toEqual({});
    expect(check(config, again, observation(exit(0))).plan).toContain('start mail.1');
  });

  test('must be spared by a restart without targets', () => {
    const goal = { ...restartOf(['mail.1']), sparesDone: true };
    const { plan, desired } = decide(config, done.desired, observation(exit(0)), goal, done.ledger);
    expect(plan).toBe('');
    expect(desired).toEqual(done.desired);
  });

  test.each([
    ['another command', once(), { ...exit(0), commandDigest: 'other' }],
    ['always', once({ onExit: 'always' }), exit(0)],
  ])('must run again with %s', (_, worker, seen) => {
    const { plan, desired } = after(worker, seen, done);
    expect(plan).toContain('start mail.1');
    expect(desired.done).toEqual({});
  });

  test('must not be called done if its command was changed while it ran', () => {
    const { plan, desired } = after(once(), { ...exit(0), commandDigest: 'other' });
    expect(desired.done).toEqual({});
    expect(plan).toContain('start mail.1');
  });

  test('must stay so while its worker is not in the config, and while it is not wanted', () => {
    for (const other of [aConfig(aWorker('fsck', ['1'])), aConfig(once({ identifiers: [] }))])
      expect(check(other, done, observation()).desired.done).toEqual({ 'mail.1': success });
  });

  test('must be stopped by stop, and run again after start', () => {
    const goal = { kind: 'stop', ...about('mail.1') } as const;
    const stopped = decide(config, done.desired, observation(exit(0)), goal, done.ledger);
    expect(statusFor(config, stopped.desired, observation(exit(0))).instances[0]?.state).toBe(
      'stopped',
    );
    const start = { kind: 'start', ...about('mail.1') } as const;
    const again = decide(config, stopped.desired, observation(exit(0)), start, stopped.ledger);
    expect(again.plan).toContain('start mail.1');
  });

  test('must be no longer done once it has a process again', () => {
    expect(after(once(), alive('mail.1', 12), done).desired.done).toEqual({});
  });
});

describe('status', () => {
  const config = aConfig(aWorker('mail', ['1', '2'], { onExit: 'on_failure' }));
  const seen = observation(exit(0), alive('mail.2', 20));

  test('must count what is done as reached, and say how it runs again', () => {
    const found = statusFor(config, withDone(), seen);
    expect(found).toMatchObject({ wanted: 2, ready: 1, done: 1 });
    expect(found.instances[0]).toMatchObject({
      state: 'done',
      detail: 'finished at 12:00:00; workerctl start mail.1 runs it again',
    });
  });

  test('must count what has failed for good as missing', () => {
    const found = statusFor(config, withDone(failure('exit status 4')), seen);
    expect(found).toMatchObject({ wanted: 2, ready: 1, done: 0 });
    expect(found.instances[0]).toMatchObject({
      state: 'failed',
      detail: 'failed: exit status 4 at 12:00:00; workerctl start mail.1 runs it again',
    });
  });

  test('must mention a hold, and put a stop first', () => {
    const held = { ...withDone(), held: heldIntent('mail.1').held };
    expect(statusFor(config, held, seen).instances[0]?.detail).toMatch(/^finished .*; held by /);
    const stopped = { ...withDone(), stopped: stoppedIntent('mail.1').stopped };
    expect(statusFor(config, stopped, seen).instances[0]?.state).toBe('stopped');
  });
});

describe('in a rollout', () => {
  const config = aConfig(once());
  const rollout = aRollout({ 'mail.1': 10 });
  const kindOf = (desired: Desired, seen: ObservedInstance): string | undefined =>
    membersOf(rollout, snapshot(config, desired, observation(seen))).get('mail.1')?.kind;

  test('a replacement that has ended with a success code must count as replaced', () => {
    const brief = dead('mail.1', 11, { ranFor: durationOf(10) });
    expect(kindOf(rolling(rollout), brief)).toBe('replaced');
    expect(kindOf({ ...rolling(rollout), ...withDone() }, absent('mail.1'))).toBe('replaced');
    const { desired, plan } = after(once(), brief, { ...nothing, desired: rolling(rollout) });
    expect(plan).toBe('');
    expect(desired.rollouts).toEqual([]);
    expect(desired.done['mail.1']?.runId).toBe('start-11');
  });

  test('one that has ended with another must have failed', () => {
    const broken = dead('mail.1', 11, {
      ranFor: durationOf(10),
      death: { kind: 'exited', status: 4 },
    });
    expect(kindOf(rolling(rollout), broken)).toBe('failed');
  });

  test('the old process must be replaced, also if it has ended by itself in the meantime', () => {
    const { desired, plan } = after(once(), exit(0), { ...nothing, desired: rolling(rollout) });
    expect(plan).toContain('start mail.1');
    expect(desired.done).toEqual({});
  });

  test('one that is done must not keep the others from being recycled', () => {
    const recycled = aConfig(
      aWorker('mail', ['1', '2'], {
        onExit: 'on_failure',
        recycle: { age: seconds(60), outdated: false, minAge: seconds(1) },
      }),
    );
    const seen = { ...observation(exit(0), alive('mail.2', 20)), mayRecycle: true };
    const ledger = { ...noLedger, reportedDeaths: { 'mail.1': 'start-10' } };
    expect(check(recycled, { desired: withDone(), ledger }, seen).plan).toContain('recycled: age');
  });
});
