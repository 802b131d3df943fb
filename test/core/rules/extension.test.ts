import { describe, expect, test } from 'vitest';
import { noDesired } from '../../../src/core/model/desired.ts';
import type { ObservedInstance } from '../../../src/core/model/observation.ts';
import { durationOf } from '../../../src/core/basics/time.ts';
import { lifeOf } from '../../../src/core/rules/lifecycle.ts';
import {
  about,
  aConfig,
  alive,
  aWorker,
  decide,
  nextChange,
  observation,
  planned,
  seconds,
  seenAt,
  stopOf,
  upAtNoon,
} from '../builders.ts';

/** It has asked for this many seconds at noon, of which it may have `most`. */
const asking = (one: ObservedInstance, forSeconds: number, most = 3600): ObservedInstance => {
  const { presence } = one;
  if (presence.kind !== 'alive') throw new Error(presence.kind);
  const until = durationOf(upAtNoon + forSeconds * 1000);
  return { ...one, presence: { ...presence, extension: { until, most: seconds(most) } } };
};

describe('the time to become ready', () => {
  const worker = aWorker('mail', ['1'], { ready: { kind: 'notify', timeout: seconds(60) } });
  const life = (one: ObservedInstance): object => {
    const seen = observation(one);
    const { state, ...rest } = lifeOf(one, worker, { desired: noDesired, observation: seen });
    const { changesIn, timeout } = rest as { changesIn?: number; timeout?: number };
    return { state, ...(changesIn !== undefined && { changesIn }), ...(timeout && { timeout }) };
  };
  const young = alive('mail.1', 10, { age: seconds(50) });
  const old = alive('mail.1', 10, { age: seconds(90) });

  test('must be extended', () => {
    expect(life(asking(young, 30))).toEqual({ state: 'starting', changesIn: 30_000 });
    expect(life(asking(old, 5))).toEqual({ state: 'starting', changesIn: 5_000 });
  });

  test('must not become shorter', () => {
    expect(life(asking(young, 2))).toEqual({ state: 'starting', changesIn: 10_000 });
  });

  test('must end when what was asked for is over, or what may be asked for', () => {
    expect(life(asking(old, 0))).toEqual({ state: 'late', timeout: 90_000 });
    expect(life(asking(old, 600, 30))).toEqual({ state: 'late', timeout: 90_000 });
    expect(life(asking(old, 600, 31))).toEqual({ state: 'starting', changesIn: 1_000 });
    expect(life(asking(old, 600, 0))).toEqual({ state: 'late', timeout: 60_000 });
  });
});

describe('the time to exit', () => {
  const config = aConfig(aWorker('mail', ['1']));
  const deadline = durationOf(upAtNoon + 10_000);
  const draining = alive('mail.1', 10, { stop: stopOf(10, true, { deadline }) });
  const kinds = (after: number, one: ObservedInstance): string[] =>
    planned(config, noDesired, seenAt(seconds(after), one)).map(({ kind }) => kind);

  test('must be extended, and end', () => {
    expect(kinds(10, draining)).toEqual(['kill']);
    const more = asking(draining, 30);
    expect(kinds(29.9, more)).toEqual([]);
    expect(kinds(30, more)).toEqual(['kill']);
    expect(nextChange(config, noDesired, seenAt(seconds(10), more))).toBe(20_000);
  });

  test('must not be extended beyond what the worker allows', () => {
    expect(kinds(11, asking(draining, 30, 1))).toEqual(['kill']);
    expect(kinds(10, asking(draining, 30, 0))).toEqual(['kill']);
  });

  test('must not be extended if a command has set it', () => {
    const stop = stopOf(10, true, { deadline, endsSession: true });
    expect(kinds(10, asking(alive('mail.1', 10, { stop }), 30))).toEqual(['kill']);
    const goal = { kind: 'stop', killAfter: seconds(10), ...about('mail.1') } as const;
    const asked = asking(alive('mail.1', 10, { stop: stopOf(10) }), 30);
    const { desired } = decide(config, noDesired, observation(asked), goal);
    expect(decide(config, desired, seenAt(seconds(10), asked)).plan).toMatch(/^kill mail\.1/);
  });
});

describe('the time without a sign of life', () => {
  const heartbeat = { timeout: seconds(30), dump: 'QUIT', grace: seconds(2) } as const;
  const config = aConfig(aWorker('mail', ['1'], { heartbeat }));
  const silent = { ...alive('mail.1', 10), silence: seconds(40) };
  const kinds = (one: ObservedInstance): string[] =>
    planned(config, noDesired, observation(one)).map(({ kind }) => kind);

  test('must be extended, and end', () => {
    expect(kinds(silent)).toEqual(['dump']);
    expect(kinds(asking(silent, 5))).toEqual([]);
    expect(kinds(asking(silent, 0))).toEqual(['dump']);
    expect(nextChange(config, noDesired, observation(asking(silent, 5)))).toBe(5_000);
  });

  test('must not be extended beyond what the worker allows', () => {
    expect(kinds(asking(silent, 600, 10))).toEqual(['dump']);
    expect(kinds(asking(silent, 600, 11))).toEqual([]);
  });
});
