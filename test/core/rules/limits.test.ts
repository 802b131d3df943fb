import { describe, expect, test } from 'vitest';
import { noDesired, type Desired } from '../../../src/core/model/desired.ts';
import type { Observation, ObservedInstance } from '../../../src/core/model/observation.ts';
import { durationOf } from '../../../src/core/basics/time.ts';
import type { Worker } from '../../../src/core/model/config.ts';
import {
  about,
  aConfig,
  alive,
  aWorker,
  busy,
  dead,
  decide,
  noonPlus,
  observation,
  planned,
  process,
  quietOf,
  restartOf,
  restartPolicy,
  retiring,
  seconds,
  seenAt,
  stopOf,
  stoppedIntent,
  upAtNoon,
} from '../builders.ts';

const worker = (more: Partial<Worker> = {}): Worker => aWorker('mail', ['1'], more);
const config = aConfig(worker());
const draining = alive('mail.1', 10, { stop: stopOf(10) });
const stopWithin = (length: number, ...more: string[]) =>
  ({ kind: 'stop', killAfter: seconds(length), ...about('mail.1', ...more) }) as const;
/** The same with the limit noted that a command has set. */
const limited = (length: number, one = draining): ObservedInstance => {
  if (one.presence.kind !== 'alive' || one.presence.stop === undefined) throw new Error(one.name);
  const { stop } = one.presence;
  const deadline = durationOf(upAtNoon + length * 1000);
  return { ...one, presence: { ...one.presence, stop: { ...stop, deadline, endsSession: true } } };
};
const note = (what: string): string =>
  `limit the time of ${what} and its session: a command has limited it\n`;
const kill = (since: string): string =>
  `kill mail.1 pid 10 and its session: still draining after ${since} (restart)\n`;

/** What a check does so many seconds after noon. */
const later = (length: number, desired: Desired, ...seen: ObservedInstance[]): string =>
  decide(config, desired, seenAt(seconds(length), ...seen)).plan;

describe('stop --kill-after', () => {
  test('must say so when it asks', () => {
    const { plan, desired } = decide(
      config,
      noDesired,
      observation(alive('mail.1', 10)),
      stopWithin(10),
    );
    expect(plan).toBe(
      'ask mail.1 pid 10 to finish (SIGTERM, killed after 10s): stopped at 12:00:00 by ann@web1\n',
    );
    expect(desired.deadlines['mail.1']?.at).toBe(upAtNoon + 10_000);
  });

  test('must kill when the time is over, and not before', () => {
    const { plan, desired } = decide(config, noDesired, observation(draining), stopWithin(10));
    expect(plan).toBe(note('mail.1 pid 10'));
    expect(later(9.99, desired, draining)).toBe(note('mail.1 pid 10'));
    expect(later(10, desired, draining)).toBe(kill('10s'));
    expect(later(9.99, desired, limited(10))).toBe('');
    expect(later(10, desired, limited(10))).toBe(kill('10s'));
  });

  test('must spare the successor that it has named', () => {
    const { presence, ...rest } = draining;
    if (presence.kind !== 'alive') throw new Error(presence.kind);
    const successor = process(11);
    const seen = seenAt(seconds(10), { ...rest, presence: { ...presence, successor } });
    const { desired } = decide(config, noDesired, observation(draining), stopWithin(10));
    expect(planned(config, desired, seen)).toMatchObject([{ kind: 'kill', successor }]);
  });

  test('must kill at once with 0', () => {
    expect(decide(config, noDesired, observation(draining), stopWithin(0)).plan).toBe(kill('0s'));
  });

  test('must count from the boot: a jump of the wall clock kills no process', () => {
    const { desired } = decide(config, noDesired, observation(draining), stopWithin(10));
    const jumped: Observation = { ...seenAt(seconds(5), draining), now: noonPlus(seconds(86_400)) };
    expect(decide(config, desired, jumped).plan).toBe(note('mail.1 pid 10'));
    const back: Observation = { ...seenAt(seconds(10), draining), now: noonPlus(seconds(-86_400)) };
    expect(decide(config, desired, back).plan).toBe(kill('0s'));
  });

  test('must mean old processes that are leaving, too', () => {
    const old = retiring('mail.1', 9);
    const seen = observation(alive('mail.1', 10), old);
    const { desired } = decide(config, noDesired, seen, stopWithin(10, old.name));
    expect(later(10, desired, alive('mail.1', 10, { stop: stopOf(10) }), old)).toBe(
      kill('10s') +
        'kill mail.1 (retiring) pid 9 and its session: still draining after 10s (restart)\n',
    );
  });

  test('must mean the very process that ran, and none after it', () => {
    const { desired } = decide(config, noDesired, observation(draining), stopWithin(10));
    const next = alive('mail.1', 11, { stop: stopOf(11) });
    const { plan, desired: after } = decide(config, desired, seenAt(seconds(60), next));
    expect(plan).toBe('');
    expect(after.deadlines).toEqual({});
    expect(decide(config, desired, observation(dead('mail.1', 10))).desired.deadlines).toEqual({});
    expect(decide(config, desired, observation()).desired.deadlines).toEqual(desired.deadlines);
  });
});

describe('a limit for a session', () => {
  const left = { of: process(10), processes: [{ pid: 12, name: 'sleep' }], isReported: true };
  const exited = (stop = stopOf(10)): ObservedInstance => ({
    ...dead('mail.1', 10, { stop }),
    leftovers: left,
  });
  const noted = (length: number) =>
    stopOf(10, true, { deadline: durationOf(upAtNoon + length * 1000), endsSession: true });

  test('must be noted for one that has exited as asked and has left others', () => {
    const { plan, desired } = decide(config, noDesired, observation(exited()), stopWithin(0));
    expect(plan).toBe(note('mail.1 pid 10'));
    const next = decide(config, desired, seenAt(seconds(1), exited(noted(0))));
    expect(next.plan).toMatch(/^kill what pid 10 of mail\.1 left behind, .*sleep/);
    expect(next.desired.deadlines).toEqual({});
  });

  test('must become shorter, and never longer', () => {
    const sooner = decide(config, noDesired, observation(exited(noted(60))), stopWithin(10));
    expect(sooner.plan).toContain(note('mail.1 pid 10'));
    const longer = decide(config, noDesired, observation(exited(noted(60))), stopWithin(90));
    expect(longer.plan).not.toContain('limit the time');
  });

  test('must not be noted for one that died by itself, that left none, or whose note is damaged', () => {
    const unclear = { path: '/state/mail.1.stop', problem: 'damaged' };
    for (const one of [
      { ...dead('mail.1', 10), leftovers: left },
      dead('mail.1', 10, { stop: stopOf(10) }),
      exited({ ...stopOf(10), unclear }),
    ])
      expect(decide(config, noDesired, observation(one), stopWithin(0)).plan).not.toContain(
        'limit',
      );
  });
});

describe('restart --kill-after', () => {
  const options = { killAfter: seconds(10) };

  test('must give each its time from when it is asked', () => {
    const seen = observation(alive('mail.1', 10));
    const { plan, desired } = decide(config, noDesired, seen, restartOf(['mail.1'], options));
    expect(plan).toBe(
      'ask mail.1 pid 10 to finish (SIGTERM, killed after 10s): restart of 12:00:00 by bob@web1\n',
    );
    expect(desired.deadlines).toEqual({});
  });

  test('must give one that drains already its time from now', () => {
    const { desired } = decide(
      config,
      noDesired,
      observation(draining),
      restartOf(['mail.1'], options),
    );
    expect(later(9, desired, draining)).toBe(note('mail.1 pid 10'));
    expect(later(9, desired, limited(10))).toBe('');
    expect(later(10, desired, limited(10))).toBe(kill('10s'));
  });

  test('must not be lost when that one leaves beside its replacement', () => {
    const overlap = aConfig(worker({ restart: restartPolicy({ overlap: true }) }));
    const { plan, desired } = decide(
      overlap,
      noDesired,
      observation(draining),
      restartOf(['mail.1'], options),
    );
    expect(plan).toContain('let mail.1 pid 10 drain beside its replacement');
    const fresh = alive('mail.1', 101);
    const next = decide(overlap, desired, seenAt(seconds(5), fresh, retiring('mail.1', 10)));
    expect(next.plan).toBe(note('mail.1 (retiring) pid 10'));
    expect(
      decide(overlap, next.desired, seenAt(seconds(10), fresh, retiring('mail.1', 10))).plan,
    ).toBe('kill mail.1 (retiring) pid 10 and its session: still draining after 10s (restart)\n');
  });
});

describe('stop.timeout', () => {
  const own = aConfig(worker({ stop: { signal: 'TERM', timeout: seconds(120) } }));
  const noted = alive('mail.1', 10, {
    stop: stopOf(10, true, { deadline: durationOf(upAtNoon + 120_000) }),
  });

  test('must be the limit of every ask, unless the command has another', () => {
    const seen = observation(alive('mail.1', 10));
    const stopped = stoppedIntent('mail.1');
    expect(decide(own, stopped, seen).plan).toContain('(SIGTERM, killed after 2m)');
    expect(decide(own, noDesired, seen, stopWithin(600)).plan).toContain(
      '(SIGTERM, killed after 10m)',
    );
    expect(decide(own, noDesired, seen, restartOf(['mail.1'])).plan).toContain('killed after 2m');
  });

  test('must kill by the note of the ask', () => {
    expect(later(119, noDesired, noted)).toBe('');
    expect(later(120, noDesired, noted)).toBe(kill('2m'));
  });

  test('must be cut short by a later command, and not made longer', () => {
    const sooner = decide(own, noDesired, observation(noted), stopWithin(10));
    expect(later(10, sooner.desired, noted)).toBe(kill('10s'));
    const later2 = decide(own, noDesired, observation(noted), stopWithin(600));
    expect(later(120, later2.desired, noted)).toBe(kill('2m'));
  });

  test('must hold for one that was made quiet in order to be stopped', () => {
    const quieted = alive('mail.1', 10, {
      activity: busy,
      quiet: quietOf(10, { deadline: durationOf(upAtNoon + 120_000) }),
    });
    expect(later(119, noDesired, quieted)).not.toContain('kill');
    expect(later(120, noDesired, quieted)).toContain('kill mail.1 pid 10');
  });
});

test('without a limit no process must ever be killed', () => {
  const year = 365 * 86_400;
  expect(later(year, noDesired, draining, retiring('mail.1', 9))).toBe('');
  expect(later(year, stoppedIntent('mail.1'), draining)).toBe('');
});

test('no process must be killed that was not asked', () => {
  const { desired } = decide(config, noDesired, observation(alive('mail.1', 10)), stopWithin(10));
  const unsent = alive('mail.1', 10, { stop: stopOf(10, false) });
  expect(later(60, desired, unsent)).not.toContain('kill mail.1');
});

test('a kill must name the job that it costs', () => {
  const noted = alive('mail.1', 10, {
    activity: busy,
    stop: stopOf(10, true, { deadline: upAtNoon }),
  });
  const [action] = planned(config, noDesired, observation(noted));
  expect(action).toMatchObject({ kind: 'kill', held: { job: 'job 212' } });
});
