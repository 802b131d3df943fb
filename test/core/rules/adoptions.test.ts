// What is noted of processes whose record would be their only witness.
import { describe, expect, test } from 'vitest';
import { adoptionsAfter, unwitnessedAfter } from '../../../src/core/rules/adoptions.ts';
import { identityOf } from '../../../src/core/model/process.ts';
import type { ObservedInstance } from '../../../src/core/model/observation.ts';
import { alive, dead, observation, process, retiring, stray } from '../builders.ts';

const note = (pid: number) => ({ process: identityOf(process(pid)) });

/** A stray that says more about itself. */
const known = (name: string, pid: number, more: object): ObservedInstance => {
  const seen = stray(name, pid);
  return { ...seen, presence: { ...seen.presence, ...more } };
};

describe('an adoption', () => {
  test('must be noted of a stray that neither a shim nor a marker names', () => {
    expect(adoptionsAfter({}, observation(stray('mail.1', 7)))).toEqual({ 'mail.1': note(7) });
    const shim = { pid: 6, runId: 'f00' };
    expect(adoptionsAfter({}, observation(known('mail.1', 7, { shim })))).toEqual({});
    expect(adoptionsAfter({}, observation(known('mail.1', 7, { runId: 'f00' })))).toEqual({});
  });

  test('must be noted of a successor, whose marker is that of its predecessor', () => {
    const seen = known('mail.1', 7, { runId: 'f00', successorOf: { pid: 6, runId: 'f00' } });
    expect(adoptionsAfter({}, observation(seen))).toEqual({ 'mail.1': note(7) });
  });

  test('must be noted of a recorded process only if a person names it', () => {
    const seen = observation(alive('mail.1', 7), alive('mail.2', 8));
    expect(adoptionsAfter({}, seen)).toEqual({});
    expect(adoptionsAfter({}, seen, ['mail.2'])).toEqual({ 'mail.2': note(8) });
  });

  test('must outlive its process, and end when another one has the place', () => {
    const noted = { 'mail.1': note(7) };
    expect(adoptionsAfter(noted, observation(alive('mail.1', 7)))).toEqual(noted);
    expect(adoptionsAfter(noted, observation(dead('mail.1', 7)))).toEqual(noted);
    expect(adoptionsAfter(noted, observation(alive('mail.1', 8)))).toEqual({});
    expect(adoptionsAfter(noted, observation(alive('mail.2', 8)))).toEqual(noted);
  });

  test('must follow its process beside its replacement', () => {
    const old = retiring('mail.1', 7);
    const seen = observation(alive('mail.1', 8), old);
    const key = `mail.1/${old.retiring ?? ''}`;
    expect(adoptionsAfter({ 'mail.1': note(7) }, seen)).toEqual({ [key]: note(7) });
  });
});

test('a process without a witness must be remembered while it lives and is not adopted', () => {
  const noted = { 'mail.1': { ...note(7), problem: 'only its record' } };
  const seen = observation(alive('mail.1', 7));
  expect(unwitnessedAfter(noted, {}, seen)).toEqual(noted);
  expect(unwitnessedAfter(noted, { 'mail.1': note(7) }, seen)).toEqual({});
  expect(unwitnessedAfter(noted, { 'mail.1': note(8) }, seen)).toEqual(noted);
  expect(unwitnessedAfter(noted, {}, observation(dead('mail.1', 7)))).toEqual({});
  expect(unwitnessedAfter(noted, {}, observation(alive('mail.1', 8)))).toEqual({});
});
