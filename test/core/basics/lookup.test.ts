import { expect, test } from 'vitest';
import { lookup, mapOf, withEntries, without } from '../../../src/core/basics/lookup.ts';

/** As JSON.parse makes it: a member of its own, where a literal and an assignment set the prototype. */
const odd = JSON.parse('{"__proto__": 1, "constructor": 2, "mail.1": 3}') as Record<string, number>;

test('a map must be that of Object.fromEntries, whatever the names are', () => {
  const map = mapOf(Object.entries(odd));
  expect(Object.entries(map)).toEqual(Object.entries(Object.fromEntries(Object.entries(odd))));
  expect(Object.getPrototypeOf(map)).toBe(Object.prototype);
  expect(JSON.stringify(map)).toBe(JSON.stringify(odd));
  expect(lookup(map, '__proto__')).toBe(1);
  expect(lookup(map, 'toString')).toBeUndefined();
});

test('the last of two entries with one name must count, in the place of the first', () => {
  const map = withEntries({ a: 1, b: 2 }, [
    ['a', 3],
    ['c', 4],
  ]);
  expect(Object.entries(map)).toEqual([
    ['a', 3],
    ['b', 2],
    ['c', 4],
  ]);
});

test('a map without some names must keep the others', () => {
  expect(Object.entries(without(odd, ['constructor', 'toString']))).toEqual([
    ['__proto__', 1],
    ['mail.1', 3],
  ]);
});
