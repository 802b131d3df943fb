import { describe, expect, test } from 'vitest';
import { noDesired } from '../../../src/core/model/desired.ts';
import type { ObservedInstance } from '../../../src/core/model/observation.ts';
import { readyingOf, wasReady } from '../../../src/core/rules/readiness.ts';
import {
  adoptedRunId,
  formatDeath,
  isForeign,
  type Death,
} from '../../../src/core/model/record.ts';
import { renewalOf, type IsOld } from '../../../src/core/rules/lifecycle.ts';
import { membersOf } from '../../../src/core/rules/rollout-members.ts';
import {
  about,
  absent,
  aConfig,
  alive,
  aWorker,
  dead,
  decide,
  observation,
  process,
  restartOf,
  seconds,
  snapshot,
  stoppedIntent,
  stray,
} from '../builders.ts';

const isNew: IsOld = () => false;

const daemon = aWorker('mail', ['1'], { daemonizes: { timeout: seconds(60) } });
const config = aConfig(daemon);

/** The same instance while its command, or its shim, is what its record names. */
function launching(observed: ObservedInstance): ObservedInstance {
  const { presence } = observed;
  if (presence.kind !== 'alive' && presence.kind !== 'dead') throw new Error(presence.kind);
  const record = { ...presence.record, runId: 'one-start', launch: { timeout: seconds(60) } };
  return { ...observed, presence: { ...presence, record } };
}

/** What it has come to: another process of the same start. */
function launched(observed: ObservedInstance): ObservedInstance {
  const { presence } = observed;
  if (presence.kind !== 'alive') throw new Error(presence.kind);
  return {
    ...observed,
    presence: { ...presence, record: { ...presence.record, runId: 'one-start' } },
  };
}

describe('its pidfile', () => {
  test('must not be written by us, whatever it holds', () => {
    for (const pidfile of [
      { kind: 'absent' },
      { kind: 'holds', pid: 77 },
      { kind: 'broken', problem: 'expected a pid, found an empty file' },
    ] as const)
      expect(decide(config, noDesired, observation(alive('mail.1', 10, { pidfile }))).plan).toBe(
        '',
      );
  });

  test('must not be removed by us where the instance is down on purpose', () => {
    const seen = observation(absent('mail.1', { kind: 'holds', pid: 77 }));
    expect(decide(config, stoppedIntent('mail.1'), seen).plan).toBe('');
  });
});

describe('on its way', () => {
  const young = launching(alive('mail.1', 10, { age: seconds(5) }));
  const old = launching(alive('mail.1', 10, { age: seconds(61) }));
  const aliveIn = ({ presence }: ObservedInstance) => {
    if (presence.kind !== 'alive') throw new Error(presence.kind);
    return presence;
  };

  test('it must be starting, whatever its age, and looked at again soon', () => {
    expect(readyingOf(aliveIn(young), daemon.ready, observation(young))).toEqual({
      kind: 'starting',
      changesIn: 500,
    });
  });

  test('it must be late when its command takes too long, and nothing must be started beside it', () => {
    expect(readyingOf(aliveIn(old), daemon.ready, observation(old)).kind).toBe('late');
    expect(
      renewalOf(old, isNew, daemon, snapshot(config, noDesired, observation(old))),
    ).toMatchObject({
      state: 'late',
      problem: 'its command (pid 10) has not exited after 1m; does it fork away?',
    });
    expect(decide(config, noDesired, observation(old)).plan).toBe('');
  });

  test('behind its command the shim must have a moment more to say what the pidfile has', () => {
    const behind = (age: number): ObservedInstance => {
      const observed = launching(alive('mail.1', 10, { age: seconds(age) }));
      const { record, ...presence } = aliveIn(observed);
      return { ...observed, presence: { ...presence, record: { ...record, shimPid: 10 } } };
    };
    const readying = (observed: ObservedInstance) =>
      readyingOf(aliveIn(observed), daemon.ready, observation(observed));
    expect(readying(behind(60))).toEqual({ kind: 'starting', changesIn: 500 });
    const stuck = behind(61);
    expect(readying(stuck).kind).toBe('late');
    expect(
      renewalOf(stuck, isNew, daemon, snapshot(config, noDesired, observation(stuck))),
    ).toMatchObject({
      state: 'late',
      problem: 'its command exited, but its pidfile names no new process after 1m',
    });
  });

  test('one that failed was never ready, however long it took', () => {
    const failed = launching(dead('mail.1', 10));
    if (failed.presence.kind !== 'dead') throw new Error();
    expect(wasReady(failed.presence, daemon.ready, observation(failed).now)).toBe(false);
  });

  test('a restart must replace what it comes to', () => {
    const first = decide(config, noDesired, observation(young), restartOf(['mail.1']));
    const up = observation(launched(alive('mail.1', 11)));
    const second = decide(config, first.desired, up);
    expect(second.plan).toContain('ask mail.1 pid 11 to finish (SIGTERM): restart of');
    const [rollout] = first.desired.rollouts;
    if (rollout === undefined) throw new Error('no rollout');
    expect(membersOf(rollout, snapshot(config, first.desired, up)).get('mail.1')?.kind).toBe(
      'pending',
    );
    const replaced = observation(alive('mail.1', 12));
    expect(decide(config, second.desired, replaced).desired.rollouts).toEqual([]);
  });
});

test('what the pidfile names must be adopted with that said, and stopped where it is to be down', () => {
  const found = stray('mail.1', 10);
  const seen = observation({
    ...found,
    presence: { kind: 'stray', process: process(10), evidence: '/x.pid names it' },
  });
  expect(decide(config, noDesired, seen).plan).toBe('adopt pid 10 as mail.1: /x.pid names it\n');
  expect(decide(config, stoppedIntent('mail.1'), seen).plan).toMatch(
    /^adopt pid 10 as mail\.1: .*\nask mail\.1 pid 10 to finish/,
  );
});

test('an adoption must make an instance wanted that was stopped on purpose, and start no process', () => {
  const seen = observation(stray('mail.1', 10));
  const { desired, plan } = decide(config, stoppedIntent('mail.1'), seen, {
    kind: 'adopt',
    ...about('mail.1'),
  });
  expect(desired.stopped).toEqual({});
  expect(plan).toBe('adopt pid 10 as mail.1: it runs, but no record claims it\n');
});

test('an adopted start must be distinguished from ours, and from that of another process with its pid', () => {
  expect(isForeign({ runId: adoptedRunId(process(10)) })).toBe(true);
  expect(isForeign({ runId: '742a98c0bdef1bbe' })).toBe(false);
  expect(adoptedRunId(process(10))).not.toBe(adoptedRunId(process(10, { startTime: 7 })));
});

test.each<[Death, string]>([
  [{ kind: 'unlaunched', found: 'absent' }, 'its command exited, but its pidfile does not exist'],
  [
    { kind: 'unlaunched', found: 'old' },
    'its command exited, but its pidfile names a process older than this start',
  ],
])('%j in words', (death, words) => {
  expect(formatDeath(death)).toBe(words);
});
