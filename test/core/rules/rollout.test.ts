import { describe, expect, test } from 'vitest';
import { noDesired, type Desired, type Rollout } from '../../../src/core/model/desired.ts';
import type { ObservedInstance } from '../../../src/core/model/observation.ts';
import { batchSize } from '../../../src/core/rules/turns.ts';
import { durationOf } from '../../../src/core/basics/time.ts';
import type { Batch, Worker } from '../../../src/core/model/config.ts';
import {
  absent,
  aConfig,
  alive,
  aRollout,
  aWorker,
  busy,
  crashed,
  dead,
  decide,
  heldIntent,
  idle,
  retiring,
  noonPlus,
  observation,
  restartOf,
  restartPolicy,
  provenFor,
  rolling,
  seconds,
  seenAt,
  stoppedIntent,
  stopOf,
  draining,
  oldPids as all,
  oldThree as old,
  askedIn,
} from '../builders.ts';

const three = ['1', '2', '3'];
const mail = (restart: Partial<Worker['restart']> = {}, more: Partial<Worker> = {}): Worker =>
  aWorker('mail', three, { restart: restartPolicy(restart), ...more });
const config = aConfig(mail());
const restart = rolling(aRollout(all));
const proven = rolling(aRollout(all, { proven: provenFor('mail') }));
const replaced = alive('mail.1', 101, { age: seconds(2) });

const planOf = (desired: Desired, ...seen: ObservedInstance[]): string =>
  decide(config, desired, observation(...seen)).plan;

describe('the canary', () => {
  test.each([
    [[busy, undefined, idle], 'mail.3'],
    [[busy, undefined, busy], 'mail.2'],
    [[idle, idle, undefined], 'mail.1'],
    [[busy, busy, busy], 'mail.1'],
  ])(
    'must be an idle one, then one of which nothing is known, a busy one last: %j',
    (does, name) => {
      const seen = old.map((one, index) => {
        const { [index]: activity } = does;
        return activity === undefined ? one : { ...one, activity };
      });
      expect(askedIn(planOf(restart, ...seen))).toEqual([name]);
    },
  );

  test('must be an instance that was down already, if there is one', () => {
    const seen = observation(absent('mail.1'), old[1], old[2]);
    const { plan, desired } = decide(config, noDesired, seen, restartOf(Object.keys(all)));
    expect(plan).toBe('start mail.1: was not running\n');
    const later = seenAt(seconds(1), alive('mail.1', 101, { age: seconds(0) }), old[1], old[2]);
    expect(askedIn(decide(config, desired, later).plan)).toEqual(['mail.2', 'mail.3']);
  });

  test('must be the only one that is asked while its place is free', () => {
    expect(planOf(restart, dead('mail.1', 10, { stop: stopOf(10) }), old[1], old[2])).toBe(
      'start mail.1: pid 10 exited as asked: status 0\n',
    );
  });

  test('must be the only one that is asked while its replacement starts', () => {
    const starting = alive('mail.1', 101, { age: durationOf(900) });
    expect(planOf(restart, starting, old[1], old[2])).toBe('');
  });

  test('must let all the others go at once when its replacement is ready', () => {
    const { plan, desired } = decide(config, restart, observation(replaced, old[1], old[2]));
    expect(plan).toBe(
      'ask mail.2 pid 20 to finish (SIGTERM): restart of 12:00:00 by ann@web1\n' +
        'ask mail.3 pid 30 to finish (SIGTERM): restart of 12:00:00 by ann@web1\n',
    );
    expect(desired.rollouts.map((one) => one.proven)).toEqual([provenFor('mail')]);
  });

  test('must have proven the code for good, also if its replacement dies later', () => {
    expect(planOf(proven, dead('mail.1', 101), old[1], old[2])).toContain('ask mail.2 pid 20');
  });

  test('must be asked for by none where the command or the config wants none', () => {
    const options = { canary: false };
    expect(askedIn(planOf(rolling(aRollout(all, { options })), ...old))).toHaveLength(3);
    const { plan } = decide(aConfig(mail({ canary: false })), restart, observation(...old));
    expect(askedIn(plan)).toHaveLength(3);
  });
});

describe('patience', () => {
  const after = (length: number, seen: readonly ObservedInstance[], own = config): string[] =>
    askedIn(decide(own, restart, seenAt(seconds(length), ...seen)).plan);
  const one = [draining('mail.1', 10), old[1], old[2]];
  const two = [draining('mail.1', 10), draining('mail.2', 20), old[2]];

  test('must have one more asked each time that it ends', () => {
    expect(after(29, one)).toEqual([]);
    expect(after(30, one)).toEqual(['mail.2']);
    expect(after(59, two)).toEqual([]);
    expect(after(60, two)).toEqual(['mail.3']);
  });

  test('must not widen the batch', () => {
    const own = aConfig(mail({ batch: { kind: 'count', count: 2 } }));
    expect(after(600, one, own)).toEqual(['mail.2']);
    expect(after(600, two, own)).toEqual([]);
  });

  test('must not end by a clock that was set back', () => {
    expect(after(-3600, one)).toEqual([]);
  });

  test('must not have been tried by a process that drained before the restart', () => {
    const areBusy = one.map((observed) => ({ ...observed, activity: busy }));
    const seen = seenAt(seconds(7200), ...areBusy);
    const { plan, desired } = decide(config, noDesired, seen, restartOf(Object.keys(all)));
    expect(plan).toBe('');
    const later = seenAt(seconds(7230), ...areBusy);
    expect(askedIn(decide(config, desired, later).plan)).toEqual(['mail.2']);
  });

  test('may be nothing at all', () => {
    const own = aConfig(mail({ patience: seconds(0) }));
    expect(after(0, one, own)).toEqual([]);
    expect(after(1, one, own)).toEqual(['mail.2', 'mail.3']);
  });
});

describe('the batch', () => {
  test.each<[Batch, number, number]>([
    [{ kind: 'count', count: 3 }, 10, 3],
    [{ kind: 'percent', percent: 100 }, 7, 7],
    [{ kind: 'percent', percent: 50 }, 5, 2],
    [{ kind: 'percent', percent: 34 }, 3, 1],
    [{ kind: 'percent', percent: 1 }, 5, 1],
    [{ kind: 'percent', percent: 10 }, 1, 1],
  ])('%j of %i must be %i', (batch, instances, size) => {
    expect(batchSize(batch, instances)).toBe(size);
  });

  const own = aConfig(mail({ batch: { kind: 'count', count: 2 } }));
  test.each<[string, ObservedInstance, number]>([
    ['works', replaced, 2],
    ['drains', draining('mail.1', 10), 1],
    ['is gone', dead('mail.1', 10, { stop: stopOf(10) }), 1],
    ['starts', alive('mail.1', 101, { age: seconds(0) }), 1],
  ])('must count one that %s', (_, first, asked) => {
    const { plan } = decide(own, proven, observation(first, old[1], old[2]));
    expect(askedIn(plan)).toHaveLength(asked);
  });

  test('must be the one that the command says', () => {
    const options = { batch: { kind: 'count', count: 1 }, canary: false } as const;
    const desired = rolling(aRollout(all, { options }));
    expect(askedIn(decide(own, desired, observation(...old)).plan)).toHaveLength(1);
  });
});

describe('a replacement that fails', () => {
  const two = aConfig(mail(), aWorker('fsck', ['a', 'b']));
  const both = rolling(
    aRollout({ ...all, 'fsck.a': 40, 'fsck.b': 50 }, { proven: provenFor('fsck') }),
  );
  const fsck = [alive('fsck.a', 401), alive('fsck.b', 50)];

  test('must abort the restart when it dies before it is ready', () => {
    const { plan, desired } = decide(
      config,
      restart,
      observation(crashed('mail.1', 101), ...old.slice(1)),
    );
    expect(plan).toBe('');
    expect(desired.rollouts[0]?.aborted).toEqual({
      at: noonPlus(seconds(0)),
      instance: 'mail.1',
      problem: 'pid 101 exited before it was ready: status 1',
    });
  });

  test('must abort the restart when it is not ready in time', () => {
    const own = aConfig(mail({}, { ready: { kind: 'log', pattern: 'up', timeout: seconds(60) } }));
    const late = alive('mail.1', 101, { age: seconds(60) });
    const { plan, desired } = decide(own, restart, observation(late, ...old.slice(1)));
    expect(plan).toBe('');
    expect(desired.rollouts[0]?.aborted?.problem).toBe('pid 101 is not ready after 1m');
  });

  test('must have the other workers of the restart stop as well', () => {
    const seen = observation(crashed('mail.1', 101), old[1], old[2], ...fsck);
    expect(askedIn(decide(two, both, observation(...old, ...fsck)).plan)).toContain('fsck.b');
    expect(decide(two, both, seen).plan).toBe('');
  });

  test('must ask no further instance, not even when it comes up after all', () => {
    const { desired } = decide(
      config,
      restart,
      observation(crashed('mail.1', 101), ...old.slice(1)),
    );
    const up = alive('mail.1', 102, { age: seconds(30) });
    const later = decide(config, desired, seenAt(seconds(60), up, old[1], old[2]));
    expect(later.plan).toBe('');
    expect(later.desired.rollouts).toHaveLength(1);
  });

  test('must not keep those down that were asked before', () => {
    const aborted = { at: noonPlus(seconds(0)), instance: 'mail.1', problem: 'it died' };
    const desired = rolling(aRollout(all, { aborted }));
    const left = dead('mail.2', 20, { stop: stopOf(20) });
    expect(planOf(desired, replaced, left, old[2])).toBe(
      'start mail.2: pid 20 exited as asked: status 0\n',
    );
  });

  test('must be no failure if it was asked to exit', () => {
    const asked = crashed('mail.1', 101, { stop: stopOf(101) });
    const { desired } = decide(config, restart, observation(asked, old[1], old[2]));
    expect(desired.rollouts[0]?.aborted).toBeUndefined();
  });
});

describe('a member', () => {
  test.each([
    ['stopped', stoppedIntent('mail.1'), 0],
    ['held', heldIntent('mail.1'), 1],
  ])('that is %s must be released: another one is the canary', (_, request, left) => {
    const desired = { ...restart, stopped: request.stopped, held: request.held };
    expect(askedIn(planOf(desired, draining('mail.1', 10), old[1], old[2]))).toEqual(['mail.2']);
    const rest = [
      alive('mail.2', 102, { age: seconds(2) }),
      alive('mail.3', 103, { age: seconds(2) }),
    ];
    expect(
      decide(config, desired, observation(draining('mail.1', 10), ...rest)).desired.rollouts,
    ).toHaveLength(left);
  });

  test('that was stopped or held before must not be in the restart', () => {
    const before = { ...stoppedIntent('mail.1'), held: heldIntent('mail.2').held };
    const { desired } = decide(config, before, observation(...old), restartOf(Object.keys(all)));
    expect(desired.rollouts.map(({ replaces }) => Object.keys(replaces))).toEqual([['mail.3']]);
  });

  test('that was not looked at must keep the others of its worker waiting', () => {
    const seen = observation(replaced, old[1]);
    expect(decide(config, proven, seen).plan).toBe('');
    const two = aConfig(mail(), aWorker('fsck', ['a']));
    const both = rolling(aRollout({ ...all, 'fsck.a': 40 }, { proven: provenFor('mail') }));
    const { plan } = decide(two, both, observation(replaced, old[1], alive('fsck.a', 40)));
    expect(askedIn(plan)).toEqual(['fsck.a']);
  });

  test('that is surplus must not keep the restart going; one of an unknown worker must', () => {
    const gone = aRollout({ 'mail.1': 10, 'mail.9': 90 });
    const seen = observation(replaced);
    expect(decide(config, rolling(gone), seen).desired.rollouts).toEqual([]);
    const unknown = aRollout({ 'mail.1': 10, 'old.1': 95 });
    expect(decide(config, rolling(unknown), seen).desired.rollouts).toHaveLength(1);
  });

  test('that is a stray must be adopted and asked', () => {
    const { presence } = old[0];
    if (presence.kind !== 'alive') throw new Error('it lives');
    const stray = { ...old[0], presence: { kind: 'stray', process: presence.process } } as const;
    expect(planOf(restart, stray)).toBe(
      'adopt pid 10 as mail.1: it runs, but no record claims it\n',
    );
    const alone = rolling(aRollout({ 'mail.1': 10 }));
    expect(planOf(alone, stray)).toContain('ask mail.1 pid 10 to finish (SIGTERM): restart');
  });
});

test('a restart must be over when all are replaced, also if one died by itself after that', () => {
  const seen = [replaced, dead('mail.2', 102), alive('mail.3', 103, { age: seconds(2) })];
  expect(decide(config, restart, observation(...seen)).desired.rollouts).toEqual([]);
  const starting = [...seen.slice(0, 2), alive('mail.3', 103, { age: seconds(0) })];
  expect(decide(config, restart, observation(...starting)).desired.rollouts).toHaveLength(1);
});

test('a restart must not wait for old processes that leave beside their replacements', () => {
  const alone = rolling(aRollout({ 'mail.1': 10 }));
  const seen = observation(replaced, retiring('mail.1', 10));
  expect(decide(config, alone, seen).desired.rollouts).toEqual([]);
});

describe('a later restart', () => {
  const members = ({ rollouts }: Desired): [string, string[]][] =>
    rollouts.map(({ id, replaces }: Rollout) => [id, Object.keys(replaces)]);

  test('must take its instances over, and the earlier one keeps the rest', () => {
    const { desired } = decide(config, restart, observation(...old), restartOf(['mail.2']));
    expect(members(desired)).toEqual([
      ['first', ['mail.1', 'mail.3']],
      ['second', ['mail.2']],
    ]);
  });

  test('must remove an earlier one that has no instance left', () => {
    const { desired } = decide(config, proven, observation(...old), restartOf(Object.keys(all)));
    expect(members(desired)).toEqual([['second', Object.keys(all)]]);
    expect(desired.rollouts[0]?.proven).toEqual({});
  });

  test('must replace what the earlier one has started, and ask no draining process again', () => {
    const seen = observation(alive('mail.1', 101), draining('mail.2', 20), old[2]);
    const own = restartOf(Object.keys(all), { canary: false });
    const { desired, plan } = decide(config, proven, seen, own);
    expect(askedIn(plan)).toEqual(['mail.1', 'mail.3']);
    expect(desired.rollouts[0]?.replaces).toMatchObject({
      'mail.1': { pid: 101 },
      'mail.2': { pid: 20 },
    });
  });

  test('must leave everything as it is if no instance is meant', () => {
    const held = heldIntent('mail.1');
    const seen = observation(...old);
    expect(decide(config, held, seen, restartOf(['mail.1'])).desired).toEqual(held);
  });
});
