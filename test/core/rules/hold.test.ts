import { describe, expect, test } from 'vitest';
import { noDesired, type Desired } from '../../../src/core/model/desired.ts';
import type { ObservedInstance } from '../../../src/core/model/observation.ts';
import { durationOf } from '../../../src/core/basics/time.ts';
import {
  about,
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
  noonPlus,
  observation,
  quietOf,
  restartPolicy,
  rolling,
  seconds,
  seenAt,
  stoppedIntent,
  stopOf,
  stray,
  upAtNoon,
} from '../builders.ts';

const worker = aWorker('mail', ['1'], {
  stop: { signal: 'TERM', quiet: 'TSTP', resume: 'CONT' },
  restart: restartPolicy({ overlap: true }),
});
const config = aConfig(worker);
const { held } = heldIntent('mail.1');
const overdue = stopOf(10, true, { deadline: durationOf(upAtNoon - 1) });
const wrongPidfile = { kind: 'holds', pid: 999 } as const;

describe('an instance that is held', () => {
  test.each<[string, Desired, ObservedInstance]>([
    ['start', noDesired, dead('mail.1', 10)],
    ['start at all', noDesired, absent('mail.1')],
    ['adopt', noDesired, stray('mail.1', 10)],
    ['write the pidfile of', noDesired, alive('mail.1', 10, { pidfile: wrongPidfile })],
    [
      'remove the pidfile of',
      stoppedIntent('mail.1'),
      dead('mail.1', 10, { pidfile: wrongPidfile }),
    ],
    ['kill', noDesired, alive('mail.1', 10, { stop: overdue })],
    ['stop', stoppedIntent('mail.1'), alive('mail.1', 10)],
    ['make quiet and stop', stoppedIntent('mail.1'), alive('mail.1', 10, { activity: busy })],
    [
      'stop after its prelude',
      noDesired,
      alive('mail.1', 10, { activity: idle, quiet: quietOf(10) }),
    ],
    ['drain as surplus', noDesired, alive('mail.9', 90)],
    ['restart', rolling(aRollout({ 'mail.1': 10 })), alive('mail.1', 10)],
    ['move', rolling(aRollout({ 'mail.1': 10 })), alive('mail.1', 10, { stop: stopOf(10) })],
    ['make quiet', { ...noDesired, quiet: held }, alive('mail.1', 10)],
    ['resume', noDesired, alive('mail.1', 10, { quiet: quietOf(10, { stopsWhenIdle: false }) })],
  ])('must be left alone: nothing must %s it', (_, desired, seen) => {
    const both = { ...desired, held: heldIntent('mail.1', 'mail.9').held };
    expect(decide(config, desired, observation(seen)).plan).not.toBe('');
    expect(decide(config, both, observation(seen)).plan).toBe('');
  });

  test('must be looked after again when its time is over', () => {
    const goal = { kind: 'hold', ...about('mail.1'), until: noonPlus(seconds(60)) } as const;
    const { desired, plan } = decide(config, noDesired, observation(dead('mail.1', 10)), goal);
    expect(plan).toBe('');
    const at = (length: number): ReturnType<typeof decide> =>
      decide(config, desired, seenAt(seconds(length), dead('mail.1', 10)));
    expect(at(59.9).plan).toBe('');
    expect(at(60).plan).toContain('start mail.1');
    expect(at(60).desired.held).toEqual({});
  });

  test('must be looked after again when it is not held any more', () => {
    const goal = { kind: 'unhold', ...about('mail.1') } as const;
    const { desired, plan } = decide(
      config,
      heldIntent('mail.1'),
      observation(absent('mail.1')),
      goal,
    );
    expect(plan).toContain('start mail.1');
    expect(desired.held).toEqual({});
  });

  test('must keep what was wanted of it before', () => {
    const before = { ...stoppedIntent('mail.1'), held };
    const goal = { kind: 'unhold', ...about('mail.1') } as const;
    expect(decide(config, before, observation(alive('mail.1', 10)), goal).plan).toContain(
      'ask mail.1 pid 10 to finish',
    );
  });

  test('must not abort a restart, and be in it again when it is not held any more', () => {
    const two = aConfig(aWorker('mail', ['1', '2']));
    const rollout = rolling(aRollout({ 'mail.1': 10, 'mail.2': 20 }));
    const seen = observation(crashed('mail.1', 101), alive('mail.2', 20));
    const { desired } = decide(two, { ...rollout, held }, seen);
    expect(desired.rollouts[0]?.aborted).toBeUndefined();
    const goal = { kind: 'unhold', ...about('mail.1') } as const;
    expect(decide(two, desired, seen, goal).desired.rollouts[0]?.aborted?.instance).toBe('mail.1');
  });

  test('must not keep its old processes from leaving', () => {
    const left = { ...dead('mail.1', 9), retiring: 'start-9' };
    expect(decide(config, heldIntent('mail.1'), observation(alive('mail.1', 10), left)).plan).toBe(
      'remove the files of mail.1 (retiring): pid 9 exited: status 0\n',
    );
  });
});
