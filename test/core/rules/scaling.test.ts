import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { noDesired } from '../../../src/core/model/desired.ts';
import type { ObservedInstance } from '../../../src/core/model/observation.ts';
import { identifiersFor, countsAfter, withCounts } from '../../../src/core/rules/scaling.ts';
import {
  about,
  absent,
  aConfig,
  alive,
  aWorker,
  busy,
  dead,
  decide,
  idle,
  noon,
  observation,
} from '../builders.ts';

const wanting = (...identifiers: string[]) => ({ at: noon, by: 'ann@web1', identifiers });
const mail = aWorker('mail', ['1', '2', '3']);
const nothing = observation();

describe('growing', () => {
  test('must take the lowest numbers that are free, in order', () => {
    expect(identifiersFor(mail, 5, nothing)).toEqual(['1', '2', '3', '4', '5']);
    expect(identifiersFor(aWorker('mail', ['2', '11']), 4, nothing)).toEqual(['1', '2', '3', '11']);
    expect(identifiersFor(aWorker('mail', []), 2, nothing)).toEqual(['1', '2']);
  });

  test('from a dozen must not sort as text does', () => {
    expect(identifiersFor(aWorker('mail', ['9', '10']), 3, nothing)).toEqual(['1', '9', '10']);
  });
});

describe('shrinking must let go', () => {
  const one = (name: string, how: ObservedInstance | undefined): ObservedInstance =>
    how ?? absent(name);
  const kept = (count: number, ...seen: (ObservedInstance | undefined)[]): string[] =>
    identifiersFor(mail, count, observation(...seen.map((how, at) => one(`mail.${at + 1}`, how))));
  const working = (at: number) => alive(`mail.${at}`, at, { activity: busy });
  const resting = (at: number) => alive(`mail.${at}`, at, { activity: idle });
  const silent = (at: number) => alive(`mail.${at}`, at);

  test('the highest number among equals', () => {
    expect(kept(2, resting(1), resting(2), resting(3))).toEqual(['1', '2']);
    expect(kept(1, working(1), working(2), working(3))).toEqual(['1']);
    expect(kept(0, working(1), resting(2), silent(3))).toEqual([]);
  });

  test('the idle one before one of which nothing is known, and that before the busy one', () => {
    expect(kept(2, resting(1), silent(2), working(3))).toEqual(['2', '3']);
    expect(kept(1, resting(1), silent(2), working(3))).toEqual(['3']);
  });

  test('what is down before anything that runs', () => {
    expect(kept(2, undefined, resting(2), resting(3))).toEqual(['2', '3']);
    expect(kept(2, dead('mail.1', 1), working(2), resting(3))).toEqual(['2', '3']);
  });
});

test('any count must give exactly so many different ones, and keep or drop no one without need', () => {
  const fates = fc.constantFrom('busy', 'idle', 'silent', 'down');
  const worlds = fc.uniqueArray(fc.tuple(fc.integer({ min: 1, max: 60 }), fates), {
    selector: ([number]) => number,
    maxLength: 30,
  });
  fc.assert(
    fc.property(worlds, fc.integer({ min: 0, max: 40 }), (world, count) => {
      const numbers = world.map(([number]) => String(number));
      const seen = observation(
        ...world.map(([number, fate]) => {
          const name = `mail.${number}`;
          if (fate === 'down') return dead(name, number);
          if (fate === 'silent') return alive(name, number);
          return alive(name, number, { activity: fate === 'busy' ? busy : idle });
        }),
      );
      const found = identifiersFor(aWorker('mail', numbers), count, seen);
      expect(new Set(found).size).toBe(count);
      expect(found).toHaveLength(count);
      const both = numbers.filter((number) => found.includes(number)).length;
      expect(both).toBe(Math.min(count, numbers.length));
      const gone = world.filter(([number]) => !found.includes(String(number)));
      if (gone.some(([, fate]) => fate === 'busy'))
        expect(
          world.filter(([number]) => found.includes(String(number))).map(([, fate]) => fate),
        ).toEqual(Array.from({ length: count }, () => 'busy'));
    }),
  );
});

describe('the config in force', () => {
  const config = aConfig(mail, aWorker('images', ['1']));

  test('must be the very config if no other count is wanted', () => {
    expect(withCounts(config, noDesired)).toBe(config);
    expect(
      withCounts(config, {
        ...noDesired,
        counts: { mail: wanting('1', '2'), gone: wanting('1') },
      }).workers.map(({ name, identifiers }) => [name, ...identifiers]),
    ).toEqual([
      ['mail', '1', '2'],
      ['images', '1'],
    ]);
  });

  test('must go back to the configured ones when the want is gone, also from a config in force', () => {
    const inForce = withCounts(config, { ...noDesired, counts: { mail: wanting() } });
    expect(inForce.workers[0]).toMatchObject({ identifiers: [], configured: ['1', '2', '3'] });
    expect(withCounts(inForce, noDesired).workers[0]?.identifiers).toEqual(['1', '2', '3']);
  });
});

test('a want must take the place of the one before, and a reset only its own', () => {
  const first = countsAfter({}, 'mail', wanting('1'));
  const both = countsAfter(countsAfter(first, 'images', wanting('7')), 'mail', wanting('1', '2'));
  expect(both).toEqual({ mail: wanting('1', '2'), images: wanting('7') });
  expect(countsAfter(both, 'mail', undefined)).toEqual({ images: wanting('7') });
  expect(countsAfter({}, 'mail', undefined)).toEqual({});
});

test('a stop must be noted for instances that are wanted or alive, not for one that is gone and no longer wanted', () => {
  const config = aConfig(aWorker('mail', ['1', '2']));
  const seen = observation(
    absent('mail.1'),
    dead('mail.2', 2),
    alive('mail.3', 3),
    dead('mail.4', 4),
  );
  const goal = { kind: 'stop', ...about('mail.1', 'mail.2', 'mail.3', 'mail.4') } as const;
  const { desired } = decide(config, noDesired, seen, goal);
  expect(Object.keys(desired.stopped)).toEqual(['mail.1', 'mail.2', 'mail.3']);
  const three = { ...noDesired, counts: { mail: wanting('4') } };
  expect(Object.keys(decide(config, three, seen, goal).desired.stopped)).toEqual([
    'mail.3',
    'mail.4',
  ]);
});
