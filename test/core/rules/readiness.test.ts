import { describe, expect, test } from 'vitest';
import type {
  Observation,
  ObservedInstance,
  Presence,
} from '../../../src/core/model/observation.ts';
import { readyingOf, wasReady } from '../../../src/core/rules/readiness.ts';
import { durationOf, momentOf, type Moment } from '../../../src/core/basics/time.ts';
import type { Readiness } from '../../../src/core/model/config.ts';
import { alive, crashed, dead, noon, noonPlus, observation, seconds } from '../builders.ts';

const now = observation();
const after: Readiness = { kind: 'after', after: seconds(5) };
const shown: Readiness[] = [
  { kind: 'log', pattern: 'up', timeout: seconds(60) },
  { kind: 'file', path: '/srv/%n.ready', timeout: seconds(60) },
  { kind: 'command', command: ['ping'], timeout: seconds(60) },
];

const presenceOf = <K extends Presence['kind']>(
  { presence }: ObservedInstance,
  kind: K,
): Extract<Presence, { kind: K }> => {
  if (presence.kind !== kind) throw new Error(`expected ${kind}, found ${presence.kind}`);
  return presence as Extract<Presence, { kind: K }>;
};
const readying = (
  readiness: Readiness,
  observed: ObservedInstance,
  seen: Observation = now,
): ReturnType<typeof readyingOf> => readyingOf(presenceOf(observed, 'alive'), readiness, seen);

describe('a worker that is ready after a while', () => {
  test('must be starting until then', () => {
    expect(readying(after, alive('mail.1', 10, { age: seconds(2) }))).toEqual({
      kind: 'starting',
      changesIn: 3000,
    });
    expect(readying(after, alive('mail.1', 10, { age: seconds(5) }))).toEqual({ kind: 'ready' });
  });

  test('must be as old as the kernel says, whatever the wall clock does', () => {
    const jumped = { ...now, now: noonPlus(seconds(86_400)) };
    expect(readying(after, alive('mail.1', 10, { age: seconds(2) }), jumped).kind).toBe('starting');
  });

  test('must have been ready if it lived long enough', () => {
    const was = (observed: ObservedInstance, at = noon): boolean =>
      wasReady(presenceOf(observed, 'dead'), after, at);
    expect(was(dead('mail.1', 10, { ranFor: seconds(5) }))).toBe(true);
    expect(was(dead('mail.1', 10, { ranFor: durationOf(4999) }))).toBe(false);
  });

  test('may have lived until it was found dead if it is not known when it died', () => {
    const unknown = presenceOf(crashed('mail.1', 10, { diedAt: null }), 'dead');
    expect(wasReady(unknown, after, noonPlus(seconds(1)))).toBe(false);
    expect(wasReady(unknown, after, noonPlus(seconds(5)))).toBe(true);
    expect(
      wasReady({ ...unknown, diedBy: noonPlus(seconds(1)) }, after, noonPlus(seconds(5))),
    ).toBe(false);
  });

  test('must not have been ready for the time that its start took', () => {
    const died = presenceOf(dead('mail.1', 10, { ranFor: seconds(6) }), 'dead');
    const since = (ago: number): Moment => momentOf((died.diedAt ?? noon) - ago);
    expect(wasReady({ ...died, beganAt: since(4999) }, after, noon)).toBe(false);
    expect(wasReady({ ...died, beganAt: since(5000) }, after, noon)).toBe(true);
    // By a clock that was set since, it began before its start, or after its death.
    expect(wasReady({ ...died, beganAt: since(60_000) }, after, noon)).toBe(true);
    expect(wasReady({ ...died, beganAt: since(-1000) }, after, noon)).toBe(true);
    // The clocks of processes and of files differ a little: it died at once.
    expect(wasReady({ ...died, beganAt: since(-20) }, after, noon)).toBe(false);
  });

  test('must not have been ready by a clock that was set back', () => {
    const died = crashed('mail.1', 10, { ranFor: seconds(-3600) });
    expect(wasReady(presenceOf(died, 'dead'), after, momentOf(noon - 3_600_000))).toBe(false);
  });
});

describe.each(shown)('a worker that shows that it is ready by its $kind', (readiness) => {
  test('must be starting until it does', () => {
    expect(readying(readiness, alive('mail.1', 10, { age: seconds(20) }))).toEqual({
      kind: 'starting',
      changesIn: 40_000,
    });
    const showing = alive('mail.1', 10, { age: seconds(1), hasShownReady: true });
    expect(readying(readiness, showing)).toEqual({ kind: 'ready' });
  });

  test('must be late after its timeout, and ready all the same if it shows it then', () => {
    const age = seconds(60);
    expect(readying(readiness, alive('mail.1', 10, { age }))).toEqual({
      kind: 'late',
      timeout: 60_000,
    });
    expect(readying(readiness, alive('mail.1', 10, { age, hasShownReady: true })).kind).toBe(
      'ready',
    );
  });

  test('must have been ready if it was seen so, however long it ran', () => {
    const silent = dead('mail.1', 10, { ranFor: seconds(86_400) });
    expect(wasReady(presenceOf(silent, 'dead'), readiness, noon)).toBe(false);
    const seen = crashed('mail.1', 10, { hasShownReady: true });
    expect(wasReady(presenceOf(seen, 'dead'), readiness, noon)).toBe(true);
  });
});

describe('ready.stay', () => {
  const stay = seconds(5);
  const old = (age: number, readyAge?: number): ObservedInstance => {
    const observed = alive('mail.1', 10, {
      age: seconds(age),
      hasShownReady: readyAge !== undefined,
    });
    return {
      ...observed,
      presence: {
        ...presenceOf(observed, 'alive'),
        ...(readyAge !== undefined && { readyAge: seconds(readyAge) }),
      },
    };
  };
  const died = (lived: number, readyAge?: number) => ({
    ...presenceOf(
      crashed('mail.1', 10, { ranFor: seconds(lived), hasShownReady: readyAge !== undefined }),
      'dead',
    ),
    ...(readyAge !== undefined && { readyAge: seconds(readyAge) }),
  });

  test('must count from the moment at which it would be ready, of a time as well', () => {
    const readiness: Readiness = { ...after, stay };
    expect(readying(readiness, old(6))).toEqual({ kind: 'starting', changesIn: 4000 });
    expect(readying(readiness, old(10))).toEqual({ kind: 'ready' });
    expect(wasReady(died(9), readiness, noon)).toBe(false);
    expect(wasReady(died(10), readiness, noon)).toBe(true);
  });

  test.each([...shown, { kind: 'notify', timeout: seconds(60) } as const])(
    'must count from the sign on: $kind',
    (sign) => {
      const readiness: Readiness = { ...sign, stay };
      expect(readying(readiness, old(22, 20))).toEqual({ kind: 'starting', changesIn: 3000 });
      expect(readying(readiness, old(25, 20))).toEqual({ kind: 'ready' });
      expect(readying(readiness, old(20))).toEqual({ kind: 'starting', changesIn: 40_000 });
      expect(wasReady(died(24, 20), readiness, noon)).toBe(false);
      expect(wasReady(died(25, 20), readiness, noon)).toBe(true);
      expect(wasReady(died(86_400), readiness, noon)).toBe(false);
    },
  );

  test('must not make it late: it has shown in time that it is ready', () => {
    const readiness: Readiness = { kind: 'log', pattern: 'up', timeout: seconds(3), stay };
    expect(readying(readiness, old(4, 2)).kind).toBe('starting');
    expect(readying(readiness, old(4)).kind).toBe('late');
  });
});
